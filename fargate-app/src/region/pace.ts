/**
 * How often a router asks EFS for the replication while reads wait for it. EFS takes few calls a second, of all workers of
 * all routers together, and what it says changes once a sync, which takes minutes.
 */

/** Milliseconds from one poll to the next: at first, and at most. */
const MIN_REPLICA_POLL_INTERVAL = 1_000;
const MAX_REPLICA_POLL_INTERVAL = 30_000;

/** The share of an interval by which it differs at random: routers that started together poll apart. */
const JITTER = 0.25;

export interface Pace {
  /** Milliseconds until the poll after the next one. */
  readonly interval: number;
  /** When the next poll may begin, in milliseconds of a clock that never goes back. */
  readonly nextAt: number;
}

export const AT_ONCE: Pace = { interval: MIN_REPLICA_POLL_INTERVAL, nextAt: Number.NEGATIVE_INFINITY };

/**
 * @param now When a poll has ended.
 * @param isNews Whether it found a newer replica. One that failed did not.
 * @param random From 0 to 1.
 */
export function paceAfter(pace: Pace, now: number, isNews: boolean, random: number): Pace {
  const hasPaused = now - pace.nextAt > MAX_REPLICA_POLL_INTERVAL;
  const interval = isNews || hasPaused ? MIN_REPLICA_POLL_INTERVAL : pace.interval;
  return {
    interval: Math.min(2 * interval, MAX_REPLICA_POLL_INTERVAL),
    nextAt: now + interval * (1 + JITTER * (2 * random - 1)),
  };
}

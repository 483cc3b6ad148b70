/** When a worker that ended is replaced. */

/** Milliseconds. What ended before counts no more. */
const WINDOW = 60_000;

/** Of each worker in {@link WINDOW}. More are too many: the next one would end, too. */
const MAX_ENDS_PER_WORKER = 3;

/** Milliseconds to wait from the second end in {@link WINDOW} on; each time twice as long. */
const FIRST_DELAY = 100;
const MAX_DELAY = 5_000;

/** Milliseconds until a worker is started in the place of one that ended, or `give-up`: the task is to end. */
export type Restart = number | "give-up";

/** The ends of workers, on any clock of milliseconds that does not go back, that still count. */
export function recentEnds(ends: readonly number[], now: number): number[] {
  return ends.filter((end) => now - end < WINDOW);
}

/**
 * @param recent how many workers have ended lately, the last of them just now.
 * @param workers that there are to be.
 */
export function restartAfter(recent: number, workers: number): Restart {
  if (recent > MAX_ENDS_PER_WORKER * workers) return "give-up";
  return recent <= 1 ? 0 : Math.min(MAX_DELAY, FIRST_DELAY * 2 ** (recent - 2));
}

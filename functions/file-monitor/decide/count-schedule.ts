/**
 * When the files are counted again. A count of a large tree takes minutes and is metered, so far from the threshold it
 * may wait; near the threshold every run counts.
 */
import type { Settings } from "../settings.ts";

/** What is remembered of a count. */
export interface PastCount {
  readonly files: number;
  /** False for a lower bound: how far the threshold is was not known then. */
  readonly complete: boolean;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Whether it read every directory; otherwise only those that had changed. Default false. */
  readonly readAll?: boolean;
}

/** The last count and the one before it, as far as there were any. */
export interface PastCounts {
  readonly last: PastCount;
  readonly before: PastCount | undefined;
}

export type CountScheduleSettings = Pick<Settings, "fileCountThreshold" | "maxCountTimeShare">;

/** A count this close to the threshold, as a share of it, is repeated with every run. */
const NEIGHBOURHOOD = 0.2;

/** How much faster than between the last two counts the number may grow without being missed. */
const GROWTH_MARGIN = 2;

/**
 * Whether a run at `now` has to count, or may go by the last count.
 *
 * @param now milliseconds since 1970.
 */
export function isCountDue(now: number, past: PastCounts | undefined, settings: CountScheduleSettings): boolean {
  if (past === undefined) return true;
  const sinceLastCount = now - past.last.startedAt;
  // A clock that was set back must not put counts off.
  return sinceLastCount < 0 || sinceLastCount >= countInterval(past, settings);
}

/**
 * The milliseconds from the start of the last count to that of the next. 0: the next run counts.
 *
 * - 0 near the threshold, after a count that was not complete, and while it is not known how fast the number changes.
 * - Otherwise so long that counting takes at most `maxCountTimeShare` of the time, but no longer than until the
 *   threshold could be reached if the number changed {@link GROWTH_MARGIN} times as fast as between the last two counts.
 */
export function countInterval(
  { last, before }: PastCounts,
  { fileCountThreshold, maxCountTimeShare }: CountScheduleSettings,
): number {
  const distance = Math.abs(last.files - fileCountThreshold);
  const isNear = distance <= NEIGHBOURHOOD * fileCountThreshold;
  if (isNear || !last.complete || before === undefined || !before.complete) return 0;
  const filesPerMillisecond = Math.abs(last.files - before.files) / Math.max(1, last.startedAt - before.startedAt);
  return Math.min(nextDuration(last, before) / maxCountTimeShare, distance / (GROWTH_MARGIN * filesPerMillisecond));
}

/** How long the next count should take: one that follows a count of everything reads only what has changed. */
function nextDuration(last: PastCount, before: PastCount): number {
  return last.readAll === true && before.readAll !== true ? before.duration : last.duration;
}

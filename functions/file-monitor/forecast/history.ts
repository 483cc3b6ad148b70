/**
 * The counts of the last two weeks, thinned: all of the last hours, and one of each hour before.
 */

/** A count that was complete. */
export interface Count {
  /** When it began: milliseconds since 1970, whole minutes. */
  readonly time: number;
  readonly files: number;
}

/** Oldest first, no two at one time. Hours without a count are gaps: the monitor did not run, or had no reason to count. */
export type History = readonly Count[];

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Two weeks, and the hour that their first addition begins with. */
export const MAX_AGE = 14 * DAY + HOUR;
/** How long every count is kept, one for each of {@link FINE_STEP}. */
const FINE_AGE = 3 * HOUR;
const FINE_STEP = 5 * MINUTE;

/**
 * The history with one more count.
 *
 * What is not older than the new count came from a clock that was ahead, and is dropped: the clock of today is believed.
 */
export function addCount(history: History, { time, files }: Count): History {
  const minute = Math.floor(time / MINUTE) * MINUTE;
  const earlier = history.filter((count) => count.time < minute);
  return thin([...earlier, { time: minute, files }], minute);
}

/** Of the last hours the last count of each step, before that the first of each hour, so that hours are equally long. */
function thin(history: History, now: number): History {
  const kept = history.filter(({ time }) => now - time <= MAX_AGE);
  return kept.filter(({ time }, index) => {
    if (now - time < FINE_AGE) return slot(time, FINE_STEP) !== slot(kept[index + 1]?.time, FINE_STEP);
    return slot(time, HOUR) !== slot(kept[index - 1]?.time, HOUR);
  });
}

function slot(time: number | undefined, length: number): number | undefined {
  return time === undefined ? undefined : Math.floor(time / length);
}

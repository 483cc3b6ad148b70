/** A story of hours or days that is told in seconds: how many files there are when, and what must come of it. */

export interface Scenario {
  readonly name: string;
  /** What happens, in a sentence. */
  readonly story: string;
  /** How much of the story goes by in a second. */
  readonly minutesPerSecond: number;
  /** How much of it lies before the demo. It is not lived through: the monitor only remembers it. */
  readonly hoursBefore: number;
  /** How much of it is shown. */
  readonly hours: number;
  /**
   * The number of files as a share of the threshold, at most {@link MAX_SHARE}.
   *
   * @param hour Since the demo began; negative before it.
   */
  readonly shareAt: (hour: number) => number;
  /** Minutes from one run of the monitor to the next. */
  readonly monitorInterval: number;
  /** Minutes that scale-outs took before the demo, as far as the monitor remembers any. */
  readonly leadTimes: readonly number[];
  /** The monitor's, beside those of every stack. */
  readonly settings: Readonly<Record<string, string>>;
  /** Whether the third mount target must be there before the threshold is passed, and not only after. */
  readonly isAhead: boolean;
  /** Whether it must be taken away again, and must not be. */
  readonly isTakenAway: boolean;
}

export const MAX_SHARE = 1.1;

/** The threshold of a scenario that has so many files to work with. */
export function thresholdFor(files: number): number {
  return Math.floor(files / MAX_SHARE);
}

/** How many files there are at an hour. */
export function filesAt({ shareAt }: Scenario, threshold: number, hour: number): number {
  return Math.round(threshold * Math.min(MAX_SHARE, Math.max(0, shareAt(hour))));
}

/**
 * How long all has been as it is: what scale-in remembers between runs. Whatever is not certain begins anew, so losing it
 * only makes a mount target stay for longer.
 */

export interface Stability {
  /** When it was last looked at. All times are milliseconds since 1970. */
  readonly seenAt: number;
  /** Since when every run has found few files; undefined where the last one did not. */
  readonly fewSince: number | undefined;
  /** Since when the mount targets have been the same, and the threshold was not passed. */
  readonly stableSince: number;
  /** The mount targets that are to stay, sorted. */
  readonly mountTargetIds: readonly string[];
  /** Below how many files there are few, as configured. */
  readonly fewFiles: number;
  /** The mount target that is being retired. */
  readonly retirement: Retirement | undefined;
}

export interface Retirement {
  readonly mountTargetId: string;
  readonly since: number;
  /** Whether its deletion has begun, which no run takes back. */
  readonly isFinal: boolean;
}

/** Since when, as the mount table has it. */
export function retirementTime({ since }: Pick<Retirement, "since">): string {
  return new Date(since).toISOString();
}

/** What a run sees. */
export interface StabilitySighting extends Pick<Stability, "fewFiles"> {
  readonly now: number;
  readonly hasFewFiles: boolean;
  readonly isThresholdPassed: boolean;
  /** All there are, in any order. */
  readonly mountTargetIds: readonly string[];
}

/** Runs further apart than this share of the window leave a gap between them, of which nothing is known. */
const MAX_GAP_SHARE = 0.5;

/** Milliseconds: four times the longest run. */
const MIN_ABSENCE = 3_600_000;

/** @param window milliseconds for which few files have to be found. */
export function takeNotice(before: Stability | undefined, seen: StabilitySighting, window: number): Stability {
  const { now, hasFewFiles, isThresholdPassed, fewFiles } = seen;
  const retirement = before && isAbsence(before.seenAt, now, window) ? undefined : before?.retirement;
  const mountTargetIds = seen.mountTargetIds.filter((id) => id !== retirement?.mountTargetId).sort();
  const known = before !== undefined && isWithoutGap(before.seenAt, now, window) ? before : undefined;
  const isSame = known?.fewFiles === fewFiles && String(known.mountTargetIds) === String(mountTargetIds);
  return {
    seenAt: now,
    fewSince: hasFewFiles ? ((known?.fewFiles === fewFiles ? known.fewSince : undefined) ?? now) : undefined,
    stableSince: isSame && !isThresholdPassed ? known.stableSince : now,
    mountTargetIds,
    fewFiles,
    retirement,
  };
}

/** Whether nobody has looked for so long that a retirement is over, such as after a time without scale-in. */
function isAbsence(seenAt: number, now: number, window: number): boolean {
  return Math.abs(now - seenAt) > Math.max(MIN_ABSENCE, MAX_GAP_SHARE * window);
}

/** A clock that was set back leaves one, too. */
function isWithoutGap(seenAt: number, now: number, window: number): boolean {
  return now >= seenAt && now - seenAt <= MAX_GAP_SHARE * window;
}

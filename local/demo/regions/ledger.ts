/**
 * What was written where and when, and what of it is there: the accounts of a failover.
 *
 * Every file is written in versions, one after the other, and says which one it is.
 */

export type Side = "home" | "standby";

/** A write, as its client saw it. Times are milliseconds since 1970. */
export interface Write {
  readonly path: string;
  readonly version: number;
  readonly side: Side;
  readonly sentAt: number;
  readonly endedAt: number;
  /** `unknown`: there was no response, so it may have been done. */
  readonly outcome: "acknowledged" | "refused" | "unknown";
}

/** What was found in a file: a version; `missing`; or `damaged`, which is no version that was ever sent. */
export type Found = number | "missing" | "damaged";

export interface Loss {
  /** The acknowledged writes that are not there, nor a later one in their place. */
  readonly lost: readonly Write[];
  /** Files that hold what they may not: no version, one that nobody wrote in this time, or one from before it. */
  readonly mismatched: readonly string[];
}

/**
 * What is missing of the writes of a time, given what every path held after and before it.
 *
 * @param before Missing when absent.
 */
export function findLoss(
  writes: readonly Write[],
  after: ReadonlyMap<string, Found>,
  before: ReadonlyMap<string, Found> = new Map(),
): Loss {
  const versions = new Map<string, Set<number>>();
  for (const { path, version } of writes) versions.set(path, (versions.get(path) ?? new Set()).add(version));
  const lost = writes.filter(
    ({ path, version, outcome }) => outcome === "acknowledged" && version > versionOf(after.get(path)),
  );
  const mismatched = [...after].filter(([path, now]) => {
    const earlier = before.get(path) ?? "missing";
    if (now === "damaged" || versionOf(now) < versionOf(earlier)) return true;
    // A write that was refused may have been done: its router lost the right to write before it could say so.
    return now !== earlier && now !== "missing" && versions.get(path)?.has(now) !== true;
  });
  return { lost, mismatched: mismatched.map(([path]) => path) };
}

function versionOf(found: Found | undefined): number {
  return typeof found === "number" ? found : 0;
}

/**
 * The writes that the home region acknowledged while the other one was the primary: sent after the first response of
 * the other one, and answered before its last write was sent. Each is one too many.
 */
export function findTwoWriters(writes: readonly Write[]): Write[] {
  const acknowledged = writes.filter(({ outcome }) => outcome === "acknowledged");
  const away = acknowledged.filter(({ side }) => side === "standby");
  const begin = Math.min(...away.map(({ endedAt }) => endedAt));
  const end = Math.max(...away.map(({ sentAt }) => sentAt));
  return acknowledged.filter(({ side, sentAt, endedAt }) => side === "home" && sentAt > begin && endedAt < end);
}

/** The writes that were acknowledged before that time. */
export function olderThan(writes: readonly Write[], time: number): Write[] {
  return writes.filter(({ endedAt }) => endedAt < time);
}

/** Seconds from the oldest acknowledgement among the lost writes to the end of the region; 0 when nothing is lost. */
export function recoveryPoint(lost: readonly Write[], endedAt: number): number {
  return lost.length === 0 ? 0 : (endedAt - Math.min(...lost.map((write) => write.endedAt))) / 1000;
}

/**
 * The order of changes that were read from several logs.
 *
 * A change that was acknowledged before another one began was recorded before it. So whoever has read the second one, and
 * then reads all logs to their ends, has read the first one, too: what one pass has brought is due after the next one. Of
 * changes of a path that were made at the same time, the earlier one may be recorded later. It still comes first where the
 * next pass brings it. Even later, it is marked as superseded.
 */
import { compareVersions, isVersioned, type LogEntry, type VersionedEntry } from "./change.ts";

/** An entry that a subscriber gets. */
export interface Ordered<Entry extends LogEntry = LogEntry> {
  readonly entry: Entry;
  /** A later version of the path was delivered before. */
  readonly superseded: boolean;
}

/**
 * What of two passes is due: all of `earlier`, and what of `later` comes before it. Both, and what is left of `later`, stay
 * in the order in which they were read.
 */
export function dueOf<Read extends { readonly entry: LogEntry }>(
  earlier: readonly Read[],
  later: readonly Read[],
): { readonly due: readonly Read[]; readonly rest: readonly Read[] } {
  const latest = new Map<string, VersionedEntry>();
  for (const { entry } of earlier) {
    if (!isVersioned(entry)) continue;
    const known = latest.get(entry.path);
    if (known === undefined || compareVersions(entry, known) > 0) latest.set(entry.path, entry);
  }
  const isDue = ({ entry }: Read) => {
    const known = isVersioned(entry) ? latest.get(entry.path) : undefined;
    return known !== undefined && isVersioned(entry) && compareVersions(entry, known) < 0;
  };
  return {
    due: inVersionOrder([...later.filter(isDue), ...earlier]),
    rest: later.filter((read) => !isDue(read)),
  };
}

/** The same, with the changes of each path in the order of their versions: they change places with each other. */
export function inVersionOrder<Read extends { readonly entry: LogEntry }>(reads: readonly Read[]): readonly Read[] {
  const places = new Map<string, number[]>();
  for (const [index, { entry }] of reads.entries()) {
    if (!isVersioned(entry)) continue;
    const ofPath = places.get(entry.path);
    if (ofPath === undefined) places.set(entry.path, [index]);
    else ofPath.push(index);
  }
  const ordered = [...reads];
  for (const indexes of places.values()) {
    if (indexes.length === 1) continue;
    const ofPath = indexes.flatMap((index) => reads[index] ?? []).sort(byVersion);
    for (const [at, read] of ofPath.entries()) ordered[indexes[at] ?? 0] = read;
  }
  return ordered;
}

function byVersion({ entry: one }: { entry: LogEntry }, { entry: two }: { entry: LogEntry }): number {
  return isVersioned(one) && isVersioned(two) ? compareVersions(one, two) : 0;
}

/** Paths whose last version is remembered; by far more than change within the time that a record can be late. */
const MAX_REMEMBERED = 100_000;

/** What a subscriber has got. */
export class Delivered {
  readonly #latest = new Map<string, VersionedEntry>();
  readonly #directories = new Map<string, number>();

  /** Notes that the entry is delivered; undefined where it need not be: another process has recorded the same. */
  next<Entry extends LogEntry>(entry: Entry): Ordered<Entry> | undefined {
    if (entry.kind === "directory-changed") {
      const key = `${entry.path}${entry.recursive ? "/" : ""}`;
      if (this.#directories.get(key) === entry.foundAt) return undefined;
      remember(this.#directories, key, entry.foundAt);
      return { entry, superseded: false };
    }
    if (!isVersioned(entry)) return { entry, superseded: false };
    const latest = this.#latest.get(entry.path);
    if (latest !== undefined && compareVersions(entry, latest) < 0) return { entry, superseded: true };
    remember(this.#latest, entry.path, entry);
    return { entry, superseded: false };
  }
}

/** The one that was remembered longest ago makes room. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_REMEMBERED) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** Pages of a bucket's keys, grouped by a delimiter as S3 does. */
import type { RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { inGroups } from "../in-groups.ts";
import { compareKeys } from "../keys.ts";
import { RECORDS_AT_ONCE, type Records } from "../objects/records.ts";
import type { StoredObject } from "../objects/stored-object.ts";
import { KeyWalk, type ListedKey } from "./walk.ts";

export interface ListOptions {
  readonly bucket: string;
  readonly prefix: string;
  /** Empty for none. */
  readonly delimiter: string;
  /** The keys are to come after this one; where it is a common prefix, after all keys that begin with it. */
  readonly after: string;
  readonly maxKeys: number;
}

export interface Listing {
  readonly objects: readonly StoredObject[];
  readonly commonPrefixes: readonly string[];
  /** The last of all, where there are more: the next page comes after it. */
  readonly next: string | undefined;
}

export async function listObjects(files: RoutedFiles, records: Records, options: ListOptions): Promise<Listing> {
  const { bucket, prefix, delimiter, after, maxKeys } = options;
  if (maxKeys === 0) return { objects: [], commonPrefixes: [], next: undefined };
  const commonPrefixOf = (key: string): string | undefined => {
    if (delimiter === "") return undefined;
    const end = key.indexOf(delimiter, prefix.length);
    return end < 0 ? undefined : key.slice(0, end + delimiter.length);
  };
  const listed: ListedKey[] = [];
  const commonPrefixes: string[] = [];
  let last: string | undefined;
  const page = (next: string | undefined) =>
    describeAll(files, records, { bucket, listed }).then((objects): Listing => ({ objects, commonPrefixes, next }));
  const isClosed = (directoryKey: string) => {
    const group = commonPrefixOf(directoryKey);
    // Where the page begins within a directory, it takes the keys that are left to tell whether there are any.
    return group !== undefined && (group === after || !after.startsWith(directoryKey));
  };
  const walk = new KeyWalk(files, records, { bucket, prefix, after, atOnce: maxKeys + 1, isClosed });
  for await (const entry of walk.keys()) {
    const group = commonPrefixOf(entry.key);
    if (group !== undefined && (group === last || isBehind(group, after, delimiter))) continue;
    if (listed.length + commonPrefixes.length === maxKeys) return page(last);
    if (group === undefined) listed.push(entry);
    else commonPrefixes.push(group);
    last = group ?? entry.key;
  }
  return page(undefined);
}

/** The page before has ended with it. */
function isBehind(group: string, after: string, delimiter: string): boolean {
  return after.endsWith(delimiter) && compareKeys(group, after) <= 0;
}

interface ListedKeys {
  readonly bucket: string;
  readonly listed: readonly ListedKey[];
}

async function describeAll(
  files: RoutedFiles,
  records: Records,
  { bucket, listed }: ListedKeys,
): Promise<StoredObject[]> {
  const objects = await inGroups(listed, RECORDS_AT_ONCE, async ({ key, path, attributes, description }) => {
    const kind = key.endsWith("/") ? "directory" : "file";
    const described =
      kind === "directory"
        ? { attributes, description }
        : await records.describe(path, attributes, files, { together: true });
    return described?.attributes.type === kind ? [{ place: { bucket, key, path, kind } as const, ...described }] : [];
  });
  return objects.flat();
}

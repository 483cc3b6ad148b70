/** The directories that have changed, in a list of bounded size: if they are too many, those above stand for them. */
import type { ChangedDirectories } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { decodeName } from "nfs-client";

type Summary = ChangedDirectories["directories"];

/** Bytes of JSON: the parameter that it is published in has 4,096 for everything. */
const MAX_BYTES = 1_000;

/** @param paths byte strings, relative to the counted directory; undefined where nothing is known of any directory. */
export function summarizeDirectories(paths: readonly string[] | undefined): Summary {
  if (paths === undefined) return [{ path: "", recursive: true }];
  const all = paths.map(namesOf);
  for (let depth = Math.max(0, ...all.map(({ length }) => length)); depth > 0; depth--) {
    const summary = cutAt(depth, all);
    if (Buffer.byteLength(JSON.stringify(summary)) <= MAX_BYTES) return summary;
  }
  return cutAt(0, all);
}

function cutAt(depth: number, all: readonly (readonly string[])[]): Summary {
  const summary = new Map<string, boolean>();
  for (const names of all) {
    const path = names.slice(0, depth).join("/");
    summary.set(path, (summary.get(path) ?? false) || names.length > depth);
  }
  return [...summary].map(([path, recursive]) => ({ path, recursive }));
}

function namesOf(path: string): string[] {
  return path
    .split("/")
    .filter((name) => name !== "")
    .map((name) => decodeName(Buffer.from(name, "latin1")));
}

/**
 * A tree of files as a replication sees it. Paths are relative to its root, and Latin-1 strings of their bytes: names
 * need not be UTF-8.
 */
import type { BigIntStats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";

export interface Attributes {
  /** Permission bits. */
  readonly mode: number;
  /** Nanoseconds since 1970, in decimal. */
  readonly modifiedAt: string;
}

export type Kind = "directory" | "file" | "symbolic-link";

/** An entry as it was at some time. */
export interface Entry extends Attributes {
  readonly path: string;
  readonly kind: Kind;
  readonly bytes: number;
  /** Which object it is: hard links have the same. */
  readonly inode: string;
  /** Names it has. */
  readonly links: number;
  /** When it was last changed in any way, in nanoseconds since 1970. */
  readonly changedAt: bigint;
  /** When this was found out, or a little before; in milliseconds since 1970. */
  readonly seenAt: number;
}

/** Directories come before what is in them. */
export type Tree = ReadonlyMap<string, Entry>;

/**
 * All entries below a directory. What comes and goes meanwhile can be missing, or be there twice under two names. What
 * is neither file, directory nor symbolic link is left out: NFS clients cannot make it.
 */
export async function scan(root: string): Promise<Tree> {
  const entries = new Map<string, Entry>();
  const directories = [""];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    const names = await namesIn(root, directory);
    const found = await Promise.all([...names].map((name) => entryAt(root, below(directory, name))));
    for (const entry of found) {
      if (entry === undefined) continue;
      entries.set(entry.path, entry);
      if (entry.kind === "directory") directories.push(entry.path);
    }
  }
  return entries;
}

/** More would hardly find any more. */
const MAX_READS = 5;

/** A file that replaces another one while the directory is read can be missed, although its name is always there. */
async function namesIn(root: string, directory: string): Promise<Set<string>> {
  const at = absolute(root, directory);
  const names = new Set<string>();
  for (let reads = 0; reads < MAX_READS; reads++) {
    const before = await ifThere(lstat(at, { bigint: true }));
    for (const name of (await ifThere(readdir(at, { encoding: "latin1" }))) ?? []) names.add(name);
    const after = await ifThere(lstat(at, { bigint: true }));
    if (before?.ctimeNs === after?.ctimeNs) break;
  }
  return names;
}

/** What is at the path now. */
export async function entryAt(root: string, path: string): Promise<Entry | undefined> {
  const seenAt = Date.now();
  const stat = await ifThere(lstat(absolute(root, path), { bigint: true }));
  return stat === undefined ? undefined : entryOf(path, stat, seenAt);
}

/** @param seenAt From before its status was asked for, in milliseconds since 1970. */
export function entryOf(path: string, stat: BigIntStats, seenAt: number): Entry | undefined {
  const kind = stat.isFile()
    ? "file"
    : stat.isDirectory()
      ? "directory"
      : stat.isSymbolicLink()
        ? "symbolic-link"
        : undefined;
  if (kind === undefined) return undefined;
  return {
    path,
    kind,
    mode: Number(stat.mode & 0o7777n),
    modifiedAt: String(stat.mtimeNs),
    bytes: Number(stat.size),
    inode: `${stat.dev}:${stat.ino}`,
    links: Number(stat.nlink),
    changedAt: stat.ctimeNs,
    seenAt,
  };
}

export function absolute(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, "latin1")]);
}

export function below(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

/** `undefined` when there is nothing of that name any more. */
export async function ifThere<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

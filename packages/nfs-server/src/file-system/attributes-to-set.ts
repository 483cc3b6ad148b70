/** Setting attributes of an object: SETATTR, and what creations bring along. */
import type { BigIntStats } from "node:fs";
import { chmod, lchown, lutimes, truncate } from "node:fs/promises";
import { Attribute, FileTypeCode } from "nfs-client/wire";
import { ServerAttribute } from "../protocol.ts";
import { StatusError } from "../status-error.ts";
import { fchmod, fchown, ftruncate, futimes } from "./descriptors.ts";
import type { Inode } from "./inode.ts";
import type { OpenFile } from "./open-file.ts";
import type { Tree } from "./tree.ts";

export interface AttributesToSet {
  /** Bytes. */
  readonly size?: number;
  readonly mode?: number;
  readonly owner?: number;
  readonly group?: number;
  /** Seconds since 1970. */
  readonly accessTime?: number;
  readonly modifyTime?: number;
}

/**
 * Sets them one after the other, and adds the number of each that is set to `done`, so that a failure can tell how far
 * it came. Only for use within a change of the tree.
 */
export async function setAttributes(
  tree: Tree,
  inode: Inode,
  { size, mode, owner, group, accessTime, modifyTime }: AttributesToSet,
  done: number[] = [],
): Promise<void> {
  const stat = tree.statNow(inode);
  const file = inode.openFile?.retain();
  const calls = file === undefined ? callsOnPath(tree, inode) : callsOnDescriptor(tree, inode, file);
  try {
    if (size !== undefined) {
      requireSizeable(inode);
      await calls.truncate(size);
      done.push(Attribute.SIZE);
    }
    if (owner !== undefined || group !== undefined) {
      await calls.chown(owner ?? Number(stat.uid), group ?? Number(stat.gid));
      if (owner !== undefined) done.push(Attribute.OWNER);
      if (group !== undefined) done.push(Attribute.OWNER_GROUP);
    }
    if (mode !== undefined) {
      // The mode of a symbolic link means nothing, and Linux has no call to set it; clients set it all the same.
      if (inode.type !== FileTypeCode.SYMBOLIC_LINK) await calls.chmod(mode);
      done.push(Attribute.MODE);
    }
    if (accessTime !== undefined || modifyTime !== undefined) {
      const times = [accessTime ?? seconds(stat, "atimeNs"), modifyTime ?? seconds(stat, "mtimeNs")] as const;
      await calls.utimes(timeOf(times[0]), timeOf(times[1]));
      if (accessTime !== undefined) done.push(ServerAttribute.TIME_ACCESS_SET);
      if (modifyTime !== undefined) done.push(ServerAttribute.TIME_MODIFY_SET);
    }
    if (done.length > 0) tree.changed(inode);
  } finally {
    file?.release();
  }
}

/** The first time that a Date can be, in milliseconds. */
const FIRST_DATE = -8.64e15;

interface Calls {
  truncate(size: number): Promise<void>;
  chown(owner: number, group: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  utimes(accessTime: number | Date, modifyTime: number | Date): Promise<void>;
}

/** For a file that is open, and perhaps has no path any more. */
function callsOnDescriptor(tree: Tree, inode: Inode, { descriptor, writable }: OpenFile): Calls {
  return {
    truncate: (size) => (writable ? ftruncate(descriptor, size) : callsOnPath(tree, inode).truncate(size)),
    chown: (owner, group) => fchown(descriptor, owner, group),
    chmod: (mode) => fchmod(descriptor, mode),
    utimes: (accessTime, modifyTime) => futimes(descriptor, accessTime, modifyTime),
  };
}

/** No path here ends in a symbolic link where the call would follow it: the type of the object is known. */
function callsOnPath(tree: Tree, inode: Inode): Calls {
  const path = tree.absolute(tree.locate(inode).path);
  return {
    truncate: (size) => truncate(path, size),
    chown: (owner, group) => lchown(path, owner, group),
    chmod: (mode) => chmod(path, mode),
    utimes: (accessTime, modifyTime) => lutimes(path, accessTime, modifyTime),
  };
}

function requireSizeable({ type }: Inode): void {
  if (type === FileTypeCode.REGULAR) return;
  throw new StatusError(type === FileTypeCode.DIRECTORY ? "NFS4ERR_ISDIR" : "NFS4ERR_INVAL");
}

/** Node.js takes a number below zero for the present; not so a date. */
function timeOf(secondsSince1970: number): number | Date {
  return secondsSince1970 < 0 ? new Date(Math.max(secondsSince1970 * 1000, FIRST_DATE)) : secondsSince1970;
}

function seconds(stat: BigIntStats, field: "atimeNs" | "mtimeNs"): number {
  return Number(stat[field]) / 1e9;
}

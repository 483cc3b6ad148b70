/** A file system object of the exported directory, as the server knows it while it remembers it. */
import type { BigIntStats } from "node:fs";
import { FileTypeCode } from "nfs-client/wire";
import { StatusError } from "../status-error.ts";
import type { OpenFile } from "./open-file.ts";

export interface Inode {
  readonly identity: Identity;
  /** One of {@link FileTypeCode}. */
  readonly type: number;
  /** Where it is, relative to the exported directory; several for hard links, none once it was removed. */
  paths: string[];
  /** What clients know it by, once one has asked. */
  handle?: Buffer;
  /** The descriptor that opens and I/O in flight share. */
  openFile?: OpenFile;
  /** What the client that created it exclusively sent along (RFC 8881 §18.16.3). */
  exclusiveVerifier?: Buffer;
}

/**
 * Which object it is. File systems give a removed file's inode number to the next new one, so the time of birth is a
 * part of it, as the generation number is in a kernel's file handles.
 */
export interface Identity {
  readonly device: bigint;
  readonly number: bigint;
  readonly birth: bigint;
}

export function identityOf(stat: BigIntStats): Identity {
  return { device: stat.dev, number: stat.ino, birth: stat.birthtimeNs };
}

export function isSame(identity: Identity, stat: BigIntStats): boolean {
  return identity.number === stat.ino && identity.birth === stat.birthtimeNs && identity.device === stat.dev;
}

/** The key of an object among those that exist at one time. */
export function inodeKey(device: bigint, number: bigint): bigint {
  return (device << 64n) | number;
}

export function typeOf(stat: BigIntStats): number {
  if (stat.isFile()) return FileTypeCode.REGULAR;
  if (stat.isDirectory()) return FileTypeCode.DIRECTORY;
  if (stat.isSymbolicLink()) return FileTypeCode.SYMBOLIC_LINK;
  if (stat.isFIFO()) return FileTypeCode.FIFO;
  if (stat.isSocket()) return FileTypeCode.SOCKET;
  return stat.isBlockDevice() ? FileTypeCode.BLOCK_DEVICE : FileTypeCode.CHARACTER_DEVICE;
}

/** @throws {StatusError} when it is not a directory. */
export function requireDirectory(inode: Inode): void {
  if (inode.type === FileTypeCode.DIRECTORY) return;
  throw new StatusError(inode.type === FileTypeCode.SYMBOLIC_LINK ? "NFS4ERR_SYMLINK" : "NFS4ERR_NOTDIR");
}

/** @throws {StatusError} when it is not a regular file. */
export function requireRegularFile(inode: Inode): void {
  if (inode.type === FileTypeCode.REGULAR) return;
  if (inode.type === FileTypeCode.DIRECTORY) throw new StatusError("NFS4ERR_ISDIR");
  throw new StatusError(inode.type === FileTypeCode.SYMBOLIC_LINK ? "NFS4ERR_SYMLINK" : "NFS4ERR_WRONG_TYPE");
}

/** What is known of an object, and what may be done with it (RFC 8881 §18.1, §18.7, §18.15, §18.30, §18.31). */
import type { BigIntStats } from "node:fs";
import {
  FileTypeCode,
  readBitmap,
  readStateid,
  ShareAccess,
  toBitmap,
  writeBitmap,
  type XdrReader,
  XdrWriter,
} from "nfs-client/wire";
import { type AttributeSource, readAttributesToSet, readWhetherSame, writeAttributes } from "../attributes.ts";
import type { Compound } from "../compound.ts";
import { setAttributes } from "../file-system/attributes-to-set.ts";
import { AccessRight } from "../protocol.ts";
import { StatusError, statusOf } from "../status-error.ts";
import { type Outcome, ResultSize } from "./operation.ts";
import { findState } from "./stateids.ts";

export async function getAttributes(compound: Compound, args: XdrReader): Promise<void> {
  const asked = readBitmap(args);
  const results = new XdrWriter(256);
  writeAttributes(results, asked, sourceOf(compound, await compound.stat()));
  compound.requireRoom(results.length);
  compound.reply.raw(results.toBuffer());
}

export async function setAttributesOfFile(compound: Compound, args: XdrReader): Promise<Outcome> {
  const done: number[] = [];
  try {
    const stateid = readStateid(args);
    const { attributes } = readAttributesToSet(args, compound.dialect);
    const inode = compound.current;
    compound.requireWritable();
    compound.requireRoom(ResultSize.ATTRIBUTE_BITMAP);
    if (attributes.size !== undefined) {
      const state = findState(compound, stateid, inode);
      const access = state?.kind === "lock" ? state.open.access : state?.access;
      if (access !== undefined && (access & ShareAccess.WRITE) === 0) throw new StatusError("NFS4ERR_OPENMODE");
    }
    await compound.tree.change(() => setAttributes(compound.tree, inode, attributes, done));
    compound.changed(inode);
    writeBitmap(compound.reply, toBitmap(done));
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    writeBitmap(compound.reply, toBitmap(done));
    return status;
  }
}

export async function verify(compound: Compound, args: XdrReader): Promise<void> {
  if (!(await isSame(compound, args))) throw new StatusError("NFS4ERR_NOT_SAME");
}

export async function verifyNot(compound: Compound, args: XdrReader): Promise<void> {
  if (await isSame(compound, args)) throw new StatusError("NFS4ERR_SAME");
}

async function isSame(compound: Compound, args: XdrReader): Promise<boolean> {
  return readWhetherSame(args, sourceOf(compound, await compound.stat()));
}

/**
 * Everybody acts as the user this process runs as, as all users of an Amazon EFS access point act as the access
 * point's user.
 */
export async function access(compound: Compound, args: XdrReader): Promise<void> {
  const asked = args.uint32();
  const stat = await compound.stat();
  const isDirectory = compound.current.type === FileTypeCode.DIRECTORY;
  const { READ, LOOKUP, MODIFY, EXTEND, DELETE, EXECUTE } = AccessRight;
  const supported = asked & (isDirectory ? READ | LOOKUP | MODIFY | EXTEND | DELETE : READ | MODIFY | EXTEND | EXECUTE);
  const { read, write, execute } = permissionsOf(stat);
  let granted = 0;
  if (read) granted |= READ;
  if (write && !compound.dialect.readOnly) granted |= MODIFY | EXTEND | DELETE;
  if (execute) granted |= isDirectory ? LOOKUP : EXECUTE;
  compound.requireRoom(8);
  compound.reply.uint32(supported).uint32(supported & granted);
}

const ANY_EXECUTE = 0o111;

function permissionsOf(stat: BigIntStats): { read: boolean; write: boolean; execute: boolean } {
  const mode = Number(stat.mode);
  const user = process.geteuid?.() ?? 0;
  if (user === 0) return { read: true, write: true, execute: stat.isDirectory() || (mode & ANY_EXECUTE) !== 0 };
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  const shift = Number(stat.uid) === user ? 6 : groups.includes(Number(stat.gid)) ? 3 : 0;
  const bits = mode >> shift;
  return { read: (bits & 4) !== 0, write: (bits & 2) !== 0, execute: (bits & 1) !== 0 };
}

/** The attributes of the current object. */
function sourceOf(compound: Compound, stat: BigIntStats): AttributeSource {
  const { tree, state, dialect, current } = compound;
  return {
    stat,
    change: tree.changeOf(stat),
    handle: () => tree.handleOf(current),
    leaseSeconds: state.leaseSeconds,
    dialect,
  };
}

/** Byte-range locks, advisory as on Amazon EFS (RFC 8881 §18.10-18.12). */
import {
  LOCK_TO_END,
  LockType,
  MAX_OPAQUE_SIZE,
  readStateid,
  ShareAccess,
  writeStateid,
  XdrError,
  type XdrReader,
} from "nfs-client/wire";
import type { Compound } from "../compound.ts";
import { type Inode, requireRegularFile } from "../file-system/inode.ts";
import type { ByteRange } from "../state/byte-ranges.ts";
import { type LockOwner, type LockState, type OpenState, stateidOf } from "../state/client.ts";
import type { Conflict, WantedLock } from "../state/files.ts";
import { StatusError } from "../status-error.ts";
import { type Outcome, ResultSize } from "./operation.ts";
import { requireState } from "./stateids.ts";

/** One more than the last byte that a lock can reach. */
const END = 1n << 64n;

/** Bytes of a denial, but for the owner's name with its padding. */
const DENIAL = 36;

export function lock(compound: Compound, args: XdrReader): Outcome {
  const exclusive = readLockType(args);
  const isReclaim = args.bool();
  const range = readRange(args.uint64(), args.uint64());
  const { open, owner } = readLocker(compound, args);
  if (isReclaim) throw new StatusError("NFS4ERR_NO_GRACE");
  if (!compound.client.reclaimComplete) throw new StatusError("NFS4ERR_GRACE");
  const needed = exclusive ? ShareAccess.WRITE : ShareAccess.READ;
  if ((open.access & needed) === 0) throw new StatusError("NFS4ERR_OPENMODE");
  compound.requireRoom(ResultSize.STATEID);
  const { state, dialect, mountTarget } = compound;
  const conflict = findConflict(compound, open.inode, owner, { ...range, exclusive });
  if (conflict !== undefined) return deny(compound, conflict);
  const stateid = stateidOf(state.files.lock(open, owner, { ...range, exclusive }, dialect, mountTarget));
  compound.setCurrentStateid(stateid);
  writeStateid(compound.reply, stateid);
}

export function testLock(compound: Compound, args: XdrReader): Outcome {
  const exclusive = readLockType(args);
  const range = readRange(args.uint64(), args.uint64());
  const owner = readOwner(compound, args);
  requireRegularFile(compound.current);
  const conflict = findConflict(compound, compound.current, owner, { ...range, exclusive });
  if (conflict !== undefined) return deny(compound, conflict);
}

export function unlock(compound: Compound, args: XdrReader): void {
  readLockType(args);
  args.uint32();
  const stateid = readStateid(args);
  const range = readRange(args.uint64(), args.uint64());
  const held = requireLocks(compound, stateid);
  compound.requireRoom(ResultSize.STATEID);
  compound.state.files.unlock(held, range);
  compound.setCurrentStateid(stateidOf(held));
  writeStateid(compound.reply, stateidOf(held));
}

function findConflict(
  { state, dialect, mountTarget }: Compound,
  inode: Inode,
  owner: LockOwner,
  wanted: WantedLock,
): Conflict | undefined {
  return state.files.conflict(inode, owner, wanted, dialect.locks === "mount-target" ? mountTarget : undefined);
}

/** A new lock-owner comes with the open it locks under; a known one with the stateid of its locks. */
function readLocker(compound: Compound, args: XdrReader): { open: OpenState; owner: LockOwner } {
  if (!args.bool()) {
    const stateid = readStateid(args);
    args.uint32();
    const { open, owner } = requireLocks(compound, stateid);
    return { open, owner };
  }
  args.uint32();
  const stateid = readStateid(args);
  args.uint32();
  const owner = readOwner(compound, args);
  const open = requireState(compound, stateid, compound.current);
  if (open.kind !== "open") throw new StatusError("NFS4ERR_BAD_STATEID");
  return { open, owner };
}

function requireLocks(compound: Compound, stateid: ReturnType<typeof readStateid>): LockState {
  const state = requireState(compound, stateid, compound.current);
  if (state.kind !== "lock") throw new StatusError("NFS4ERR_BAD_STATEID");
  return state;
}

/** In a session the client is known; the client id on the wire means nothing (RFC 8881 §18.10.3). */
function readOwner({ client }: Compound, args: XdrReader): LockOwner {
  args.uint64();
  return { clientId: client.id, owner: Buffer.from(args.opaque(MAX_OPAQUE_SIZE)) };
}

/** Whether the lock is exclusive. Nobody is told when a lock becomes free, so the waiting kinds are like the others. */
function readLockType(args: XdrReader): boolean {
  const type = args.uint32();
  if (type === LockType.READ || type === LockType.READ_WAITING) return false;
  if (type === LockType.WRITE || type === LockType.WRITE_WAITING) return true;
  throw new XdrError(`A lock type of ${type}`);
}

function readRange(offset: bigint, length: bigint): ByteRange {
  if (length === LOCK_TO_END) return { start: offset, end: END };
  if (length === 0n || offset + length > END) throw new StatusError("NFS4ERR_INVAL");
  return { start: offset, end: offset + length };
}

/** Tells the lock that is in the way (LOCK4denied). */
function deny(compound: Compound, { start, end, exclusive, owner }: Conflict): Outcome {
  compound.requireRoom(DENIAL + owner.owner.length);
  const { reply } = compound;
  reply.uint64(start).uint64(end === END ? LOCK_TO_END : end - start);
  reply.uint32(exclusive ? LockType.WRITE : LockType.READ);
  reply.uint64(owner.clientId).opaque(owner.owner);
  return "NFS4ERR_DENIED";
}

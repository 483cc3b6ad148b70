/** Stateids as arguments (RFC 8881 §8.2), and the operations on them (§18.38, §18.48). */
import {
  readStateid,
  STATEID_OTHER_SIZE,
  type Stateid,
  type StatusName,
  statusCode,
  type XdrReader,
} from "nfs-client/wire";
import type { Compound } from "../compound.ts";
import type { Inode } from "../file-system/inode.ts";
import { MAX_UINT32 } from "../protocol.ts";
import type { State } from "../state/client.ts";
import { StatusError, statusOf } from "../status-error.ts";

const ZEROS = Buffer.alloc(STATEID_OTHER_SIZE);
const ONES = Buffer.alloc(STATEID_OTHER_SIZE, 0xff);

/** What CLOSE leaves: no operation accepts it (RFC 8881 §8.2.3). */
export const INVALID_STATEID: Stateid = { seqid: MAX_UINT32, other: ZEROS };

/**
 * The open or locks that a stateid names: it must belong to the caller, and to the object when one is given. Nothing
 * for the anonymous stateid and the one that bypasses locks.
 */
export function findState(compound: Compound, stateid: Stateid, inode?: Inode): State | undefined {
  const actual = resolveCurrent(compound, stateid);
  const isZeros = actual.other.equals(ZEROS);
  if (isZeros && actual.seqid === 0) return undefined;
  if (actual.seqid === MAX_UINT32 && actual.other.equals(ONES)) return undefined;
  if (isZeros) throw new StatusError("NFS4ERR_BAD_STATEID");
  const state = compound.client.stateOf(actual);
  if (inode !== undefined && state.inode !== inode) throw new StatusError("NFS4ERR_BAD_STATEID");
  return state;
}

/** As {@link findState}, where there must be a state. */
export function requireState(compound: Compound, stateid: Stateid, inode?: Inode): State {
  const state = findState(compound, stateid, inode);
  if (state === undefined) throw new StatusError("NFS4ERR_BAD_STATEID");
  return state;
}

/** The current stateid is sent as zeros with the seqid 1 (RFC 8881 §16.2.3.1.2). */
function resolveCurrent(compound: Compound, stateid: Stateid): Stateid {
  if (stateid.seqid !== 1 || !stateid.other.equals(ZEROS)) return stateid;
  if (!compound.dialect.currentStateid) throw new StatusError("NFS4ERR_BAD_STATEID");
  return compound.currentStateid ?? { seqid: 0, other: ZEROS };
}

export function testStateids(compound: Compound, args: XdrReader): void {
  const stateids = Array.from({ length: args.count(4 + STATEID_OTHER_SIZE) }, () => readStateid(args));
  compound.requireRoom(4 + 4 * stateids.length);
  compound.reply.uint32(stateids.length);
  for (const stateid of stateids) compound.reply.uint32(statusCode(test(compound, stateid)));
}

function test(compound: Compound, stateid: Stateid): StatusName {
  try {
    compound.client.stateOf(stateid);
    return "NFS4_OK";
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    return status;
  }
}

export function freeStateid(compound: Compound, args: XdrReader): void {
  const state = requireState(compound, readStateid(args));
  const { files } = compound.state;
  if (state.kind === "open" || files.holdsLocks(state)) throw new StatusError("NFS4ERR_LOCKS_HELD");
  files.forgetLocks(state);
}

/** Byte-range locks on whole files (RFC 8881 §18.10, §18.12). */
import { LOCK_TO_END, LockType, Op } from "../wire/protocol.ts";
import { readStateid, type Stateid, writeStateid } from "../wire/stateid.ts";
import { type StateOwner, writeOwner } from "./open.ts";
import { mutation, type Operation } from "./operation.ts";

/** Locks the whole current file for writing, or fails with NFS4ERR_DENIED. */
export function lockFile(openStateid: Stateid, owner: StateOwner): Operation<Stateid> {
  return mutation(
    Op.LOCK,
    (writer) => {
      writer.uint32(LockType.WRITE).bool(false).uint64(0).uint64(LOCK_TO_END);
      writer.bool(true).uint32(0);
      writeStateid(writer, openStateid);
      writer.uint32(0);
      writeOwner(writer, owner);
    },
    readStateid,
  );
}

export function unlockFile(lockStateid: Stateid): Operation<void> {
  return mutation(
    Op.LOCKU,
    (writer) => {
      writer.uint32(LockType.WRITE).uint32(0);
      writeStateid(writer, lockStateid);
      writer.uint64(0).uint64(LOCK_TO_END);
    },
    (reader) => {
      readStateid(reader);
    },
  );
}

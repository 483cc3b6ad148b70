/**
 * OPEN, CLOSE, LOCK and LOCKU (RFC 8881 §18.16, §18.2, §18.10, §18.12). Files are opened without delegations and share
 * reservations, which Amazon EFS does not support, and locked as a whole.
 */
import { mutation, type Operation } from "../compound.ts";
import {
  CreateMode,
  DelegationType,
  LOCK_TO_END,
  LockType,
  MAX_OPAQUE_SIZE,
  Op,
  OpenClaim,
  OpenType,
  ShareAccess,
  ShareDeny,
} from "../constants.ts";
import { readBitmap, readStateid, type Stateid, writeComponent, writeStateid } from "../data-types.ts";
import { XdrError, type XdrReader, type XdrWriter } from "../xdr.ts";
import { writeCreationAttributes } from "./attributes.ts";
import { readChangeInfo } from "./directories.ts";

/** The owner of opens or locks: a client id, and a name that is unique within it. */
export interface StateOwner {
  readonly clientId: bigint;
  readonly name: string;
}

export type OpenAccess = "read" | "write";

export interface CreateSpecification {
  /** `guarded` fails with NFS4ERR_EXIST when the name is taken; `unchecked` opens what is there. */
  readonly how: "guarded" | "unchecked";
  /** Permission bits; the server chooses them when absent. */
  readonly mode?: number | undefined;
}

export interface OpenByName {
  readonly owner: StateOwner;
  readonly access: OpenAccess;
  readonly name: string;
  readonly create?: CreateSpecification;
}

export interface Opened extends Stateid {
  /** The directory's change attribute, where it was opened by its name: {@link readChangeInfo}. */
  readonly directoryChange: bigint;
}

/** Opens a name in the current directory; the file becomes the current file handle. */
export function openByName({ owner, access, name, create }: OpenByName): Operation<Opened> {
  return mutation(
    Op.OPEN,
    (writer) => {
      writeOpenStart(writer, owner, access);
      if (create === undefined) {
        writer.uint32(OpenType.NOCREATE);
      } else {
        writer.uint32(OpenType.CREATE);
        writer.uint32(create.how === "guarded" ? CreateMode.GUARDED : CreateMode.UNCHECKED);
        writeCreationAttributes(writer, create.mode);
      }
      writer.uint32(OpenClaim.NULL);
      writeComponent(writer, name);
    },
    readOpenResult,
  );
}

/** Opens the current file handle, after the server has lost an earlier open of it. */
export function openByHandle(owner: StateOwner, access: OpenAccess): Operation<Stateid> {
  return mutation(
    Op.OPEN,
    (writer) => {
      writeOpenStart(writer, owner, access);
      writer.uint32(OpenType.NOCREATE).uint32(OpenClaim.FH);
    },
    readOpenResult,
  );
}

export function close(stateid: Stateid): Operation<void> {
  return mutation(
    Op.CLOSE,
    (writer) => {
      writer.uint32(0);
      writeStateid(writer, stateid);
    },
    (reader) => {
      readStateid(reader);
    },
  );
}

function writeOwner(writer: XdrWriter, { clientId, name }: StateOwner): void {
  writer.uint64(clientId).string(name);
}

function writeOpenStart(writer: XdrWriter, owner: StateOwner, access: OpenAccess): void {
  const share = access === "read" ? ShareAccess.READ : ShareAccess.WRITE;
  writer.uint32(0);
  writer.uint32(share | ShareAccess.WANT_NO_DELEGATION).uint32(ShareDeny.NONE);
  writeOwner(writer, owner);
}

function readOpenResult(reader: XdrReader): Opened {
  const stateid = readStateid(reader);
  const directoryChange = readChangeInfo(reader);
  reader.uint32();
  readBitmap(reader);
  skipDelegation(reader);
  return { ...stateid, directoryChange };
}

/** None was asked for. One that a server grants even so is read past, and not used. */
function skipDelegation(reader: XdrReader): void {
  const type = reader.uint32();
  switch (type) {
    case DelegationType.NONE:
      return;
    case DelegationType.NONE_EXT: {
      const why = reader.uint32();
      const contention = 1;
      const resource = 2;
      if (why === contention || why === resource) reader.bool();
      return;
    }
    case DelegationType.READ:
    case DelegationType.WRITE:
      readStateid(reader);
      reader.bool();
      if (type === DelegationType.WRITE) skipSpaceLimit(reader);
      skipAccessControlEntry(reader);
      return;
    default:
      throw new XdrError(`Delegation type ${type} is not one of NFSv4.1`);
  }
}

function skipSpaceLimit(reader: XdrReader): void {
  reader.uint32();
  reader.uint64();
}

function skipAccessControlEntry(reader: XdrReader): void {
  reader.uint32();
  reader.uint32();
  reader.uint32();
  reader.skipOpaque(MAX_OPAQUE_SIZE);
}

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

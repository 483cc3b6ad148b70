/** Operations that the real client does not use, and ones with arguments that it would not send. */
import {
  Attribute,
  CreateMode,
  FileTypeCode,
  fromBitmap,
  LOCK_TO_END,
  LockType,
  MAX_OPAQUE_SIZE,
  mutation,
  nothing,
  Op,
  OpenClaim,
  OpenType,
  type Operation,
  query,
  readBitmap,
  readStateid,
  ShareAccess,
  type Stateid,
  type StateOwner,
  StateProtect,
  type StatusName,
  statusName,
  toBitmap,
  VERIFIER_SIZE,
  writeBitmap,
  writeStateid,
  XdrReader,
  XdrWriter,
} from "nfs-client/wire";

export interface Open {
  readonly owner: StateOwner;
  readonly name: string | Buffer;
  readonly access?: number;
  readonly deny?: number;
  readonly create?: "unchecked" | "guarded" | { readonly exclusive: Buffer };
  /** For a file that is created, or truncated when there is one. */
  readonly size?: number;
}

/** OPEN by name, with whatever flags. */
export function open({ owner, name, access = ShareAccess.BOTH, deny = 0, create, size }: Open): Operation<Stateid> {
  return mutation(
    Op.OPEN,
    (writer) => {
      writer.uint32(0).uint32(access).uint32(deny).uint64(owner.clientId).string(owner.name);
      if (create === undefined) writer.uint32(OpenType.NOCREATE);
      else if (typeof create === "object") {
        writer.uint32(OpenType.CREATE).uint32(CreateMode.EXCLUSIVE4_1).fixedOpaque(create.exclusive);
        writeSize(writer, size);
      } else {
        writer.uint32(OpenType.CREATE).uint32(create === "guarded" ? CreateMode.GUARDED : CreateMode.UNCHECKED);
        writeSize(writer, size);
      }
      writer.uint32(OpenClaim.NULL).opaque(Buffer.from(name));
    },
    (reader) => {
      const stateid = readStateid(reader);
      readChangeInfo(reader);
      reader.uint32();
      readBitmap(reader);
      if (reader.uint32() !== 0 && reader.uint32() === 2) reader.bool();
      return stateid;
    },
  );
}

function writeSize(writer: XdrWriter, size: number | undefined): void {
  writeBitmap(writer, size === undefined ? [] : toBitmap([Attribute.SIZE]));
  writer.opaque(size === undefined ? Buffer.alloc(0) : new XdrWriter().uint64(size).toBuffer());
}

export function openDowngrade(stateid: Stateid, access: number): Operation<Stateid> {
  return mutation(
    Op.OPEN_DOWNGRADE,
    (writer) => {
      writeStateid(writer, stateid);
      writer.uint32(0).uint32(access).uint32(0);
    },
    readStateid,
  );
}

export interface Range {
  readonly offset?: bigint;
  readonly length?: bigint;
  readonly exclusive?: boolean;
}

/** A lock of a lock-owner that has none on the file yet. */
export function lock(open: Stateid, owner: StateOwner, range: Range = {}): Operation<Stateid> {
  return mutation(
    Op.LOCK,
    (writer) => {
      const { offset = 0n, length = LOCK_TO_END, exclusive = true } = range;
      const newOwner = true;
      writer
        .uint32(exclusive ? LockType.WRITE : LockType.READ)
        .bool(false)
        .uint64(offset)
        .uint64(length);
      writer.bool(newOwner).uint32(0);
      writeStateid(writer, open);
      writer.uint32(0).uint64(owner.clientId).string(owner.name);
    },
    readStateid,
  );
}

export function lockMore(
  locks: Stateid,
  { offset = 0n, length = LOCK_TO_END, exclusive = true }: Range,
): Operation<Stateid> {
  return mutation(
    Op.LOCK,
    (writer) => {
      writer
        .uint32(exclusive ? LockType.WRITE : LockType.READ)
        .bool(false)
        .uint64(offset)
        .uint64(length)
        .bool(false);
      writeStateid(writer, locks);
      writer.uint32(0);
    },
    readStateid,
  );
}

export function testLock(
  owner: StateOwner,
  { offset = 0n, length = LOCK_TO_END, exclusive = true }: Range = {},
): Operation<void> {
  return query(
    Op.LOCKT,
    (writer) => {
      writer
        .uint32(exclusive ? LockType.WRITE : LockType.READ)
        .uint64(offset)
        .uint64(length);
      writer.uint64(owner.clientId).string(owner.name);
    },
    nothing,
  );
}

export function unlock(locks: Stateid, { offset = 0n, length = LOCK_TO_END }: Range = {}): Operation<Stateid> {
  return mutation(
    Op.LOCKU,
    (writer) => {
      writer.uint32(LockType.WRITE).uint32(0);
      writeStateid(writer, locks);
      writer.uint64(offset).uint64(length);
    },
    readStateid,
  );
}

export function testStateids(...stateids: Stateid[]): Operation<(StatusName | undefined)[]> {
  return query(
    Op.TEST_STATEID,
    (writer) => {
      writer.uint32(stateids.length);
      for (const stateid of stateids) writeStateid(writer, stateid);
    },
    (reader) => Array.from({ length: reader.count(4) }, () => statusName(reader.uint32())),
  );
}

export function freeStateid(stateid: Stateid): Operation<void> {
  return mutation(Op.FREE_STATEID, (writer) => writeStateid(writer, stateid), nothing);
}

export function lookup(name: string | Buffer): Operation<void> {
  return query(Op.LOOKUP, (writer) => writer.opaque(Buffer.from(name)), nothing);
}

export function lookupParent(): Operation<void> {
  return query(Op.LOOKUPP, nothing, nothing);
}

export function createSymbolicLink(name: string, target: string): Operation<void> {
  return mutation(
    Op.CREATE,
    (writer) => {
      writer.uint32(FileTypeCode.SYMBOLIC_LINK).string(target).string(name);
      writer.uint32(0).uint32(0);
    },
    (reader) => {
      readChangeInfo(reader);
      readBitmap(reader);
    },
  );
}

export function readLink(): Operation<string> {
  return query(Op.READLINK, nothing, (reader) => reader.string(MAX_OPAQUE_SIZE * 8));
}

/** What of `rights` (RFC 8881 §18.1) the caller has. */
export function access(rights: number): Operation<number> {
  return query(
    Op.ACCESS,
    (writer) => writer.uint32(rights),
    (reader) => {
      reader.uint32();
      return reader.uint32();
    },
  );
}

/** SETATTR of the mode and the time of the last change, in seconds. */
export function setModeAndTime(stateid: Stateid, mode: number, seconds: number): Operation<void> {
  return mutation(
    Op.SETATTR,
    (writer) => {
      writeStateid(writer, stateid);
      const timeModifySet = 54;
      writeBitmap(writer, toBitmap([Attribute.MODE, timeModifySet]));
      writer.opaque(new XdrWriter().uint32(mode).uint32(1).uint64(seconds).uint32(0).toBuffer());
    },
    (reader) => {
      readBitmap(reader);
    },
  );
}

/** READDIR of all entries, with the mode of each, or why it cannot be had. */
export function listModes(): Operation<{ name: string; mode?: number; error?: StatusName | undefined }[]> {
  return query(
    Op.READDIR,
    (writer) => {
      writer.uint64(0).fixedOpaque(Buffer.alloc(8)).uint32(65_536).uint32(65_536);
      writeBitmap(writer, toBitmap([Attribute.RDATTR_ERROR, Attribute.MODE]));
    },
    (reader) => {
      reader.fixedOpaque(8);
      const entries = [];
      while (reader.bool()) {
        reader.uint64();
        const name = reader.string(MAX_OPAQUE_SIZE);
        const given = [...fromBitmap(readBitmap(reader))];
        reader.uint32();
        const error = statusName(reader.uint32());
        entries.push(given.includes(Attribute.MODE) ? { name, mode: reader.uint32() } : { name, error });
      }
      reader.bool();
      return entries;
    },
  );
}

/** GETATTR of a set of attributes: which of them the answer has, and their values as they are on the wire. */
export function getAttributesOf(...attributes: number[]): Operation<{ given: number[]; values: XdrReader }> {
  return query(
    Op.GETATTR,
    (writer) => writeBitmap(writer, toBitmap(attributes)),
    (reader) => ({
      given: fromBitmap(readBitmap(reader)),
      values: new XdrReader(Buffer.from(reader.opaque(64 * 1024))),
    }),
  );
}

/** EXCHANGE_ID: whose clients the server knows (so_major_id, RFC 8881 §2.10.4). */
export function serverOwner(clientName: string): Operation<string> {
  return mutation(
    Op.EXCHANGE_ID,
    (writer) => {
      writer.fixedOpaque(Buffer.alloc(VERIFIER_SIZE)).string(clientName);
      writer.uint32(0).uint32(StateProtect.NONE).uint32(0);
    },
    (reader) => {
      const [clientId, sequence, flags, protection, minorId] = [8, 4, 4, 4, 8];
      reader.fixedOpaque(clientId + sequence + flags + protection + minorId);
      const majorId = reader.string(MAX_OPAQUE_SIZE);
      reader.opaque(MAX_OPAQUE_SIZE);
      reader.uint32();
      return majorId;
    },
  );
}

/** Any operation at all, its arguments as they are on the wire. */
export function raw(code: number, args: Buffer = Buffer.alloc(0)): Operation<void> {
  return query(code, (writer) => writer.raw(args), nothing);
}

function readChangeInfo(reader: XdrReader): void {
  reader.bool();
  reader.uint64();
  reader.uint64();
}

/** File attributes on the wire (RFC 8881 §5): those the server tells, and those it lets be set. */
import type { BigIntStats } from "node:fs";
import { Attribute, fromBitmap, readBitmap, toBitmap, writeBitmap, XdrReader, XdrWriter } from "nfs-client/wire";
import type { Dialect } from "./dialect/dialect.ts";
import type { AttributesToSet } from "./file-system/attributes-to-set.ts";
import { padHandle } from "./file-system/handles.ts";
import { typeOf } from "./file-system/inode.ts";
import { FH_PERSISTENT, MAX_NAME, MAX_TRANSFER, ServerAttribute, SetTime } from "./protocol.ts";
import { StatusError } from "./status-error.ts";

/** Where the values of one object's attributes come from. */
export interface AttributeSource {
  readonly stat: BigIntStats;
  readonly change: bigint;
  /** Makes the server remember the object, so it is asked for only when it is needed. */
  readonly handle: () => Buffer;
  readonly leaseSeconds: number;
  readonly dialect: Dialect;
}

/** Amazon EFS: 47.9 TiB. */
const MAX_FILE_SIZE = 52_673_613_135_872n;

const BLOCK_SIZE = 512n;
const PERMISSIONS = 0o7777;
const NANOSECONDS = 1_000_000_000n;

type ValueReader = (reader: XdrReader) => AttributesToSet;
type ValueWriter = (writer: XdrWriter, source: AttributeSource) => void;

const READABLE: ReadonlyMap<number, ValueWriter> = new Map<number, ValueWriter>([
  [Attribute.SUPPORTED_ATTRS, (writer, { dialect }) => writeBitmap(writer, spokenOf(SUPPORTED, dialect))],
  [Attribute.TYPE, (writer, { stat }) => writer.uint32(typeOf(stat))],
  [Attribute.FH_EXPIRE_TYPE, (writer) => writer.uint32(FH_PERSISTENT)],
  [Attribute.CHANGE, (writer, { change }) => writer.uint64(change)],
  [Attribute.SIZE, (writer, { stat }) => writer.uint64(stat.size)],
  [Attribute.LINK_SUPPORT, (writer, { dialect }) => writer.bool(!dialect.unsupportedOperations.includes("LINK"))],
  [Attribute.SYMLINK_SUPPORT, (writer) => writer.bool(true)],
  [Attribute.NAMED_ATTR, (writer) => writer.bool(false)],
  // One file system, whatever devices the directory reaches over.
  [Attribute.FSID, (writer) => writer.uint64(1).uint64(0)],
  [Attribute.UNIQUE_HANDLES, (writer) => writer.bool(false)],
  [Attribute.LEASE_TIME, (writer, { leaseSeconds }) => writer.uint32(Math.ceil(leaseSeconds))],
  [Attribute.RDATTR_ERROR, (writer) => writer.uint32(0)],
  [ServerAttribute.CANSETTIME, (writer) => writer.bool(true)],
  [ServerAttribute.CASE_INSENSITIVE, (writer) => writer.bool(false)],
  [ServerAttribute.CASE_PRESERVING, (writer) => writer.bool(true)],
  [ServerAttribute.CHOWN_RESTRICTED, (writer) => writer.bool(true)],
  [Attribute.FILEHANDLE, (writer, { handle, dialect }) => writer.opaque(padHandle(handle(), dialect))],
  [Attribute.FILEID, (writer, { stat }) => writer.uint64(stat.ino)],
  [ServerAttribute.HOMOGENEOUS, (writer) => writer.bool(true)],
  [Attribute.MAXFILESIZE, (writer) => writer.uint64(MAX_FILE_SIZE)],
  [Attribute.MAXLINK, (writer, { dialect }) => writer.uint32(dialect.linksPerFile)],
  [Attribute.MAXNAME, (writer) => writer.uint32(MAX_NAME)],
  [Attribute.MAXREAD, (writer) => writer.uint64(MAX_TRANSFER)],
  [Attribute.MAXWRITE, (writer) => writer.uint64(MAX_TRANSFER)],
  [Attribute.MODE, (writer, { stat }) => writer.uint32(Number(stat.mode) & PERMISSIONS)],
  [ServerAttribute.NO_TRUNC, (writer) => writer.bool(true)],
  [Attribute.NUMLINKS, (writer, { stat }) => writer.uint32(Number(stat.nlink))],
  [Attribute.OWNER, (writer, { stat }) => writer.string(String(stat.uid))],
  [Attribute.OWNER_GROUP, (writer, { stat }) => writer.string(String(stat.gid))],
  [ServerAttribute.RAWDEV, (writer) => writer.uint32(0).uint32(0)],
  [Attribute.SPACE_USED, (writer, { stat }) => writer.uint64(stat.blocks * BLOCK_SIZE)],
  [Attribute.TIME_ACCESS, (writer, { stat }) => writeTime(writer, stat.atimeNs)],
  [ServerAttribute.TIME_DELTA, (writer) => writeTime(writer, 1n)],
  [Attribute.TIME_METADATA, (writer, { stat }) => writeTime(writer, stat.ctimeNs)],
  [Attribute.TIME_MODIFY, (writer, { stat }) => writeTime(writer, stat.mtimeNs)],
  [Attribute.MOUNTED_ON_FILEID, (writer, { stat }) => writer.uint64(stat.ino)],
  [Attribute.SUPPATTR_EXCLCREAT, (writer, { dialect }) => writeBitmap(writer, spokenOf(SETTABLE, dialect))],
]);

/** Each attribute that can be set: what its value on the wire means. */
const WRITABLE: ReadonlyMap<number, ValueReader> = new Map<number, ValueReader>([
  [Attribute.SIZE, (reader) => ({ size: readFileSize(reader) })],
  [Attribute.MODE, (reader) => ({ mode: readMode(reader) })],
  [Attribute.OWNER, (reader) => ({ owner: readOwner(reader) })],
  [Attribute.OWNER_GROUP, (reader) => ({ group: readOwner(reader) })],
  [ServerAttribute.TIME_ACCESS_SET, (reader) => ({ accessTime: readTime(reader) })],
  [ServerAttribute.TIME_MODIFY_SET, (reader) => ({ modifyTime: readTime(reader) })],
]);

const SETTABLE = [...WRITABLE.keys()];
const SUPPORTED = [...new Set([...READABLE.keys(), ...WRITABLE.keys()])];

/** Those of a set of attributes that there are in a dialect, as a bitmap. */
function spokenOf(numbers: readonly number[], dialect: Dialect): number[] {
  return toBitmap(numbers.filter((number) => isSpoken(number, dialect)));
}

/** Whether an attribute that we have is one of the dialect's, too. */
function isSpoken(number: number, { unsupportedAttributes }: Dialect): boolean {
  return unsupportedAttributes.length === 0 || !unsupportedAttributes.some((name) => Attribute[name] === number);
}

const MAX_OWNER = 1024;
const MAX_ATTRIBUTES = 64 * 1024;

/** Writes a fattr4: those of the attributes asked for that there are. @throws {StatusError} when one cannot be read. */
export function writeAttributes(writer: XdrWriter, asked: readonly number[], source: AttributeSource): void {
  const bits = [...fromBitmap(asked)];
  if (bits.some((bit) => WRITABLE.has(bit) && !READABLE.has(bit))) throw new StatusError("NFS4ERR_INVAL");
  const given = bits.filter((bit) => READABLE.has(bit) && isSpoken(bit, source.dialect));
  writeBitmap(writer, toBitmap(given));
  const setLength = writer.placeholder();
  const start = writer.length;
  for (const bit of given) READABLE.get(bit)?.(writer, source);
  setLength(writer.length - start);
}

/** Writes a fattr4 that says only why the others cannot be had (RDATTR_ERROR). */
export function writeAttributeError(writer: XdrWriter, status: number): void {
  writeBitmap(writer, toBitmap([Attribute.RDATTR_ERROR]));
  writer.uint32(4).uint32(status);
}

/** Reads a fattr4 of attributes to set. @throws {StatusError} when one cannot be set. */
export function readAttributesToSet(
  reader: XdrReader,
  dialect: Dialect,
): { attributes: AttributesToSet; numbers: number[] } {
  const numbers = [...fromBitmap(readBitmap(reader))];
  const values = new XdrReader(reader.opaque(MAX_ATTRIBUTES));
  let attributes: AttributesToSet = {};
  for (const number of numbers) {
    const read = WRITABLE.get(number);
    if (!isSpoken(number, dialect)) throw new StatusError("NFS4ERR_ATTRNOTSUPP");
    if (read === undefined) throw new StatusError(READABLE.has(number) ? "NFS4ERR_INVAL" : "NFS4ERR_ATTRNOTSUPP");
    attributes = { ...attributes, ...read(values) };
  }
  requireEnd(values);
  return { attributes, numbers };
}

/** Whether an object's attributes are those of a fattr4 (VERIFY and NVERIFY). */
export function readWhetherSame(reader: XdrReader, source: AttributeSource): boolean {
  const asked = readBitmap(reader);
  const values = reader.opaque(MAX_ATTRIBUTES);
  for (const bit of fromBitmap(asked)) {
    const isKnown = READABLE.has(bit) || WRITABLE.has(bit);
    if (!isKnown || !isSpoken(bit, source.dialect)) throw new StatusError("NFS4ERR_ATTRNOTSUPP");
    if (!READABLE.has(bit) || bit === Attribute.RDATTR_ERROR) throw new StatusError("NFS4ERR_INVAL");
  }
  const actual = new XdrWriter();
  for (const bit of fromBitmap(asked)) READABLE.get(bit)?.(actual, source);
  return actual.toBuffer().equals(values);
}

function requireEnd(reader: XdrReader): void {
  if (reader.remaining > 0) throw new StatusError("NFS4ERR_BADXDR");
}

function readFileSize(reader: XdrReader): number {
  const size = reader.uint64();
  if (size > MAX_FILE_SIZE) throw new StatusError("NFS4ERR_FBIG");
  return Number(size);
}

function readMode(reader: XdrReader): number {
  const mode = reader.uint32();
  if ((mode & ~PERMISSIONS) !== 0) throw new StatusError("NFS4ERR_INVAL");
  return mode;
}

/** Numbers only, as on Amazon EFS; clients may add a domain. */
function readOwner(reader: XdrReader): number {
  const owner = reader.string(MAX_OWNER);
  const id = /^(\d{1,10})(@.*)?$/.exec(owner)?.[1];
  if (id === undefined) throw new StatusError("NFS4ERR_BADOWNER");
  return Number(id);
}

function readTime(reader: XdrReader): number {
  const how = reader.uint32();
  if (how === SetTime.SERVER) return Date.now() / 1000;
  if (how !== SetTime.CLIENT) throw new StatusError("NFS4ERR_BADXDR");
  const seconds = reader.int64();
  const nanoseconds = reader.uint32();
  if (nanoseconds >= NANOSECONDS) throw new StatusError("NFS4ERR_INVAL");
  return Number(seconds) + nanoseconds / Number(NANOSECONDS);
}

function writeTime(writer: XdrWriter, nanoseconds: bigint): void {
  const fraction = ((nanoseconds % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  writer.int64((nanoseconds - fraction) / NANOSECONDS).uint32(Number(fraction));
}

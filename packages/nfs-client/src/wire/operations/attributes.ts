/** GETATTR, SETATTR and VERIFY, for the attributes that the client knows (RFC 8881 §5, §18.7, §18.30, §18.31). */
import { mutation, nothing, type Operation, query } from "../compound.ts";
import { Attribute, FileTypeCode, MAX_FILE_HANDLE_SIZE, Op } from "../constants.ts";
import { fromBitmap, readBitmap, type Stateid, toBitmap, writeBitmap, writeStateid } from "../data-types.ts";
import { XdrError, type XdrReader, XdrWriter } from "../xdr.ts";

export type FileType =
  | "file"
  | "directory"
  | "block-device"
  | "character-device"
  | "symbolic-link"
  | "socket"
  | "fifo"
  | "unknown";

/** The attributes of a file that the client asks for in every COMPOUND. */
export interface FileAttributes {
  readonly type: FileType;
  /** Bytes. */
  readonly size: number;
  /** Differs after every change to the file's data or attributes. */
  readonly change: bigint;
  /** The inode number: the same file has the same one, a replaced file has another. */
  readonly fileId: bigint;
  /** Permission bits. */
  readonly mode: number;
  /** When the data last changed, in milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** A strong validator for the content: the same etag means the same file with the same bytes. */
export function etagOf({ fileId, change }: Pick<FileAttributes, "fileId" | "change">): string {
  return `${fileId.toString(16)}-${change.toString(16)}`;
}

export type FileAttributeName = keyof FileAttributes;

const FILE_ATTRIBUTE_NAMES = ["type", "change", "size", "fileId", "mode", "modifiedAt"] as const;

/** The protocol's numbers of {@link FileAttributes}. */
const FILE_ATTRIBUTE_NUMBERS: Readonly<Record<FileAttributeName, number>> = {
  type: Attribute.TYPE,
  change: Attribute.CHANGE,
  size: Attribute.SIZE,
  fileId: Attribute.FILEID,
  mode: Attribute.MODE,
  modifiedAt: Attribute.TIME_MODIFY,
};

/** The bitmap that asks for all of {@link FileAttributes}. */
export const FILE_ATTRIBUTES = toBitmap(Object.values(FILE_ATTRIBUTE_NUMBERS));

const FILE_TYPES: Readonly<Record<number, FileType>> = {
  [FileTypeCode.REGULAR]: "file",
  [FileTypeCode.DIRECTORY]: "directory",
  [FileTypeCode.BLOCK_DEVICE]: "block-device",
  [FileTypeCode.CHARACTER_DEVICE]: "character-device",
  [FileTypeCode.SYMBOLIC_LINK]: "symbolic-link",
  [FileTypeCode.SOCKET]: "socket",
  [FileTypeCode.FIFO]: "fifo",
};

/** What a server says of itself, as far as it says it. */
export interface ServerAttributes {
  /** Seconds after which a silent client loses its state. */
  readonly leaseTime: number | undefined;
  /** Bytes in one READ and one WRITE. */
  readonly maximumRead: number | undefined;
  readonly maximumWrite: number | undefined;
  /** The protocol's numbers of the attributes that it has. */
  readonly supported: readonly number[] | undefined;
}

const MAX_ATTRIBUTES_SIZE = 64 * 1024;
const NANOSECONDS_PER_MILLISECOND = 1_000_000;

export function getAttributes(): Operation<FileAttributes> {
  return query(Op.GETATTR, (writer) => writeBitmap(writer, FILE_ATTRIBUTES), readFileAttributes);
}

const SERVER_ATTRIBUTES = toBitmap([
  Attribute.SUPPORTED_ATTRS,
  Attribute.LEASE_TIME,
  Attribute.MAXREAD,
  Attribute.MAXWRITE,
]);

/** Reads {@link ServerAttributes} of the current file's file system. */
export function getServerAttributes(): Operation<ServerAttributes> {
  return query(
    Op.GETATTR,
    (writer) => writeBitmap(writer, SERVER_ATTRIBUTES),
    (reader) => {
      const { leaseTime, maximumRead, maximumWrite, supported } = readValues(reader);
      return { leaseTime, maximumRead, maximumWrite, supported: supported && fromBitmap(supported) };
    },
  );
}

/** Those of {@link FileAttributes} that a server has. All of them where it does not say: it must (RFC 8881 §5.6). */
export function fileAttributesIn({ supported }: ServerAttributes): Set<FileAttributeName> {
  return new Set(FILE_ATTRIBUTE_NAMES.filter((name) => supported?.includes(FILE_ATTRIBUTE_NUMBERS[name]) ?? true));
}

const SIZE = toBitmap([Attribute.SIZE]);

/** Truncates a file to `size` bytes. */
export function setSize(stateid: Stateid, size: number): Operation<void> {
  return mutation(
    Op.SETATTR,
    (writer) => {
      writeStateid(writer, stateid);
      writeBitmap(writer, SIZE);
      writer.opaque(new XdrWriter(8).uint64(size).toBuffer());
    },
    (reader) => {
      readBitmap(reader);
    },
  );
}

const IDENTITY = toBitmap([Attribute.CHANGE, Attribute.FILEID]);

/** Fails with NFS4ERR_NOT_SAME unless the current file is this one, unchanged. */
export function verifyIdentity({ fileId, change }: Pick<FileAttributes, "fileId" | "change">): Operation<void> {
  return query(
    Op.VERIFY,
    (writer) => {
      writeBitmap(writer, IDENTITY);
      writer.opaque(new XdrWriter(16).uint64(change).uint64(fileId).toBuffer());
    },
    nothing,
  );
}

/** Fails with NFS4ERR_NOT_SAME unless the current file has exactly this many bytes. */
export function verifySize(size: number): Operation<void> {
  return query(
    Op.VERIFY,
    (writer) => {
      writeBitmap(writer, SIZE);
      writer.opaque(new XdrWriter(8).uint64(size).toBuffer());
    },
    nothing,
  );
}

const WHAT_WE_VERIFY = toBitmap([Attribute.CHANGE, Attribute.SIZE, Attribute.FILEID]);

/** Fails with NFS4ERR_NOT_SAME where VERIFY works with the attributes that we use it for: no directory has these. */
export function verifyNothing(): Operation<void> {
  return query(
    Op.VERIFY,
    (writer) => {
      writeBitmap(writer, WHAT_WE_VERIFY);
      writer.opaque(new XdrWriter(24).uint64(0n).uint64(0n).uint64(0n).toBuffer());
    },
    nothing,
  );
}

const MODE = toBitmap([Attribute.MODE]);
const NONE = toBitmap([]);
const NO_VALUES = Buffer.alloc(0);

/** The attributes of an object that is to be created; without a mode, the server chooses it. */
export function writeCreationAttributes(writer: XdrWriter, mode: number | undefined): void {
  writeBitmap(writer, mode === undefined ? NONE : MODE);
  writer.opaque(mode === undefined ? NO_VALUES : new XdrWriter(4).uint32(mode).toBuffer());
}

/** Reads a fattr4 that answers {@link FILE_ATTRIBUTES}; what a server leaves out is zero or `unknown`. */
export function readFileAttributes(reader: XdrReader): FileAttributes {
  const values = readValues(reader);
  return {
    type: values.type ?? "unknown",
    size: values.size ?? 0,
    change: values.change ?? 0n,
    fileId: values.fileId ?? 0n,
    mode: values.mode ?? 0,
    modifiedAt: values.modifiedAt ?? 0,
  };
}

interface Values {
  type?: FileAttributes["type"];
  size?: number;
  change?: bigint;
  fileId?: bigint;
  mode?: number;
  modifiedAt?: number;
  leaseTime?: number;
  maximumRead?: number;
  maximumWrite?: number;
  supported?: readonly number[];
}

function readValues(reader: XdrReader): Values {
  const bitmap = readBitmap(reader);
  const length = reader.uint32();
  if (length > MAX_ATTRIBUTES_SIZE) throw new XdrError(`Attributes of ${length} bytes are longer than any we ask for`);
  const end = reader.remaining - length;
  const values: Values = {};
  for (const attribute of fromBitmap(bitmap)) readValue(reader, attribute, values);
  if (reader.remaining !== end) throw new XdrError(`Attributes of ${length} bytes do not end where they should`);
  return values;
}

function readValue(reader: XdrReader, attribute: number, values: Values): void {
  switch (attribute) {
    case Attribute.SUPPORTED_ATTRS:
      values.supported = readBitmap(reader);
      return;
    case Attribute.TYPE:
      values.type = FILE_TYPES[reader.uint32()] ?? "unknown";
      return;
    case Attribute.CHANGE:
      values.change = reader.uint64();
      return;
    case Attribute.SIZE:
      values.size = reader.size();
      return;
    case Attribute.LEASE_TIME:
      values.leaseTime = reader.uint32();
      return;
    case Attribute.RDATTR_ERROR:
      reader.uint32();
      return;
    case Attribute.FILEHANDLE:
      reader.skipOpaque(MAX_FILE_HANDLE_SIZE);
      return;
    case Attribute.FILEID:
      values.fileId = reader.uint64();
      return;
    case Attribute.MAXREAD:
      values.maximumRead = Number(reader.uint64());
      return;
    case Attribute.MAXWRITE:
      values.maximumWrite = Number(reader.uint64());
      return;
    case Attribute.MODE:
      values.mode = reader.uint32();
      return;
    case Attribute.TIME_MODIFY: {
      const seconds = reader.int32() * 0x1_0000_0000 + reader.uint32();
      values.modifiedAt = seconds * 1000 + reader.uint32() / NANOSECONDS_PER_MILLISECOND;
      return;
    }
    default:
      throw new XdrError(`The server sent attribute ${attribute}, which was not asked for`);
  }
}

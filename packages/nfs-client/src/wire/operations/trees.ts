/**
 * Operations to walk a tree of directories and see what changed in it. They ask for no more than that takes, and take
 * names as bytes, because those of other clients need not be UTF-8 (RFC 8881 §18.7, §18.13, §18.23).
 */
import { type Operation, query } from "../compound.ts";
import { Attribute, FileTypeCode, MAX_OPAQUE_SIZE, Op, VERIFIER_SIZE } from "../constants.ts";
import { fromBitmap, readBitmap, toBitmap, writeBitmap } from "../data-types.ts";
import { XdrError, type XdrReader } from "../xdr.ts";
import type { DirectoryPosition } from "./directories.ts";

/** @param name a byte string: one character a byte (Latin-1). */
export function lookupBytes(name: string): Operation<void> {
  return query(
    Op.LOOKUP,
    (writer) => writer.opaque(Buffer.from(name, "latin1")),
    () => {},
  );
}

/** What tells whether a directory is another one, or has changed. */
export interface DirectoryState {
  readonly isDirectory: boolean;
  readonly change: bigint;
  /** Undefined on a server without file ids. */
  readonly fileId: bigint | undefined;
  /** When it last changed, by the server's clock, in milliseconds since 1970. Undefined where the server does not tell. */
  readonly changedAt: number | undefined;
}

const STATE = toBitmap([Attribute.TYPE, Attribute.CHANGE, Attribute.FILEID, Attribute.TIME_METADATA]);
const CHANGE = toBitmap([Attribute.CHANGE]);
const TYPE = toBitmap([Attribute.TYPE]);
const TYPE_AND_FILEID = toBitmap([Attribute.TYPE, Attribute.FILEID]);

/** @throws {XdrError} when the server leaves out type or change, which every server has (RFC 8881 §5.6). */
export function getDirectoryState(): Operation<DirectoryState> {
  return query(
    Op.GETATTR,
    (writer) => writeBitmap(writer, STATE),
    (reader) => {
      const values = readValues(reader);
      return {
        isDirectory: required(values.type, "type") === FileTypeCode.DIRECTORY,
        change: required(values.change, "change"),
        fileId: values.fileId,
        changedAt: values.changedAt,
      };
    },
  );
}

/** @throws {XdrError} when the server leaves it out. */
export function getChange(): Operation<bigint> {
  return query(
    Op.GETATTR,
    (writer) => writeBitmap(writer, CHANGE),
    (reader) => required(readValues(reader).change, "change"),
  );
}

/** Entries of the current directory after a position. */
export interface TypesPage {
  /** Entries that are no directories. */
  readonly files: number;
  readonly directories: readonly TypedDirectory[];
  /** Where the next page begins; undefined after the last one. */
  readonly next: DirectoryPosition | undefined;
}

export interface TypedDirectory {
  /** A byte string. */
  readonly name: string;
  /** Undefined when it was not asked for, or the server has none. */
  readonly fileId: bigint | undefined;
}

/** As many entries as fit into `maximumBytes`: their types, and the names of the directories. */
export function readTypes(
  position: DirectoryPosition,
  maximumBytes: number,
  { fileIds }: { readonly fileIds: boolean },
): Operation<TypesPage> {
  return query(
    Op.READDIR,
    (writer) => {
      writer.uint64(position.cookie).fixedOpaque(position.verifier);
      writer.uint32(maximumBytes).uint32(maximumBytes);
      writeBitmap(writer, fileIds ? TYPE_AND_FILEID : TYPE);
    },
    readPage,
  );
}

function readPage(reader: XdrReader): TypesPage {
  const verifier = Buffer.from(reader.fixedOpaque(VERIFIER_SIZE));
  const directories: TypedDirectory[] = [];
  let files = 0;
  let cookie: Buffer | undefined;
  while (reader.bool()) {
    cookie = reader.fixedOpaque(8);
    const name = reader.opaque(MAX_OPAQUE_SIZE);
    const { type, fileId } = readValues(reader);
    if (required(type, "type") === FileTypeCode.DIRECTORY) directories.push({ name: name.toString("latin1"), fileId });
    else files += 1;
  }
  if (reader.bool()) return { files, directories, next: undefined };
  if (cookie === undefined) throw new XdrError("A page of a directory has no entry, and is not the last one");
  return { files, directories, next: { cookie: cookie.readBigUInt64BE(), verifier } };
}

interface Values {
  type?: number;
  change?: bigint;
  fileId?: bigint;
  changedAt?: number;
}

const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** Reads a fattr4 with some of the attributes that this file asks for. */
function readValues(reader: XdrReader): Values {
  const attributes = readBitmap(reader);
  const end = reader.uint32();
  const remaining = reader.remaining - end;
  const values: Values = {};
  // By far the most frequent, in pages of many entries.
  if (attributes.length === 1 && attributes[0] === TYPE[0]) values.type = reader.uint32();
  else for (const attribute of fromBitmap(attributes)) readValue(reader, attribute, values);
  if (reader.remaining !== remaining) throw new XdrError(`Attributes of ${end} bytes do not end where they should`);
  return values;
}

function readValue(reader: XdrReader, attribute: number, values: Values): void {
  switch (attribute) {
    case Attribute.TYPE:
      values.type = reader.uint32();
      return;
    case Attribute.CHANGE:
      values.change = reader.uint64();
      return;
    case Attribute.FILEID:
      values.fileId = reader.uint64();
      return;
    case Attribute.TIME_METADATA:
      values.changedAt = Number(reader.int64()) * 1000 + reader.uint32() / NANOSECONDS_PER_MILLISECOND;
      return;
    default:
      throw new XdrError(`The server sent attribute ${attribute}, which was not asked for`);
  }
}

function required<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new XdrError(`The server leaves out the attribute ${name}`);
  return value;
}

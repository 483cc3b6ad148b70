/** Attributes of a server and its files that only first contact asks for. */
import { type Operation, query } from "../wire/compound.ts";
import { Attribute, MAX_OPAQUE_SIZE, Op } from "../wire/constants.ts";
import { fromBitmap, readBitmap, toBitmap, writeBitmap } from "../wire/data-types.ts";
import type { XdrReader } from "../wire/xdr.ts";

/** What the server says of the file system, as far as it says it. */
export interface ServerAttributes {
  readonly supported: ReadonlySet<number>;
  /** Seconds. */
  readonly leaseSeconds?: number;
  /** Bytes in one READ and one WRITE. */
  readonly maximumRead?: number;
  readonly maximumWrite?: number;
}

const SERVER_ATTRIBUTES = toBitmap([
  Attribute.SUPPORTED_ATTRS,
  Attribute.LEASE_TIME,
  Attribute.MAXREAD,
  Attribute.MAXWRITE,
]);

export function getServerAttributes(): Operation<ServerAttributes> {
  return query(
    Op.GETATTR,
    (writer) => writeBitmap(writer, SERVER_ATTRIBUTES),
    (reader) => {
      const given = readGiven(reader);
      return {
        supported: new Set(given.has(Attribute.SUPPORTED_ATTRS) ? fromBitmap(readBitmap(reader)) : []),
        ...(given.has(Attribute.LEASE_TIME) && { leaseSeconds: reader.uint32() }),
        ...(given.has(Attribute.MAXREAD) && { maximumRead: Number(reader.uint64()) }),
        ...(given.has(Attribute.MAXWRITE) && { maximumWrite: Number(reader.uint64()) }),
      };
    },
  );
}

const OWNER = toBitmap([Attribute.OWNER, Attribute.OWNER_GROUP]);

/** Owner and group of the current file, as the server names them. Example: `1000:1000`. */
export function getOwner(): Operation<string> {
  return query(
    Op.GETATTR,
    (writer) => writeBitmap(writer, OWNER),
    (reader) => {
      const given = readGiven(reader);
      const nameOf = (attribute: number) => (given.has(attribute) ? reader.string(MAX_OPAQUE_SIZE) : "?");
      return `${nameOf(Attribute.OWNER)}:${nameOf(Attribute.OWNER_GROUP)}`;
    },
  );
}

/** The attributes that the values of a fattr4 follow for; the reader is then at the first value. */
function readGiven(reader: XdrReader): ReadonlySet<number> {
  const given = new Set(fromBitmap(readBitmap(reader)));
  reader.uint32();
  return given;
}

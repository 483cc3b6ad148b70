/** Owners, modes and times that are set, and symbolic links (RFC 8881 §5, §18.4, §18.24, §18.30). */
import { mutation, nothing, type Operation, query } from "../compound.ts";
import { Attribute, FileTypeCode, MAX_OPAQUE_SIZE, Op } from "../constants.ts";
import {
  ANONYMOUS_STATEID,
  fromBitmap,
  readBitmap,
  toBitmap,
  writeBitmap,
  writeComponent,
  writeStateid,
} from "../data-types.ts";
import { decodeName, encodeName } from "../names.ts";
import { XdrError, type XdrReader, XdrWriter } from "../xdr.ts";
import { readChangeInfo } from "./directories.ts";

/** Whom a file belongs to: numbers in decimal, or names with a domain, as the server has them (RFC 8881 §5.9). */
export interface Owners {
  readonly owner: string;
  readonly group: string;
}

/** What is to change; what is absent stays. */
export interface AttributeChanges {
  /** A number, or a name with its domain. */
  readonly owner?: number | string;
  readonly group?: number | string;
  /** Permission bits. */
  readonly mode?: number;
  /** When the data last changed, in milliseconds since 1970. */
  readonly modifiedAt?: number;
}

const OWNERS = toBitmap([Attribute.OWNER, Attribute.OWNER_GROUP]);

/** Bytes of the target of a symbolic link: Linux's PATH_MAX. */
const MAX_LINK_TARGET = 4096;

/** settime4: the time is the client's, not the server's. */
const SET_TO_CLIENT_TIME = 1;

/** The owners of the current file; what the server does not say is empty. */
export function getOwners(): Operation<Owners> {
  return query(Op.GETATTR, (writer) => writeBitmap(writer, OWNERS), readOwners);
}

function readOwners(reader: XdrReader): Owners {
  const given = fromBitmap(readBitmap(reader));
  reader.uint32();
  const owners = { owner: "", group: "" };
  for (const attribute of given) {
    if (attribute === Attribute.OWNER) owners.owner = reader.string(MAX_OPAQUE_SIZE);
    else if (attribute === Attribute.OWNER_GROUP) owners.group = reader.string(MAX_OPAQUE_SIZE);
    else throw new XdrError(`The server sent attribute ${attribute}, which was not asked for`);
  }
  return owners;
}

/** Changes attributes of the current file. */
export function setAttributes({ owner, group, mode, modifiedAt }: AttributeChanges): Operation<void> {
  const values = new XdrWriter(64);
  const numbers: number[] = [];
  // In the order of their numbers.
  if (mode !== undefined) {
    numbers.push(Attribute.MODE);
    values.uint32(mode);
  }
  if (owner !== undefined) {
    numbers.push(Attribute.OWNER);
    values.string(String(owner));
  }
  if (group !== undefined) {
    numbers.push(Attribute.OWNER_GROUP);
    values.string(String(group));
  }
  if (modifiedAt !== undefined) {
    numbers.push(Attribute.TIME_MODIFY_SET);
    const seconds = Math.floor(modifiedAt / 1000);
    values.uint32(SET_TO_CLIENT_TIME).int64(BigInt(seconds));
    values.uint32(Math.floor((modifiedAt - seconds * 1000) * 1_000_000));
  }
  return mutation(
    Op.SETATTR,
    (writer) => {
      writeStateid(writer, ANONYMOUS_STATEID);
      writeBitmap(writer, toBitmap(numbers));
      writer.opaque(values.toBuffer());
    },
    (reader) => {
      readBitmap(reader);
    },
  );
}

/** The target of the current symbolic link, as names are strings. */
export function readLink(): Operation<string> {
  return query(Op.READLINK, nothing, (reader) => decodeName(reader.opaque(MAX_LINK_TARGET)));
}

/** Creates a symbolic link in the current directory. */
export function createSymbolicLink(name: string, target: string): Operation<void> {
  return mutation(
    Op.CREATE,
    (writer) => {
      writer.uint32(FileTypeCode.SYMBOLIC_LINK).opaque(encodeName(target));
      writeComponent(writer, name);
      writeBitmap(writer, []);
      writer.uint32(0);
    },
    (reader) => {
      readChangeInfo(reader);
      readBitmap(reader);
    },
  );
}

/** Operations on the names in a directory (RFC 8881 §18.4, §18.9, §18.23, §18.25, §18.26). */

import { mutation, type Operation, query } from "../compound.ts";
import { FileTypeCode, Op, VERIFIER_SIZE } from "../constants.ts";
import { readBitmap, readComponent, writeBitmap, writeComponent } from "../data-types.ts";
import type { XdrReader } from "../xdr.ts";
import { FILE_ATTRIBUTES, type FileAttributes, readFileAttributes, writeCreationAttributes } from "./attributes.ts";

/** Creates a directory in the current one; the new one becomes the current file handle. */
export function createDirectory(name: string, mode: number | undefined): Operation<void> {
  return mutation(
    Op.CREATE,
    (writer) => {
      writer.uint32(FileTypeCode.DIRECTORY);
      writeComponent(writer, name);
      writeCreationAttributes(writer, mode);
    },
    (reader) => {
      skipChangeInfo(reader);
      readBitmap(reader);
    },
  );
}

/** Removes a name from the current directory. */
export function remove(name: string): Operation<void> {
  return mutation(Op.REMOVE, (writer) => writeComponent(writer, name), skipChangeInfo);
}

/** Renames from the saved directory into the current one; a file that has the new name is replaced. */
export function rename(from: string, to: string): Operation<void> {
  return mutation(
    Op.RENAME,
    (writer) => {
      writeComponent(writer, from);
      writeComponent(writer, to);
    },
    (reader) => {
      skipChangeInfo(reader);
      skipChangeInfo(reader);
    },
  );
}

/** Gives the saved file another name in the current directory; fails with NFS4ERR_EXIST when it is taken. */
export function link(name: string): Operation<void> {
  return mutation(Op.LINK, (writer) => writeComponent(writer, name), skipChangeInfo);
}

export interface DirectoryPosition {
  readonly cookie: bigint;
  readonly verifier: Buffer;
}

export const DIRECTORY_START: DirectoryPosition = { cookie: 0n, verifier: Buffer.alloc(VERIFIER_SIZE) };

export interface ListedEntry {
  readonly name: string;
  readonly cookie: bigint;
  readonly attributes: FileAttributes;
}

export interface DirectoryPage {
  readonly verifier: Buffer;
  readonly entries: readonly ListedEntry[];
  readonly endOfDirectory: boolean;
}

/** Entries of the current directory after `position`, as many as fit into `maximumBytes`. */
export function readDirectory(position: DirectoryPosition, maximumBytes: number): Operation<DirectoryPage> {
  return query(
    Op.READDIR,
    (writer) => {
      writer.uint64(position.cookie).fixedOpaque(position.verifier);
      writer.uint32(maximumBytes).uint32(maximumBytes);
      writeBitmap(writer, FILE_ATTRIBUTES);
    },
    readPage,
  );
}

function readPage(reader: XdrReader): DirectoryPage {
  const verifier = Buffer.from(reader.fixedOpaque(VERIFIER_SIZE));
  const entries: ListedEntry[] = [];
  while (reader.bool()) {
    const cookie = reader.uint64();
    const name = readComponent(reader);
    entries.push({ cookie, name, attributes: readFileAttributes(reader) });
  }
  return { verifier, entries, endOfDirectory: reader.bool() };
}

export function skipChangeInfo(reader: XdrReader): void {
  reader.bool();
  reader.uint64();
  reader.uint64();
}

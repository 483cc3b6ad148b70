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
      readChangeInfo(reader);
      readBitmap(reader);
    },
  );
}

/** Removes a name from the current directory. Results in the directory's change attribute then: {@link readChangeInfo}. */
export function remove(name: string): Operation<bigint> {
  return mutation(Op.REMOVE, (writer) => writeComponent(writer, name), readChangeInfo);
}

/**
 * Renames from the saved directory into the current one; a file that has the new name is replaced. Results in the change
 * attribute of the current one then: {@link readChangeInfo}.
 */
export function rename(from: string, to: string): Operation<bigint> {
  return mutation(
    Op.RENAME,
    (writer) => {
      writeComponent(writer, from);
      writeComponent(writer, to);
    },
    (reader) => {
      readChangeInfo(reader);
      return readChangeInfo(reader);
    },
  );
}

/**
 * Gives the saved file another name in the current directory; fails with NFS4ERR_EXIST when it is taken. Results in the
 * directory's change attribute then: {@link readChangeInfo}.
 */
export function link(name: string): Operation<bigint> {
  return mutation(Op.LINK, (writer) => writeComponent(writer, name), readChangeInfo);
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

/**
 * Reads a change_info4 (RFC 8881 §3.3.3): the change attribute of a directory after an operation changed it. It is larger
 * the later the operation was, where the server counts in it or takes it from a clock.
 */
export function readChangeInfo(reader: XdrReader): bigint {
  reader.bool();
  reader.uint64();
  return reader.uint64();
}

/** A directory with all that is below it, as the entries of an archive. */

import { collect, type DirectoryPath, type FilePath, type RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { type FileAttributes, FileChangedError, NfsStatusError } from "nfs-client";
import { inOrder } from "./in-order.ts";
import { type TreeEntry, walkTree } from "./tree.ts";

export type ArchiveEntry =
  | { readonly kind: "directory"; readonly path: FilePath; readonly name: string; readonly attributes: FileAttributes }
  | {
      readonly kind: "file";
      readonly path: FilePath;
      /** Below the directory that the archive is of. */
      readonly name: string;
      readonly attributes: FileAttributes;
      /** As many bytes as the attributes say. */
      readonly content: AsyncIterable<Buffer> | Buffer;
    }
  | Omission;

/** What is not in the archive, and why. */
export interface Omission {
  readonly kind: "omission";
  readonly path: FilePath;
  readonly reason: Error;
}

/** A name that an archive cannot have, or something that is neither a file nor a directory. */
export class NotArchivableError extends Error {
  override readonly name = "NotArchivableError";
}

/** Entries that are read ahead. */
const AT_ONCE = 256;

/** Bytes of files that are read ahead as a whole; those of larger ones come as the archive is taken. */
const MAX_WHOLE = 2 ** 20;

/** How often a file may change while it is read. */
const ROUNDS = 3;

/**
 * The entries, in the order of the tree. What vanishes, or cannot be read, is an omission.
 *
 * @throws what says that no mount target can be reached; from the content of a file, too.
 */
export async function* archiveEntries(files: RoutedFiles, directory: DirectoryPath): AsyncGenerator<ArchiveEntry> {
  const nameOf = (path: FilePath) => (directory === "" ? path : path.slice(directory.length + 1));
  const entries = inOrder(walkTree(files, directory), {
    atOnce: AT_ONCE,
    memory: files.memory,
    bytesOf: ({ attributes }) => (attributes !== undefined && isWhole(attributes) ? attributes.size : 0),
    work: (entry) => toEntry(files, entry, nameOf(entry.path)),
  });
  for await (const entry of entries) yield typeof entry === "function" ? await entry() : entry;
}

function isWhole({ type, size }: FileAttributes): boolean {
  return type === "file" && size <= MAX_WHOLE;
}

/** The entry, or how it is made when it is its turn. */
async function toEntry(
  files: RoutedFiles,
  { path, attributes, error }: TreeEntry,
  name: string,
): Promise<ArchiveEntry | (() => Promise<ArchiveEntry>)> {
  if (attributes === undefined) return omitted(path, error ?? new NotArchivableError("It could not be read"));
  if (!name.isWellFormed()) return omitted(path, new NotArchivableError("The name is not UTF-8"));
  const { type, size } = attributes;
  if (type === "directory") return { kind: "directory", path, name, attributes };
  if (type !== "file") return omitted(path, new NotArchivableError(`It is a ${type}`));
  if (!isWhole(attributes)) return () => orOmitted(path, () => openLarge(files, path, name));
  return orOmitted(path, () => readWhole(files, path, name, size));
}

async function orOmitted(path: FilePath, make: () => Promise<ArchiveEntry>): Promise<ArchiveEntry> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof NfsStatusError || error instanceof FileChangedError) return omitted(path, error);
    throw error;
  }
}

function omitted(path: FilePath, reason: Error): Omission {
  return { kind: "omission", path, reason };
}

/** @param size What the directory says, which may be outdated. */
async function readWhole(files: RoutedFiles, path: FilePath, name: string, size: number): Promise<ArchiveEntry> {
  const { attributes, body } = await files.openFile(path, { length: size, together: true });
  const content = await collect(body);
  if (content.length === attributes.size) return { kind: "file", path, name, attributes, content };
  return openLarge(files, path, name);
}

async function openLarge(files: RoutedFiles, path: FilePath, name: string): Promise<ArchiveEntry> {
  for (let round = 1; ; round++) {
    const { attributes, body } = await files.openFile(path);
    const content = body[Symbol.asyncIterator]();
    try {
      const first = await content.next();
      return { kind: "file", path, name, attributes, content: continued(first, content) };
    } catch (error) {
      if (!(error instanceof FileChangedError) || round === ROUNDS) throw error;
    }
  }
}

/** Unlike a generator, this ends the iteration also where it was never begun: the file is open. */
function continued(first: IteratorResult<Buffer>, rest: AsyncIterator<Buffer>): AsyncIterableIterator<Buffer> {
  let begun = false;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      if (begun) return rest.next();
      begun = true;
      return Promise.resolve(first);
    },
    async return() {
      await rest.return?.();
      return { done: true, value: undefined };
    },
  };
}

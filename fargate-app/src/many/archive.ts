/** A directory with all that is below it, as the entries of an archive. */
import {
  collect,
  type DirectoryPath,
  type FilePath,
  inOrder,
  type RoutedFiles,
} from "@efs-mount-autoscaling/routed-files";
import { type FileAttributes, FileChangedError, NfsStatusError } from "nfs-client";
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

/** Entries that are read at once, and how often so many are read ahead. */
const BATCH = 128;
const BATCHES_AHEAD = 3;

/** Bytes of files that are read at once, and of a file that is read as a whole; those of larger ones come as the archive is taken. */
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
  const batches = inOrder(inBatches(walkTree(files, directory)), {
    atOnce: BATCHES_AHEAD,
    memory: files.memory,
    bytesOf: (batch) => batch.reduce((sum, entry) => sum + bytesOf(entry), 0),
    work: (batch) => toEntries(files, batch, nameOf),
  });
  for await (const batch of batches) {
    for (const entry of batch) yield typeof entry === "function" ? await entry() : entry;
  }
}

/** Consecutive entries, as many as are read at once. */
async function* inBatches(entries: AsyncIterable<TreeEntry>): AsyncGenerator<TreeEntry[]> {
  let batch: TreeEntry[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    const more = bytesOf(entry);
    if (batch.length === BATCH || (batch.length > 0 && bytes + more > MAX_WHOLE)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}

/** Bytes that are read as a whole. */
function bytesOf({ attributes }: TreeEntry): number {
  return attributes !== undefined && isWhole(attributes) ? attributes.size : 0;
}

function isWhole({ type, size }: FileAttributes): boolean {
  return type === "file" && size <= MAX_WHOLE;
}

/** An entry, or how it is made when it is its turn. */
type EntryToCome = ArchiveEntry | (() => Promise<ArchiveEntry>);

async function toEntries(
  files: RoutedFiles,
  batch: readonly TreeEntry[],
  nameOf: (path: FilePath) => string,
): Promise<EntryToCome[]> {
  const small = batch.flatMap(({ path, attributes }) =>
    attributes !== undefined && isWhole(attributes) ? [{ path, size: attributes.size }] : [],
  );
  const found = await files.readSmallFiles(small);
  const contents = new Map(small.map(({ path }, index) => [path, found[index]]));
  const entries: (EntryToCome | Promise<EntryToCome>)[] = batch.map((entry) => {
    const name = nameOf(entry.path);
    const file = contents.get(entry.path);
    if (file === undefined || !name.isWellFormed()) return toEntry(files, entry, name);
    return { kind: "file", path: entry.path, name, attributes: file.attributes, content: file.data };
  });
  return Promise.all(entries);
}

/** Of what was not read with others. */
async function toEntry(files: RoutedFiles, { path, attributes, error }: TreeEntry, name: string): Promise<EntryToCome> {
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

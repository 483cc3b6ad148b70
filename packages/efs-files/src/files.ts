/// <reference types="node" preserve="true" />
/**
 * The interface of this package: files by their paths, shaped like `node:fs/promises` where that is honest.
 *
 * What is different from a file system of the machine:
 *
 * - A write replaces the whole file, atomically: readers see the old or the new content, never a part. It is durable
 *   when the promise resolves. There are no file descriptors, and nothing is written into the middle of a file.
 * - Missing directories are made by writes.
 * - There is no rename, link, chmod, chown or utimes, and no watching of single files.
 * - Symbolic links are not followed: a path that has one fails with `ELOOP`.
 *
 * Paths are names separated by `/`, below the served directory. A leading `/`, empty names and `.` make no difference;
 * `..` is refused. Names are bytes: in one that is not UTF-8, each byte that belongs to no character is the code unit
 * U+DC00 and the byte, as Python's `surrogateescape` has it (PEP 383). `readdir` lists names so, and every method takes
 * them.
 *
 * Every method rejects with a {@link FileError}. Its `code` is that of `node:fs` where there is one (`ENOENT`, `EEXIST`).
 */
import type { Readable, Writable } from "node:stream";
import type { FileError } from "./errors.ts";

export interface Files {
  /** The content of a file. `start` and `end` select a part. */
  readFile(path: string, options?: ReadOptions & { readonly encoding?: null | undefined }): Promise<Buffer>;
  /** The content of a file as a string. */
  readFile(path: string, options: BufferEncoding | (ReadOptions & Encoding)): Promise<string>;

  /** The content of a file, and what `stat` says, of the same version: to change the file under `ifMatch`. */
  readFileWithStats(path: string, options?: ReadOptions): Promise<FileWithStats>;

  /** Replaces a file, or makes it. Atomic and durable. What fails leaves the old content. */
  writeFile(path: string, data: WriteData, options?: BufferEncoding | WriteFileOptions): Promise<Written>;

  /**
   * Adds to the end of a file, which is made when there is none. Whole or not at all, and durable; nothing is lost where
   * many append at the same time. At most {@link MAX_APPEND_BYTES} at once. It is never repeated where it may have been
   * made: the error is an `OutcomeUnknownError` then.
   */
  appendFile(
    path: string,
    data: string | NodeJS.ArrayBufferView,
    options?: BufferEncoding | AppendFileOptions,
  ): Promise<FileVersion>;

  /** What is at a path. Links are not followed: it is `lstat`, too. */
  stat(path: string, options?: OperationOptions): Promise<FileStats>;

  /** Rejects where there is nothing at a path. What may be done with it, only doing it tells: there are no modes. */
  access(path: string, options?: OperationOptions): Promise<void>;

  /** Whether there is something at a path. Rejects where that cannot be told. */
  exists(path: string, options?: OperationOptions): Promise<boolean>;

  /** The names in a directory, in no order. All of them are in memory: {@link opendir} has them one by one. */
  readdir(path: string, options?: OperationOptions & { readonly withFileTypes?: false | undefined }): Promise<string[]>;
  readdir(path: string, options: OperationOptions & { readonly withFileTypes: true }): Promise<DirectoryEntry[]>;

  /**
   * The entries of a directory as they come, in no order. An entry that is made or removed meanwhile may be listed or
   * not; every other is listed once. A directory that is missing rejects the first `next()`.
   */
  opendir(path: string, options?: OperationOptions): AsyncIterable<DirectoryEntry>;

  /**
   * Makes a directory and those above it. As with `recursive: true` in `node:fs`: one that exists is no error. `EEXIST`
   * where something else is at the path, `ENOTDIR` where one of those above it is no directory.
   */
  mkdir(path: string, options?: MakeDirectoryOptions): Promise<void>;

  /** Removes a file or an empty directory; with `recursive`, a directory with all that is below it. */
  rm(path: string, options?: RemoveOptions): Promise<void>;

  /** Removes what is no directory: `EISDIR` where one is there. It looks before, which is no one step with the removal. */
  unlink(path: string, options?: OperationOptions): Promise<void>;

  /** Removes an empty directory: `ENOTDIR` where there is something else. It looks before, as {@link unlink} does. */
  rmdir(path: string, options?: OperationOptions): Promise<void>;

  /**
   * Writes the content of one file to another, through this process. Atomic and durable as {@link writeFile}; what is
   * copied is of one version of the source.
   */
  copyFile(from: string, to: string, options?: OperationOptions & WriteConditions): Promise<Written>;

  /**
   * The bytes of a file, from `start` to `end`, which is opened when they are first read. They are of one version, or the
   * stream fails with `ERR_FILE_CHANGED`.
   */
  createReadStream(path: string, options?: BufferEncoding | ReadStreamOptions): Readable;

  /**
   * Replaces a file with what is written, when the stream has finished. A stream that is destroyed before leaves the old
   * content.
   */
  createWriteStream(path: string, options?: BufferEncoding | WriteFileOptions): Writable;

  /**
   * Many small reads, stats and removals, at the same time and in few round trips. Any number; results come in the order
   * of the items, each with its own success or failure. No item may wait for the result of another one. A read brings at most {@link MAX_BATCH_READ_BYTES}.
   */
  batch<const Item extends BatchItem>(
    items: Iterable<Item> | AsyncIterable<Item>,
    options?: OperationOptions,
  ): AsyncIterable<BatchResultOf<Item>>;

  /** Ends what is in flight, and gives back what is held. Every method rejects with `ERR_CLOSED` after it. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Bytes that one append adds, at most. */
export const MAX_APPEND_BYTES: number = 2 ** 20;

/** Bytes of a file that is read in a batch, at most. */
export const MAX_BATCH_READ_BYTES: number = 2 ** 20;

/** Of every operation. */
export interface OperationOptions {
  /** Ends the operation with an error whose `code` is `ABORT_ERR`. What was sent by then may be done all the same. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds until the operation fails with `ETIMEDOUT`, its retries included. Default 30,000. Of what comes or goes
   * piece by piece (streams, `opendir`, `batch`, removals with `recursive`): milliseconds without any progress.
   */
  readonly timeout?: number | undefined;
}

export interface Encoding {
  readonly encoding: BufferEncoding;
}

export interface ReadOptions extends OperationOptions {
  /** First byte. Default 0. */
  readonly start?: number | undefined;
  /** Last byte, inclusive, as in `fs.createReadStream`. Default: that of the file. What is behind it is no error. */
  readonly end?: number | undefined;
}

export interface ReadStreamOptions extends ReadOptions {
  /** Chunks are strings then. */
  readonly encoding?: BufferEncoding | null | undefined;
  /** Bytes that are read ahead. Default 64 KiB. */
  readonly highWaterMark?: number | undefined;
}

/** A stream or other iterable is read once, as fast as it is written. */
export type WriteData =
  | string
  | NodeJS.ArrayBufferView
  | Iterable<string | NodeJS.ArrayBufferView>
  | AsyncIterable<string | NodeJS.ArrayBufferView>;

/** What the file must be for a change to be made. */
export interface WriteConditions {
  /** The etag that it must have. Rejects with `ERR_PRECONDITION` where it has another one, or is not there. */
  readonly ifMatch?: string | undefined;
  /** Only if there is no file. Rejects with `EEXIST` where there is one. */
  readonly ifNoneMatch?: "*" | undefined;
}

export interface WriteFileOptions extends OperationOptions, WriteConditions {
  /** Of strings. Default `utf8`. */
  readonly encoding?: BufferEncoding | null | undefined;
  /** As in `node:fs`: `wx` is `ifNoneMatch: "*"`. Default `w`. */
  readonly flag?: "w" | "wx" | undefined;
}

export interface AppendFileOptions extends OperationOptions, WriteConditions {
  /** Of strings. Default `utf8`. */
  readonly encoding?: BufferEncoding | null | undefined;
}

export interface MakeDirectoryOptions extends OperationOptions {
  /** For calls that are written for `node:fs`: it makes no difference. */
  readonly recursive?: true | undefined;
}

export interface RemoveOptions extends OperationOptions, Pick<WriteConditions, "ifMatch"> {
  /**
   * A directory with all that is below it. Where something could not be removed, the error is a `RemoveIncompleteError`,
   * and the rest is gone. Not with `ifMatch`.
   */
  readonly recursive?: boolean | undefined;
  /** What is not there is no error. */
  readonly force?: boolean | undefined;
}

/** Identifies the version of a file. */
export interface FileVersion {
  /** Differs after every change. Opaque, with the quotes that HTTP and S3 have around it. */
  readonly etag: string;
}

export interface Written extends FileVersion {
  /** Whether there was no file before. */
  readonly created: boolean;
}

export type FileType =
  | "file"
  | "directory"
  | "symbolic-link"
  | "block-device"
  | "character-device"
  | "fifo"
  | "socket"
  | "unknown";

/** The part of `fs.Stats` that there is, and the etag. */
export interface FileStats extends FileVersion {
  readonly type: FileType;
  /** Bytes. */
  readonly size: number;
  /** When the content last changed. */
  readonly mtime: Date;
  /** As `mtime`, in milliseconds since 1970. */
  readonly mtimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** As `fs.Dirent`, with what `stat` says, which costs nothing more. */
export interface DirectoryEntry extends FileStats {
  readonly name: string;
  /** The directory, as it was asked for. */
  readonly parentPath: string;
}

export interface FileWithStats {
  readonly data: Buffer;
  readonly stats: FileStats;
}

export type BatchItem =
  | { readonly operation: "read"; readonly path: string }
  | { readonly operation: "stat"; readonly path: string }
  | { readonly operation: "rm"; readonly path: string; readonly ifMatch?: string | undefined };

/** What an operation results in, where it succeeds. */
interface BatchValues {
  readonly read: { readonly data: Buffer };
  readonly stat: { readonly stats: FileStats };
  readonly rm: unknown;
}

/** With `error`, where that item failed. */
export type BatchResult = BatchResultOf<BatchItem>;

export type BatchResultOf<Item extends BatchItem> = Item extends BatchItem
  ? { readonly item: Item } & (
      | ({ readonly error?: undefined } & BatchValues[Item["operation"]])
      | ({ readonly error: FileError } & { readonly [Key in keyof BatchValues[Item["operation"]]]?: undefined })
    )
  : never;

/**
 * What each half of the package implements, remote or embedded: the least that {@link Files} is made of
 * (`files-over.ts`). Arguments are valid, and defaults are filled in.
 */
import type { Deadline } from "./deadline.ts";
import type { FileError } from "./errors.ts";
import type { FileType, FileVersion, Written } from "./files.ts";

/** Names separated by `/`, without `.` and `..`, and without a slash at either end. `""` is the served directory. */
export type Path = string;

export interface ByteRange {
  readonly start: number;
  /** Inclusive; infinite: to the end of the file. */
  readonly end: number;
}

/** The etag that the file must have, with its quotes; or that there must be no file. Undefined: whatever is there. */
export type Condition = { readonly etag: string } | "absent" | undefined;

export interface Attributes extends FileVersion {
  readonly type: FileType;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtimeMs: number;
}

export interface ListedEntry extends Attributes {
  readonly name: string;
}

export interface OpenedFile {
  readonly attributes: Attributes;
  /** The bytes of the range, of this version. It is read once, or its iterator is returned. */
  readonly body: AsyncIterable<Buffer>;
}

export type BatchOperation =
  | { readonly operation: "read"; readonly path: Path }
  | { readonly operation: "stat"; readonly path: Path }
  | { readonly operation: "rm"; readonly path: Path; readonly ifMatch: string | undefined };

export type BatchOutcome =
  | { readonly operation: "read"; readonly data: Buffer }
  | { readonly operation: "stat"; readonly attributes: Attributes }
  | { readonly operation: "rm" }
  | { readonly operation: "failure"; readonly error: FileError };

/** Operations of one `batch`, at most. */
export const MAX_BATCH_OPERATIONS = 1_000;

/**
 * Every method fails with a {@link FileError}. When `deadline.signal` aborts, it fails soon, with `deadline.error()`; or
 * with an `OutcomeUnknownError` that has it as its cause, where a change may have been made that is not safe to repeat.
 */
export interface FileOperations {
  read(path: Path, range: ByteRange, deadline: Deadline): Promise<OpenedFile>;
  write(path: Path, data: Buffer | AsyncIterable<Buffer>, when: Condition, deadline: Deadline): Promise<Written>;
  append(path: Path, data: Buffer, when: Condition, deadline: Deadline): Promise<FileVersion>;
  stat(path: Path, deadline: Deadline): Promise<Attributes>;
  list(path: Path, deadline: Deadline): AsyncIterable<ListedEntry>;
  /** With those above it. One that exists is no error; `ENOTDIR` where it or one above it is something else. */
  makeDirectory(path: Path, deadline: Deadline): Promise<void>;
  /** A file or an empty directory. */
  remove(path: Path, ifMatch: string | undefined, deadline: Deadline): Promise<void>;
  /** A directory with all that is below it. */
  removeTree(path: Path, deadline: Deadline): Promise<void>;
  /** At most {@link MAX_BATCH_OPERATIONS}, at the same time; the outcomes come in their order. */
  batch(operations: readonly BatchOperation[], deadline: Deadline): AsyncIterable<BatchOutcome>;
  /** Afterwards nothing is in flight. */
  close(): Promise<void>;
}

/** The errors of both halves: their methods reject with no others. */

/** What went wrong: the codes of `node:fs` and Node.js where there is one, and `ERR_…` where there is none. */
export type FileErrorCode =
  /** The caller's signal ended it. */
  | "ABORT_ERR"
  /** The token is missing or not valid, or the file system does not allow it. */
  | "EACCES"
  /** Locked or open elsewhere. It may succeed later. */
  | "EBUSY"
  /** A quota of the file system is used up. */
  | "EDQUOT"
  /** There is something already. */
  | "EEXIST"
  /** More than an append, a batch, the service or the file system takes. */
  | "EFBIG"
  /** What was given is not valid: the message says what is allowed. */
  | "EINVAL"
  /** The service or the file system failed in a way that has no code of its own. */
  | "EIO"
  /** There is a directory, where a file is needed. */
  | "EISDIR"
  /** The path has a symbolic link, which are not followed. */
  | "ELOOP"
  /** A name is longer than 255 bytes, or the path is too deep. */
  | "ENAMETOOLONG"
  /** There is nothing at the path. */
  | "ENOENT"
  /** The file system is full. */
  | "ENOSPC"
  /** A part of the path, or what is there, is not a directory. */
  | "ENOTDIR"
  /** The directory is not empty. */
  | "ENOTEMPTY"
  /** The file system is read-only, or this region is the standby. */
  | "EROFS"
  /** The deadline is over. */
  | "ETIMEDOUT"
  /** The object was closed. */
  | "ERR_CLOSED"
  /** The file was replaced while it was read. */
  | "ERR_FILE_CHANGED"
  /** Nobody can tell whether the change was made. */
  | "ERR_OUTCOME_UNKNOWN"
  /** The file does not have the etag of `ifMatch`. */
  | "ERR_PRECONDITION"
  /** Of a removal with `recursive`: something is left. */
  | "ERR_REMOVE_INCOMPLETE"
  /** The service cannot be reached, or has too much to do, and retries did not help. Nothing was changed. */
  | "ERR_UNAVAILABLE";

export interface FileErrorOptions extends ErrorOptions {
  readonly path?: string | undefined;
}

/** Every error of {@link Files}. */
export class FileError extends Error {
  override readonly name: string = "FileError";
  readonly code: FileErrorCode;
  /** That of the call, as the caller gave it, where it has one. */
  path: string | undefined;
  /** The name by which `node:fs` would know what failed: `open`, `scandir`, `rm`. */
  syscall: string | undefined;

  constructor(code: FileErrorCode, message: string, { path, ...options }: FileErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}

/**
 * The change may have been made, may still be made, or may not, and nobody can tell: look at the file. `cause` has the
 * reason.
 */
export class OutcomeUnknownError extends FileError {
  override readonly name = "OutcomeUnknownError";

  constructor(message: string, options?: FileErrorOptions) {
    super("ERR_OUTCOME_UNKNOWN", message, options);
  }
}

/** A removal with `recursive` left something. All else is gone. */
export class RemoveIncompleteError extends FileError {
  override readonly name = "RemoveIncompleteError";
  /** What was not removed, and why; the first ones where there are very many. */
  readonly failures: readonly FileError[];

  constructor(message: string, failures: readonly FileError[], options?: FileErrorOptions) {
    super("ERR_REMOVE_INCOMPLETE", message, options);
    this.failures = failures;
  }
}

/** Whether an error is one of these: `isCode(error, "ENOENT")`. */
export function isCode(error: unknown, ...codes: FileErrorCode[]): error is FileError {
  return error instanceof FileError && codes.includes(error.code);
}

/** What happens at the mount targets, as errors of this package. */
import { NotAFileError, PathError, TooLargeForBatchError, UnavailableError } from "@efs-mount-autoscaling/routed-files";
import {
  AbortedError,
  BusyError,
  ClosedError,
  ConnectionError,
  DeadlineError,
  FileChangedError,
  InvalidPathError,
  OutcomeUnknownError as NfsOutcomeUnknownError,
  NfsStatusError,
  PreconditionError,
  ProtocolError,
} from "nfs-client";
import { FileError, type FileErrorCode, OutcomeUnknownError } from "../errors.ts";
import { type Meanings, OF_NFS_STATUS } from "../nfs-status.ts";

/**
 * @param path Of the call.
 * @returns The error itself, where it is none of the mount targets: the caller's own, or a defect.
 */
export function fileErrorOf(cause: unknown, path: string, meanings: Meanings = {}): unknown {
  if (!(cause instanceof Error) || cause instanceof FileError) return cause;
  if (cause instanceof NfsOutcomeUnknownError) return new OutcomeUnknownError(cause.message, { path, cause });
  const code = codeOf(cause, meanings);
  return code === undefined ? cause : new FileError(code, `${cause.message}: ${path}`, { path, cause });
}

function codeOf(error: Error, meanings: Meanings): FileErrorCode | undefined {
  if (error instanceof NfsStatusError) return meanings[error.status] ?? OF_NFS_STATUS[error.status] ?? "EIO";
  if (error instanceof NotAFileError) return ofType(error);
  if (error instanceof TooLargeForBatchError) return "EFBIG";
  if (error instanceof PathError || error instanceof InvalidPathError) return "EINVAL";
  if (error instanceof PreconditionError) return meanings.precondition ?? "ERR_PRECONDITION";
  if (error instanceof FileChangedError) return "ERR_FILE_CHANGED";
  if (error instanceof DeadlineError) return "ETIMEDOUT";
  if (error instanceof BusyError) return error.reason === "locked" ? "EBUSY" : "ERR_UNAVAILABLE";
  if (error instanceof UnavailableError || isLoss(error)) return "ERR_UNAVAILABLE";
  return undefined;
}

/** Of the mount target, with all that could have stood in for it. */
function isLoss(error: Error): boolean {
  return (
    error instanceof ConnectionError ||
    error instanceof ProtocolError ||
    error instanceof AbortedError ||
    error instanceof ClosedError
  );
}

function ofType({ type }: NotAFileError): FileErrorCode {
  if (type === "directory") return "EISDIR";
  return type === "symbolic-link" ? "ELOOP" : "EINVAL";
}

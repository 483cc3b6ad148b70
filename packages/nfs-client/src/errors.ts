/** The errors of the client: its methods fail with no others. */
import { Op, operationName, type StatusName, statusMeaning, statusName } from "./wire/constants.ts";

/** What went wrong, one code for each class: for `switch`, and where `instanceof` does not reach. */
export type NfsErrorCode =
  | "ERR_NFS_ABORTED"
  | "ERR_NFS_BUSY"
  | "ERR_NFS_CLOSED"
  | "ERR_NFS_CONNECTION"
  | "ERR_NFS_CURSOR"
  | "ERR_NFS_DEADLINE"
  | "ERR_NFS_FILE_CHANGED"
  | "ERR_NFS_OUTCOME_UNKNOWN"
  | "ERR_NFS_PATH"
  | "ERR_NFS_PRECONDITION"
  | "ERR_NFS_PROTOCOL"
  | "ERR_NFS_STATUS";

export abstract class NfsError extends Error {
  abstract readonly code: NfsErrorCode;
}

/** The server replied with a status other than NFS4_OK. */
export class NfsStatusError extends NfsError {
  override readonly name = "NfsStatusError";
  override readonly code = "ERR_NFS_STATUS";
  /** For example `NFS4ERR_NOENT`, or the bare number where RFC 8881 has no name for it. */
  readonly status: StatusName | number;
  /** The operation of the COMPOUND that failed, for example `LOOKUP`. */
  readonly operation: string;

  constructor(code: number, operation: number, path?: string) {
    const status = statusName(code);
    const meaning = status === undefined ? "a status that RFC 8881 does not define" : statusMeaning(status);
    const where = path === undefined ? "" : ` on ${path}`;
    super(`${status ?? code}: ${meaning} (${operationName(operation)}${where})`);
    this.status = status ?? code;
    this.operation = operationName(operation);
  }
}

/** The server cannot do this now, and it was not done; an append may have made the file, empty. It may succeed later. */
export class BusyError extends NfsError {
  override readonly name = "BusyError";
  override readonly code = "ERR_NFS_BUSY";
  /** `limit`: of open files or locks. `locked`: by a lock that this client can no longer release. */
  readonly reason: "limit" | "locked";
  /** Seconds after which it makes sense to retry. */
  readonly retryAfter: number;

  constructor(
    reason: BusyError["reason"],
    message: string,
    { retryAfter = 1, ...options }: ErrorOptions & { readonly retryAfter?: number } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

/**
 * The error for a status other than NFS4_OK. NFS4ERR_DQUOT at OPEN or LOCK is the limit of what a client has open or
 * locked (Amazon EFS user guide, "Troubleshooting file operation errors"); elsewhere it is a quota of space.
 */
export function statusError(code: number, operation: number, path?: string): NfsStatusError | BusyError {
  const error = new NfsStatusError(code, operation, path);
  const isLimit = error.status === "NFS4ERR_DQUOT" && (operation === Op.OPEN || operation === Op.LOCK);
  return isLimit ? new BusyError("limit", error.message, { cause: error }) : error;
}

/** The server could not be reached, or the connection was lost during the operation. */
export class ConnectionError extends NfsError {
  override readonly name = "ConnectionError";
  override readonly code = "ERR_NFS_CONNECTION";
}

/** The operation took longer than it was given. */
export class DeadlineError extends NfsError {
  override readonly name = "DeadlineError";
  override readonly code = "ERR_NFS_DEADLINE";
}

/** The caller's signal ended the operation. */
export class AbortedError extends NfsError {
  override readonly name = "AbortedError";
  override readonly code = "ERR_NFS_ABORTED";
}

/** The server sent something that is not NFSv4.1. */
export class ProtocolError extends NfsError {
  override readonly name = "ProtocolError";
  override readonly code = "ERR_NFS_PROTOCOL";
}

/** Where a file is until it gets its name, and which one it is. */
export interface Staged {
  /**
   * Whoever removes the file there has made sure that it never gets its name; where there is none any more, it has got it.
   */
  readonly path: string;
  /** What tells it from a file that has replaced it under its name. */
  readonly fileId: bigint;
}

/** The operation must not be done twice, it was sent, and nobody can tell whether it was done. */
export class OutcomeUnknownError extends NfsError {
  override readonly name = "OutcomeUnknownError";
  override readonly code = "ERR_NFS_OUTCOME_UNKNOWN";
  /** Of a write that was to be {@link WriteOptions.resolvable}: how to find out whether it was done. */
  readonly staged: Staged | undefined;

  constructor(message: string, { staged, ...options }: ErrorOptions & { readonly staged?: Staged } = {}) {
    super(message, options);
    this.staged = staged;
  }
}

/** The file is not as the condition says; nothing was changed. */
export class PreconditionError extends NfsError {
  override readonly name = "PreconditionError";
  override readonly code = "ERR_NFS_PRECONDITION";
}

/** The file became shorter, or another one, while it was read or written. */
export class FileChangedError extends NfsError {
  override readonly name = "FileChangedError";
  override readonly code = "ERR_NFS_FILE_CHANGED";
}

/** The path cannot name a file; the message says which part of it is wrong. */
export class InvalidPathError extends NfsError {
  override readonly name = "InvalidPathError";
  override readonly code = "ERR_NFS_PATH";
}

/** The cursor to begin a directory at is not one that a directory entry had. */
export class InvalidCursorError extends NfsError {
  override readonly name = "InvalidCursorError";
  override readonly code = "ERR_NFS_CURSOR";
}

/** The client was closed. */
export class ClosedError extends NfsError {
  override readonly name = "ClosedError";
  override readonly code = "ERR_NFS_CLOSED";
}

/** Whether `error` is one of these statuses. */
export function isStatus(error: unknown, ...names: StatusName[]): error is NfsStatusError {
  return error instanceof NfsStatusError && typeof error.status === "string" && names.includes(error.status);
}

/** Whether there was no such file, also where a condition needed one. */
export function isMissing(error: unknown): boolean {
  return isStatus(error instanceof PreconditionError ? error.cause : error, "NFS4ERR_NOENT");
}

/** The message of an error, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For clean-ups whose success nothing depends on: rethrows only what is no {@link NfsError}, and so a defect. */
export function ignoreNfsError(error: unknown): void {
  if (!(error instanceof NfsError)) throw error;
}

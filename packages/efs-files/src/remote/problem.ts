/** What the router refuses, as errors of this package. */
import { FileError, type FileErrorCode, OutcomeUnknownError } from "../errors.ts";
import { type Meanings, OF_NFS_STATUS } from "../nfs-status.ts";
import { parsed } from "./parsed.ts";
import { problemDocument } from "./schemas.ts";

interface HttpProblem {
  readonly status: number;
  readonly detail: string;
  readonly code?: string | undefined;
  readonly requestId?: string | undefined;
  readonly primary?: string | undefined;
}

/** The response that is the `cause` of a {@link FileError}: a problem document (RFC 9457), or what else came. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  /** What went wrong, in the router's words: an NFS status such as `NFS4ERR_NOENT`, or `OUTCOME_UNKNOWN`. */
  readonly code: string | undefined;
  /** As the router's log has it. */
  readonly requestId: string | undefined;
  /** Where there are two regions, and the other one is the primary: its address. */
  readonly primary: string | undefined;

  constructor({ status, detail, code, requestId, primary }: HttpProblem) {
    super(detail);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.primary = primary;
  }
}

const OF_CODE: Readonly<Record<string, FileErrorCode>> = { NOT_PRIMARY: "EROFS" };

const OF_STATUS: Readonly<Record<number, FileErrorCode>> = {
  400: "EINVAL",
  401: "EACCES",
  403: "EACCES",
  404: "ENOENT",
  408: "ETIMEDOUT",
  409: "EINVAL",
  412: "ERR_PRECONDITION",
  413: "EFBIG",
  429: "ERR_UNAVAILABLE",
  502: "ERR_UNAVAILABLE",
  503: "ERR_UNAVAILABLE",
  504: "ERR_UNAVAILABLE",
  507: "ENOSPC",
};

/** @param text The body of the response. */
export function httpErrorOf(status: number, text: string): HttpError {
  try {
    return new HttpError(parsed(problemDocument, text));
  } catch {
    // A proxy says it in words of its own.
    return new HttpError({ status, detail: `The service answered with ${status}` });
  }
}

/** @param path Of the call. */
export function fileErrorOf(cause: HttpError, path: string | undefined, meanings: Meanings = {}): FileError {
  const message = path === undefined || path === "" ? cause.message : `${cause.message}: ${path}`;
  if (cause.code === "OUTCOME_UNKNOWN") return new OutcomeUnknownError(message, { path, cause });
  const ofCode =
    cause.code === undefined ? undefined : (meanings[cause.code] ?? OF_NFS_STATUS[cause.code] ?? OF_CODE[cause.code]);
  const code = ofCode ?? meanings[cause.status] ?? OF_STATUS[cause.status] ?? "EIO";
  return new FileError(code, message, { path, cause });
}

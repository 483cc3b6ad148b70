/** Errors as HTTP responses: problem documents (RFC 9457). */
import { STATUS_CODES } from "node:http";
import { PathError, TooManyFailuresError, UnavailableError } from "@efs-mount-autoscaling/routed-files";
import {
  AbortedError,
  BusyError,
  ClosedError,
  ConnectionError,
  DeadlineError,
  FileChangedError,
  InvalidCursorError,
  InvalidPathError,
  NfsStatusError,
  OutcomeUnknownError,
  PreconditionError,
  ProtocolError,
} from "nfs-client";
import * as z from "zod";
import { NotExtractableError } from "../../many/extract.ts";
import { NotPrimaryError } from "../../region/region.ts";

export const PROBLEM_TYPE = "application/problem+json";

export const problemSchema = z.object({
  status: z.number(),
  title: z.string().describe("The status in words."),
  detail: z.string().describe("What went wrong this time, in words."),
  code: z
    .string()
    .optional()
    .describe(
      "What went wrong, for programs: an NFS status such as `NFS4ERR_NOENT`, `OUTCOME_UNKNOWN`, or `NOT_PRIMARY` and " +
        "`WRITE_LOST` where there are two regions.",
    ),
  primary: z.url().optional().describe("Where there are two regions, and the other one is the primary: its address."),
});

export type Problem = z.infer<typeof problemSchema>;

/** For the document of the API: the response of any route when something goes wrong. */
export const PROBLEM_RESPONSE = {
  description: "What went wrong (RFC 9457).",
  content: { [PROBLEM_TYPE]: { schema: problemSchema.extend({ requestId: z.string() }) } },
} as const;

interface ProblemOptions extends ErrorOptions {
  /** Of the response. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly code?: string;
}

/** A response other than the one that was asked for. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly code: string | undefined;

  constructor(status: number, detail: string, options: ProblemOptions = {}) {
    super(detail, options);
    this.status = status;
    this.headers = options.headers ?? {};
    this.code = options.code;
  }
}

export function preconditionFailed(): ProblemError {
  return new ProblemError(412, "The file is not the version that the request is about");
}

type NfsStatus = Extract<NfsStatusError["status"], string>;

type StatusAndDetail = readonly [status: number, detail: string];

const NAME_NOT_ALLOWED: StatusAndDetail = [400, "The file system does not allow a name in the path"];
// Limits are those of Amazon EFS, as its user guide has them on the page "Amazon EFS quotas".
const TOO_LONG: StatusAndDetail = [
  400,
  "A name in the path is longer than 255 bytes, or the path is deeper than 1,000 directories",
];
const NOT_ALLOWED: StatusAndDetail = [403, "The file system does not allow this to the router"];
const WRONG_TYPE: StatusAndDetail = [409, "What is there is neither a file nor a directory"];
const PLACE_LOST: StatusAndDetail = [409, "The directory changed too much to go on behind this cursor: begin anew"];
const BUSY: StatusAndDetail = [503, "The file system needs more time"];
const LOCKED: StatusAndDetail = [503, "The file is locked by another client"];
const LOCK_LOST: StatusAndDetail = [503, "The file is locked by a connection that was lost, until its lease ends"];
const OUT_OF_OPENS: StatusAndDetail = [503, "The router has as many files open or locked as it may have"];

const OF_NFS_STATUS: Partial<Record<NfsStatus, StatusAndDetail>> = {
  NFS4ERR_NOENT: [404, "There is no such file or directory"],
  NFS4ERR_STALE: [404, "The file was removed in the meantime"],

  NFS4ERR_INVAL: [400, "The file system does not allow this"],
  NFS4ERR_NAMETOOLONG: TOO_LONG,
  NFS4ERR_BADCHAR: NAME_NOT_ALLOWED,
  NFS4ERR_BADNAME: NAME_NOT_ALLOWED,

  NFS4ERR_ACCESS: NOT_ALLOWED,
  NFS4ERR_PERM: NOT_ALLOWED,
  NFS4ERR_ROFS: [403, "The file system is read-only"],
  NFS4ERR_SYMLINK: [403, "The path has a symbolic link, and links are not followed: they could lead anywhere"],

  NFS4ERR_EXIST: [409, "There is something else of that name"],
  NFS4ERR_ISDIR: [409, "There is a directory, not a file"],
  NFS4ERR_NOTDIR: [409, "A part of the path is not a directory"],
  NFS4ERR_NOTEMPTY: [409, "The directory is not empty"],
  NFS4ERR_FILE_OPEN: [409, "The file is open elsewhere"],
  NFS4ERR_WRONG_TYPE: WRONG_TYPE,
  NFS4ERR_MLINK: [409, "The file has as many names as it may have: 177"],
  NFS4ERR_BAD_COOKIE: PLACE_LOST,
  NFS4ERR_NOT_SAME: PLACE_LOST,

  NFS4ERR_FBIG: [413, "The file would be larger than the file system allows: 52,673,613,135,872 bytes"],

  NFS4ERR_DELAY: BUSY,
  NFS4ERR_GRACE: BUSY,
  NFS4ERR_LOCKED: LOCKED,
  NFS4ERR_DENIED: LOCKED,

  NFS4ERR_NOSPC: [507, "The file system is full"],
  NFS4ERR_DQUOT: [507, "A quota of the file system is used up"],
};

/**
 * What the client is told of an error, in the words of the API: those of the NFS client name directories and addresses
 * behind it. Of an error that nobody foresaw, that is only that there was one.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof NfsStatusError) {
    const { status: name } = error;
    if (typeof name === "number") return problem(502, `The mount target refused this with the unknown status ${name}`);
    const [status, detail] = OF_NFS_STATUS[name] ?? [502, "The mount target refused this"];
    return problem(status, detail, name);
  }
  if (error instanceof OutcomeUnknownError) {
    // Not 502 or 503: many clients and proxies retry by themselves after those.
    return problem(500, "A mount target was lost: the change may have been made, or not", "OUTCOME_UNKNOWN");
  }
  if (error instanceof NotPrimaryError) return ofNotPrimary(error);
  if (error instanceof TooManyFailuresError) {
    const { status, detail, code } = problemOf(error.last);
    return problem(status, `${error.message}. The last one: ${detail}`, code);
  }
  const [status, detail] = statusAndDetailOf(error) ?? [500, "The router failed; its log says more"];
  return problem(status, detail, error instanceof ProblemError ? error.code : undefined);
}

function statusAndDetailOf(error: unknown): StatusAndDetail | undefined {
  if (error instanceof ProblemError) return [error.status, error.message];
  if (error instanceof PathError || error instanceof InvalidCursorError) return [400, error.message];
  if (error instanceof InvalidPathError) return NAME_NOT_ALLOWED;
  if (error instanceof NotExtractableError) return [403, error.message];
  if (error instanceof PreconditionError) return statusAndDetailOf(preconditionFailed());
  if (error instanceof ProtocolError) return [502, "The mount target sent what is not NFSv4.1"];
  if (error instanceof UnavailableError) return [503, error.message];
  if (error instanceof BusyError) return error.reason === "limit" ? OUT_OF_OPENS : LOCK_LOST;
  if (error instanceof FileChangedError) return [503, "The file was replaced while it was read"];
  // Operations are aborted only where their target was given up.
  if (error instanceof AbortedError || error instanceof ConnectionError || error instanceof ClosedError) {
    return [503, "The mount target was lost while the operation was in flight"];
  }
  if (error instanceof DeadlineError) return [504, "The operation took too long"];
  return refusedByFastify(error);
}

/** 403 where the other region is to be asked; 503 where this one is to be asked again. */
function ofNotPrimary({ refusal, message, primaryUrl: primary }: NotPrimaryError): Problem {
  // As with a mount target that was lost: clients must not retry this by themselves.
  if (refusal === "lost") return problem(500, message, "OUTCOME_UNKNOWN");
  const status = refusal === "standby" || refusal === "superseded" ? 403 : 503;
  return { ...problem(status, message, "NOT_PRIMARY"), ...(primary !== undefined && { primary }) };
}

/** Fastify's own errors say what was wrong with the request. */
function refusedByFastify(error: unknown): StatusAndDetail | undefined {
  if (!(error instanceof Error) || !("statusCode" in error)) return undefined;
  const { statusCode, message } = error;
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 ? [statusCode, message] : undefined;
}

/** Seconds after which it makes sense to retry. */
export function retryAfter({ status }: Problem, error: unknown): number | undefined {
  if (error instanceof BusyError) return error.retryAfter;
  return status === 503 ? 1 : undefined;
}

function problem(status: number, text: string, code?: string): Problem {
  const title = STATUS_CODES[status] ?? String(status);
  // It may have a name that is not UTF-8; not every parser of JSON takes half a surrogate pair.
  const detail = text.toWellFormed();
  return code === undefined ? { status, title, detail } : { status, title, detail, code };
}

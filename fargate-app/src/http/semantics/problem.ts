/** Errors as HTTP responses: problem documents (RFC 9457). */
import { STATUS_CODES } from "node:http";
import {
  AbortedError,
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
import { UnavailableError } from "../../router/failures.ts";
import { PathError } from "../../routing/path.ts";

export const PROBLEM_TYPE = "application/problem+json";

const problemSchema = z.object({
  status: z.number(),
  title: z.string().describe("The status in words."),
  detail: z.string().describe("What went wrong this time, in words."),
  code: z
    .string()
    .optional()
    .describe("What went wrong, for programs: an NFS status such as `NFS4ERR_NOENT`, or `OUTCOME_UNKNOWN`."),
});

type Problem = z.infer<typeof problemSchema>;

/** For the responses of a route's schema: the response when something goes wrong. */
export const PROBLEM_RESPONSE = {
  default: {
    description: "What went wrong (RFC 9457).",
    content: { [PROBLEM_TYPE]: { schema: problemSchema.extend({ requestId: z.string() }) } },
  },
} as const;

interface ProblemOptions extends ErrorOptions {
  /** Of the response. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A response other than the one that was asked for. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, detail: string, options: ProblemOptions = {}) {
    super(detail, options);
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

export function preconditionFailed(): ProblemError {
  return new ProblemError(412, "The file is not the version that the request is about");
}

type NfsStatus = Extract<NfsStatusError["status"], string>;

const STATUS_OF_NFS_STATUS: Partial<Record<NfsStatus, number>> = {
  NFS4ERR_NOENT: 404,
  NFS4ERR_STALE: 404,

  NFS4ERR_INVAL: 400,
  NFS4ERR_NAMETOOLONG: 400,
  NFS4ERR_BADCHAR: 400,
  NFS4ERR_BADNAME: 400,

  NFS4ERR_ACCESS: 403,
  NFS4ERR_PERM: 403,
  NFS4ERR_ROFS: 403,
  // Links are not followed: they could lead out of the served directory.
  NFS4ERR_SYMLINK: 403,

  NFS4ERR_EXIST: 409,
  NFS4ERR_ISDIR: 409,
  NFS4ERR_NOTDIR: 409,
  NFS4ERR_NOTEMPTY: 409,
  NFS4ERR_FILE_OPEN: 409,
  NFS4ERR_WRONG_TYPE: 409,
  // The directory changed so much that the place in it is lost.
  NFS4ERR_BAD_COOKIE: 409,
  NFS4ERR_NOT_SAME: 409,

  NFS4ERR_FBIG: 413,

  NFS4ERR_DELAY: 503,
  NFS4ERR_GRACE: 503,
  NFS4ERR_LOCKED: 503,
  NFS4ERR_DENIED: 503,

  NFS4ERR_NOSPC: 507,
  NFS4ERR_DQUOT: 507,
};

/** What the client is told of an error. Of one that nobody foresaw, that is only that there was one. */
export function problemOf(error: unknown): Problem {
  if (error instanceof NfsStatusError) {
    const { status, message } = error;
    if (typeof status === "number") return problem(502, message);
    return problem(STATUS_OF_NFS_STATUS[status] ?? 502, message, status);
  }
  // Operations are aborted only where their target was given up.
  if (error instanceof AbortedError) return problem(503, "The mount target was lost while the operation was in flight");
  const status = statusOf(error);
  if (status === undefined || !(error instanceof Error)) return problem(500, "The router failed; its log says more");
  return error instanceof OutcomeUnknownError
    ? problem(status, error.message, "OUTCOME_UNKNOWN")
    : problem(status, error.message);
}

/** Seconds after which it makes sense to retry. */
export function retryAfter({ status }: Problem): number | undefined {
  return status === 503 ? 1 : undefined;
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof ProblemError) return error.status;
  if (error instanceof PathError || error instanceof InvalidPathError || error instanceof InvalidCursorError)
    return 400;
  if (error instanceof PreconditionError) return 412;
  // Not 502 or 503: many clients and proxies retry by themselves after those.
  if (error instanceof OutcomeUnknownError) return 500;
  if (error instanceof ProtocolError) return 502;
  if (error instanceof UnavailableError || error instanceof ConnectionError) return 503;
  if (error instanceof ClosedError || error instanceof FileChangedError) return 503;
  if (error instanceof DeadlineError) return 504;
  return clientErrorStatus(error);
}

/** Fastify's own errors say what was wrong with the request. */
function clientErrorStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("statusCode" in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}

function problem(status: number, detail: string, code?: string): Problem {
  const title = STATUS_CODES[status] ?? String(status);
  return code === undefined ? { status, title, detail } : { status, title, detail, code };
}

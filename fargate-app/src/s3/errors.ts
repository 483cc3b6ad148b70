/** What S3 answers where something goes wrong (S3 API reference, "Error responses"). */
import { PathError } from "@efs-mount-autoscaling/routed-files";
import { BusyError, isStatus } from "nfs-client";
import { ProblemError, problemOf } from "../http/semantics/problem.ts";
import { NotPrimaryError } from "../region/region.ts";

/** Status and message of each code. The message is what S3 says, but for `KeyConflict`, which S3 does not have. */
const ERRORS = {
  AccessControlListNotSupported: [400, "The bucket does not allow ACLs"],
  AccessDenied: [403, "Access Denied"],
  AuthorizationHeaderMalformed: [400, "The authorization header is malformed."],
  AuthorizationQueryParametersError: [400, "The query parameters of the signature are malformed."],
  BadDigest: [400, "The Content-MD5 or checksum value that you specified did not match what the server received."],
  BucketAlreadyOwnedByYou: [409, "Your previous request to create the named bucket succeeded and you already own it."],
  BucketNotEmpty: [409, "The bucket that you tried to delete is not empty."],
  EntityTooLarge: [400, "Your proposed upload exceeds the maximum allowed object size."],
  EntityTooSmall: [400, "Your proposed upload is smaller than the minimum allowed object size."],
  IncompleteBody: [400, "You did not provide the number of bytes specified by the Content-Length HTTP header."],
  InternalError: [500, "An internal error occurred. Try again."],
  InvalidAccessKeyId: [403, "The AWS access key ID that you provided does not exist in our records."],
  InvalidArgument: [400, "Invalid Argument"],
  InvalidBucketName: [400, "The specified bucket is not valid."],
  InvalidDigest: [400, "The Content-MD5 or checksum value that you specified is not valid."],
  InvalidPart: [
    400,
    "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched the part's entity tag.",
  ],
  InvalidPartNumber: [416, "The requested partnumber is not satisfiable"],
  InvalidPartOrder: [
    400,
    "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
  ],
  InvalidRange: [416, "The requested range is not satisfiable."],
  InvalidRequest: [400, "Invalid Request"],
  InvalidURI: [400, "The specified URI couldn't be parsed."],
  KeyConflict: [409, "A file cannot be a directory: of `a` and `a/b`, only one can be there."],
  KeyTooLongError: [400, "Your key is too long."],
  MalformedXML: [
    400,
    "The XML that you provided was not well formed or did not validate against our published schema.",
  ],
  MethodNotAllowed: [405, "The specified method is not allowed against this resource."],
  MissingContentLength: [411, "You must provide the Content-Length HTTP header."],
  NoSuchBucket: [404, "The specified bucket does not exist."],
  NoSuchKey: [404, "The specified key does not exist."],
  NoSuchUpload: [404, "The specified multipart upload does not exist."],
  NoSuchVersion: [404, "The version ID specified in the request does not match an existing version."],
  NotImplemented: [501, "A header or query that you provided implies functionality that is not implemented."],
  PreconditionFailed: [412, "At least one of the preconditions that you specified did not hold."],
  RequestTimeTooSkewed: [403, "The difference between the request time and the server's time is too large."],
  RequestTimeout: [
    400,
    "Your socket connection to the server was not read from or written to within the timeout period.",
  ],
  SignatureDoesNotMatch: [
    403,
    "The request signature that the server calculated does not match the signature that you provided.",
  ],
  SlowDown: [503, "Please reduce your request rate."],
  XAmzContentSHA256Mismatch: [400, "The provided 'x-amz-content-sha256' header does not match what was computed."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type S3ErrorCode = keyof typeof ERRORS;

export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly code: S3ErrorCode;
  readonly status: number;

  /** @param message Default: S3's own. */
  constructor(code: S3ErrorCode, message: string = ERRORS[code][1], options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
    [this.status] = ERRORS[code];
  }
}

/** The code of a status that the operations over files answer with. */
const OF_STATUS: Readonly<Record<number, S3ErrorCode>> = {
  400: "InvalidRequest",
  403: "AccessDenied",
  404: "NoSuchKey",
  405: "MethodNotAllowed",
  408: "RequestTimeout",
  409: "KeyConflict",
  412: "PreconditionFailed",
  413: "EntityTooLarge",
  417: "InvalidRequest",
  429: "SlowDown",
  501: "NotImplemented",
  503: "SlowDown",
};

/** What the client is told of an error. Of one that nobody foresaw, that is only that there was one. */
export function s3ErrorOf(error: unknown): S3Error {
  if (error instanceof S3Error) return error;
  if (error instanceof PathError) return new S3Error("InvalidArgument", error.message, { cause: error });
  if (isKeyConflict(error)) return new S3Error("KeyConflict", undefined, { cause: error });
  const { status, detail } = problemOf(error);
  const code = OF_STATUS[status] ?? "InternalError";
  const isToldInWords = error instanceof ProblemError || error instanceof NotPrimaryError || error instanceof BusyError;
  return new S3Error(code, isToldInWords ? detail : undefined, { cause: error });
}

/** A part of the path is a file, or there is a directory where a file is to be. */
export function isKeyConflict(error: unknown): boolean {
  return isStatus(error, "NFS4ERR_NOTDIR", "NFS4ERR_ISDIR", "NFS4ERR_EXIST", "NFS4ERR_WRONG_TYPE");
}

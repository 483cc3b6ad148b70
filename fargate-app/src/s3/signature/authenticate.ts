/** Who sent a request: the access key that signed it. */
import type { IncomingMessage } from "node:http";
import { parseHttpDate } from "../../http/semantics/validators.ts";
import type { AccessKey } from "../access-keys.ts";
import { S3Error } from "../errors.ts";
import { parameter, type RequestTarget } from "../target.ts";
import {
  ALGORITHM,
  canonicalRequest,
  isSameSignature,
  type Scope,
  sign,
  signingKey,
  stringToSign,
} from "./signature.ts";

export interface Authenticated {
  readonly accessKey: AccessKey;
  /** See {@link SignedRequest.payloadHash}. */
  readonly payloadHash: string;
  /** For what the chunks of a body are signed with. */
  readonly seed: {
    readonly key: Buffer;
    readonly timestamp: string;
    readonly scope: Scope;
    readonly signature: string;
  };
}

/** What a request says of its signature. */
interface Claim {
  readonly signedQuery: RequestTarget["query"];
  readonly accessKeyId: string;
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20261129T042558Z` */
  readonly timestamp: string;
  readonly payloadHash: string;
}

/** Milliseconds that the clocks of client and router may differ. */
const MAX_CLOCK_SKEW = 15 * 60_000;

/** Seconds: 7 days, as at S3. */
const MAX_EXPIRY = 604_800;

export const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";

/**
 * @param accessKeysOf The keys of an id: several, while it is rotated.
 * @throws {S3Error} AccessDenied, SignatureDoesNotMatch, …: as S3 does.
 */
export function authenticate(
  request: Pick<IncomingMessage, "method" | "rawHeaders">,
  target: RequestTarget,
  accessKeysOf: (accessKeyId: string) => readonly AccessKey[],
  now = Date.now(),
): Authenticated {
  const headers = headersOf(request.rawHeaders);
  const isPresigned = parameter(target, "X-Amz-Algorithm") !== undefined;
  const claim = isPresigned ? claimInQuery(target, headers, now) : claimInHeaders(target, headers, now);
  const { scope, timestamp, signature, payloadHash, signedHeaders, signedQuery: query } = claim;
  if (scope.date !== timestamp.slice(0, 8)) throw malformed("The day of the credential is not that of the request");
  requireSigned(headers, signedHeaders);
  const { method = "" } = request;
  const { encodedPath } = target;
  const canonical = canonicalRequest({ method, encodedPath, query, headers, signedHeaders, payloadHash });
  const text = stringToSign(timestamp, scope, canonical);
  const accessKeys = accessKeysOf(claim.accessKeyId);
  if (accessKeys.length === 0) throw new S3Error("InvalidAccessKeyId");
  for (const accessKey of accessKeys) {
    const key = signingKey(accessKey.secretAccessKey, scope);
    if (isSameSignature(signature, sign(key, text))) {
      return { accessKey, payloadHash, seed: { key, timestamp, scope, signature } };
    }
  }
  throw new S3Error("SignatureDoesNotMatch");
}

function claimInHeaders({ query }: RequestTarget, headers: ReadonlyMap<string, string>, now: number): Claim {
  const authorization = headers.get("authorization");
  if (authorization === undefined) throw new S3Error("AccessDenied", "The request is not signed");
  const [algorithm = "", rest = ""] = authorization.trim().split(/ +(.*)/s);
  if (algorithm !== ALGORITHM) {
    throw new S3Error("InvalidRequest", `The authorization mechanism ${algorithm} is not supported: use ${ALGORITHM}`);
  }
  const fields = new Map(rest.split(",").map((field): [string, string] => splitAt(field.trim(), "=")));
  const credential = fields.get("Credential");
  const signedHeaders = fields.get("SignedHeaders");
  const signature = fields.get("Signature");
  if (credential === undefined || signedHeaders === undefined || signature === undefined) {
    throw malformed("It needs Credential, SignedHeaders and Signature");
  }
  const timestamp = timestampIn(headers);
  if (Math.abs(timeOf(timestamp) - now) > MAX_CLOCK_SKEW) throw new S3Error("RequestTimeTooSkewed");
  const payloadHash = headers.get("x-amz-content-sha256");
  if (payloadHash === undefined) throw new S3Error("InvalidRequest", "The header x-amz-content-sha256 is missing");
  return {
    ...credentialOf(credential, malformed),
    signedQuery: query,
    signedHeaders: signedHeaders.split(";"),
    signature,
    timestamp,
    payloadHash,
  };
}

function claimInQuery(target: RequestTarget, headers: ReadonlyMap<string, string>, now: number): Claim {
  const required = (name: string) => {
    const value = parameter(target, name);
    if (value === undefined) throw malformedQuery(`The query must have ${name}`);
    return value;
  };
  if (required("X-Amz-Algorithm") !== ALGORITHM) throw malformedQuery(`X-Amz-Algorithm must be ${ALGORITHM}`);
  const timestamp = required("X-Amz-Date");
  const expires = required("X-Amz-Expires");
  const begin = timeOf(timestamp);
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > MAX_EXPIRY) {
    throw malformedQuery(`X-Amz-Expires must be a number of seconds from 1 to ${MAX_EXPIRY}`);
  }
  if (begin > now + MAX_CLOCK_SKEW) throw new S3Error("AccessDenied", "Request is not yet valid");
  if (now > begin + Number(expires) * 1_000) throw new S3Error("AccessDenied", "Request has expired");
  // A second one is as any other parameter: nobody could add it.
  const place = target.query.findIndex(([name]) => name === "X-Amz-Signature");
  return {
    ...credentialOf(required("X-Amz-Credential"), malformedQuery),
    signedQuery: target.query.filter((_, index) => index !== place),
    signedHeaders: required("X-Amz-SignedHeaders").split(";"),
    signature: required("X-Amz-Signature"),
    timestamp,
    payloadHash: parameter(target, "X-Amz-Content-Sha256") ?? headers.get("x-amz-content-sha256") ?? UNSIGNED_PAYLOAD,
  };
}

function credentialOf(credential: string, refuse: (message: string) => S3Error): Pick<Claim, "accessKeyId" | "scope"> {
  const [, accessKeyId, date, region, service] =
    /^(.+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/.exec(credential) ?? [];
  if (accessKeyId === undefined || date === undefined || region === undefined || service !== "s3") {
    throw refuse("The credential must be KEY/YYYYMMDD/REGION/s3/aws4_request");
  }
  return { accessKeyId, scope: { date, region, service } };
}

/** Whoever changed the host, or added a header that means something to S3, would change what was asked for. */
function requireSigned(headers: ReadonlyMap<string, string>, signedHeaders: readonly string[]): void {
  const mustBeSigned = [...headers.keys()].filter((name) => name === "host" || name.startsWith("x-amz-"));
  const unsigned = mustBeSigned.filter((name) => !signedHeaders.includes(name));
  if (unsigned.length === 0) return;
  throw new S3Error("AccessDenied", `There were headers present in the request which were not signed: ${unsigned}`);
}

/** ISO 8601, without separators */
const TIMESTAMP = /^\d{8}T\d{6}Z$/;

function timestampIn(headers: ReadonlyMap<string, string>): string {
  const given = headers.get("x-amz-date");
  if (given !== undefined) return given;
  const date = headers.get("date") ?? "";
  if (TIMESTAMP.test(date)) return date;
  // The AWS SDK for Python writes GMT as mail does (RFC 5322 §3.3).
  const time = parseHttpDate(date.replace(/ [+-]0000$/, " GMT"));
  if (time === undefined) throw new S3Error("AccessDenied", "The request must have a valid x-amz-date or Date header");
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, "");
}

function timeOf(timestamp: string): number {
  const iso = TIMESTAMP.test(timestamp)
    ? timestamp.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z")
    : "";
  const time = Date.parse(iso);
  if (Number.isNaN(time)) throw new S3Error("AccessDenied", "The date of the signature must be YYYYMMDDTHHMMSSZ");
  return time;
}

/** Those that were sent several times have their values in one, separated by commas. */
function headersOf(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? "";
    const value = rawHeaders[index + 1] ?? "";
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

function splitAt(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function malformed(message: string): S3Error {
  return new S3Error("AuthorizationHeaderMalformed", `The authorization header is malformed. ${message}.`);
}

function malformedQuery(message: string): S3Error {
  return new S3Error("AuthorizationQueryParametersError", message);
}

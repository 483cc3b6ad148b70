/** Conditional requests (RFC 9110 §13). */
import type { IncomingHttpHeaders } from "node:http";
import { modificationTime, parseEntityTags, parseHttpDate, type Validators } from "./validators.ts";

/** `not-modified`: the client has this version, so GET and HEAD need not send it. `failed`: do nothing. */
export type PreconditionResult = "proceed" | "not-modified" | "failed";

export interface ConditionalRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

/** Whether the response depends on the current version. Invalid dates, and those not for the method, are ignored. */
export function isConditional({ method, headers }: ConditionalRequest): boolean {
  if (headers["if-match"] !== undefined || headers["if-none-match"] !== undefined) return true;
  if (dateIn(headers["if-unmodified-since"]) !== undefined) return true;
  return isReading(method) && dateIn(headers["if-modified-since"]) !== undefined;
}

/**
 * Evaluates the preconditions in their order of precedence (RFC 9110 §13.2.2).
 *
 * @param current Undefined when there is no file.
 */
export function evaluate({ method, headers }: ConditionalRequest, current: Validators | undefined): PreconditionResult {
  const reads = isReading(method);
  const modified = current && modificationTime(current);
  const { "if-match": match, "if-none-match": noneMatch } = headers;

  if (match !== undefined) {
    if (!names(match, current, isSameStrongly)) return "failed";
  } else {
    const unmodifiedSince = dateIn(headers["if-unmodified-since"]);
    if (unmodifiedSince !== undefined && modified !== undefined && modified > unmodifiedSince) return "failed";
  }

  if (noneMatch !== undefined) {
    if (names(noneMatch, current, isSameWeakly)) return reads ? "not-modified" : "failed";
  } else if (reads) {
    const modifiedSince = dateIn(headers["if-modified-since"]);
    if (modifiedSince !== undefined && modified !== undefined && modified <= modifiedSince) return "not-modified";
  }
  return "proceed";
}

/**
 * Whether a part of this version fits to the rest of the version that the client has (RFC 9110 §13.1.5). A date never
 * tells: a file can change twice in a second.
 */
export function isRangeOfSameVersion(ifRange: string | undefined, current: Validators): boolean {
  return ifRange === undefined || isSameStrongly(ifRange.trim(), current.etag);
}

/** Whether a list of entity tags, or `*` for any, names the current version. */
function names(list: string, current: Validators | undefined, isSame: (a: string, b: string) => boolean): boolean {
  if (current === undefined) return false;
  return list.trim() === "*" || parseEntityTags(list).some((tag) => isSame(tag, current.etag));
}

/** Ours are strong, so a weak one is never the same in the strong comparison (RFC 9110 §8.8.3.2). */
function isSameStrongly(tag: string, own: string): boolean {
  return tag === own;
}

function isSameWeakly(tag: string, own: string): boolean {
  return tag.replace(/^W\//, "") === own;
}

function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

function dateIn(header: string | undefined): number | undefined {
  return header === undefined ? undefined : parseHttpDate(header);
}

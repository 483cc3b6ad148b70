/** Conditional requests (RFC 9110 §13). */
import type { IncomingHttpHeaders } from "node:http";
import { parseEntityTags, parseHttpDate, type Validators } from "./validators.ts";

/** `not-modified`: the client has this version, so GET and HEAD need not send it. `failed`: do nothing. */
export type Verdict = "proceed" | "not-modified" | "failed";

const CONDITIONAL_HEADERS = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] as const;

export function isConditional(headers: IncomingHttpHeaders): boolean {
  return CONDITIONAL_HEADERS.some((name) => headers[name] !== undefined);
}

/**
 * Evaluates the preconditions in their order of precedence (RFC 9110 §13.2.2).
 *
 * @param current The version there is; undefined when there is no file.
 */
export function evaluate(method: string, headers: IncomingHttpHeaders, current: Validators | undefined): Verdict {
  const reads = method === "GET" || method === "HEAD";
  const { "if-match": match, "if-none-match": noneMatch } = headers;

  if (match !== undefined) {
    if (!names(match, current, isSameStrongly)) return "failed";
  } else {
    const unmodifiedSince = dateIn(headers["if-unmodified-since"]);
    if (unmodifiedSince !== undefined && current && current.lastModified > unmodifiedSince) return "failed";
  }

  if (noneMatch !== undefined) {
    if (names(noneMatch, current, isSameWeakly)) return reads ? "not-modified" : "failed";
  } else if (reads) {
    const modifiedSince = dateIn(headers["if-modified-since"]);
    if (modifiedSince !== undefined && current && current.lastModified <= modifiedSince) return "not-modified";
  }
  return "proceed";
}

/** Whether a part of this version fits to the rest of the version that the client has (RFC 9110 §13.1.5). */
export function isRangeOfSameVersion(ifRange: string | undefined, current: Validators): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.includes('"')) return isSameStrongly(ifRange.trim(), current.etag);
  return parseHttpDate(ifRange) === current.lastModified;
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

function dateIn(header: string | undefined): number | undefined {
  return header === undefined ? undefined : parseHttpDate(header);
}

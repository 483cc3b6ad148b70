/** What a request is for: bucket, key and query, path-style (`/bucket/key`). */
import { partsOf } from "../http/routes/files/resource.ts";
import { S3Error } from "./errors.ts";
import { uriDecode } from "./signature/uri-encoding.ts";

export interface RequestTarget {
  /** The path as it was sent. */
  readonly encodedPath: string;
  /** Empty where none is named: the request is for all of them. */
  readonly bucket: string;
  /** Empty where none is named: the request is for the bucket. */
  readonly key: string;
  /** Names and values, decoded, in the order in which they were sent. */
  readonly query: readonly (readonly [name: string, value: string])[];
}

/** @throws {S3Error} InvalidURI */
export function parseTarget(requestTarget = ""): RequestTarget {
  // It has none (RFC 9112 §3.2): a client that sends one forgot to encode a key.
  if (requestTarget.includes("#"))
    throw new S3Error("InvalidURI", "The URL has a #: write %23 where it belongs to a key");
  const { encodedPath, query } = partsOf(requestTarget);
  const [, bucket = "", key = ""] = /^\/*([^/]*)(?:\/(.*))?$/s.exec(encodedPath) ?? [];
  return { encodedPath, bucket: uriDecode(bucket), key: uriDecode(key), query: parseQuery(query) };
}

/** The value of a parameter; the first, where there are several. */
export function parameter({ query }: RequestTarget, name: string): string | undefined {
  return query.find(([each]) => each === name)?.[1];
}

function parseQuery(query: string): [string, string][] {
  const pairs = query.replace(/^\?/, "").split("&");
  return pairs.filter(Boolean).map((pair) => {
    const [, name = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(pair.replaceAll("+", "%20")) ?? [];
    return [uriDecode(name), uriDecode(value)];
  });
}

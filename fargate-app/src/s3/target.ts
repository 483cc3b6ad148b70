/** What a request is for: bucket, key and query, path-style (`/bucket/key`) or virtual-hosted-style (`bucket.DOMAIN/key`). */
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

/**
 * @param hostBucket The bucket that the host names, if any: all of the path is the key then.
 * @throws {S3Error} InvalidURI
 */
export function parseTarget(requestTarget = "", hostBucket?: string): RequestTarget {
  // It has none (RFC 9112 §3.2): a client that sends one forgot to encode a key.
  if (requestTarget.includes("#"))
    throw new S3Error("InvalidURI", "The URL has a #: write %23 where it belongs to a key");
  const { encodedPath, query } = partsOf(requestTarget);
  const [, bucket = "", key = ""] =
    hostBucket === undefined
      ? (/^\/*([^/]*)(?:\/(.*))?$/s.exec(encodedPath) ?? [])
      : [encodedPath, hostBucket, encodedPath.replace(/^\//, "")];
  return { encodedPath, bucket: uriDecode(bucket), key: uriDecode(key), query: parseQuery(query) };
}

/**
 * The bucket in a host such as `my-bucket.s3.example.com:8001`.
 *
 * @param domain What follows the bucket, such as `s3.example.com`; no host names a bucket where it is undefined.
 */
export function bucketOfHost(host: string | undefined, domain: string | undefined): string | undefined {
  if (host === undefined || domain === undefined) return undefined;
  const name = host.toLowerCase().replace(/\.?(?::\d*)?$/, "");
  const suffix = `.${domain.toLowerCase()}`;
  return name.endsWith(suffix) && name.length > suffix.length ? name.slice(0, -suffix.length) : undefined;
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

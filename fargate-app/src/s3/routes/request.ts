/** What all routes read from a request: its place, its rights, and what it says of an object. */
import type { FastifyRequest } from "fastify";
import { authorize, mayEnter } from "../access-keys.ts";
import { s3RequestOf } from "../authentication.ts";
import { S3Error } from "../errors.ts";
import { type ObjectPlace, placeOf, placeOfExisting } from "../keys.ts";
import type { Objects } from "../objects/objects.ts";
import type { Description } from "../objects/records.ts";
import { parameter, type RequestTarget } from "../target.ts";
import { MAX_PART_NUMBER } from "../uploads/uploads.ts";

/** Where the request is to write. */
export function placeToWrite(request: FastifyRequest): ObjectPlace {
  const { bucket, key } = authorizedTarget(request, "write");
  return placeOf(bucket, key);
}

/** Where the request is to read or remove; undefined for keys that no object can have. */
export function placeIfAny(request: FastifyRequest, access: "read" | "write"): ObjectPlace | undefined {
  const target = authorizedTarget(request, access);
  requireCurrentVersion(parameter(target, "versionId"));
  return placeOfExisting(target.bucket, target.key);
}

/**
 * As {@link placeIfAny}, to read.
 *
 * @throws {S3Error} NoSuchBucket, NoSuchKey
 */
export async function requirePlace(objects: Objects, request: FastifyRequest): Promise<ObjectPlace> {
  const place = placeIfAny(request, "read");
  if (place === undefined) throw await objects.missing(s3RequestOf(request).target.bucket);
  return place;
}

/** The bucket of the request, in which something may be seen. */
export function enteredBucket(request: FastifyRequest): string {
  const { target, authenticated } = s3RequestOf(request);
  if (!mayEnter(authenticated.accessKey, target.bucket)) throw new S3Error("AccessDenied");
  return target.bucket;
}

export function authorizedTarget(request: FastifyRequest, access: "read" | "write"): RequestTarget {
  const { target, authenticated } = s3RequestOf(request);
  authorize(authenticated.accessKey, access, `${target.bucket}/${target.key}`);
  return target;
}

/** The user of the request's access key, in words that are the same for the same user; undefined: the router. */
export function userOf(request: FastifyRequest): string | undefined {
  const { user } = s3RequestOf(request).authenticated.accessKey;
  return user && [user.uid, user.gid, ...(user.gids ?? [])].join(" ");
}

/** Buckets have no versions, and then S3 calls the only one `null`. */
export function requireCurrentVersion(versionId: string | undefined): void {
  if (versionId === undefined || versionId === "null") return;
  throw new S3Error("NoSuchVersion");
}

/** Headers that S3 keeps of an object, and sends with it. */
export const KEPT_HEADERS = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
] as const;

const METADATA_PREFIX = "x-amz-meta-";

/** What the request says of an object that it makes. */
export function describedBy(request: FastifyRequest): Pick<Description, "headers" | "metadata"> {
  const { contentType } = s3RequestOf(request);
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = name === "content-type" ? contentType : request.headers[name]?.toString();
    const kept = name === "content-encoding" ? withoutTransferCoding(value) : value;
    if (kept !== undefined && kept !== "") headers[name] = kept;
  }
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith(METADATA_PREFIX)) metadata[name.slice(METADATA_PREFIX.length)] = String(value);
  }
  return { headers, metadata };
}

export function metadataHeaders({ metadata }: Pick<Description, "metadata">): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [METADATA_PREFIX + name, value]));
}

/** The coding of the request's body, which is not the object's. */
function withoutTransferCoding(codings: string | undefined): string | undefined {
  return codings
    ?.split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "aws-chunked")
    .join(", ");
}

/** The access control lists that S3 has names for, and that say no more than what holds anyway. */
const OWNERS_ACLS: ReadonlySet<unknown> = new Set([undefined, "private", "bucket-owner-full-control"]);

/**
 * Access control lists are disabled, as in all buckets of S3 that do not say otherwise (S3 user guide, "Controlling
 * ownership of objects").
 *
 * @throws {S3Error} AccessControlListNotSupported
 */
export function refuseAcl({ headers }: FastifyRequest): void {
  const isGranted = Object.keys(headers).some((name) => name.startsWith("x-amz-grant-"));
  if (isGranted || !OWNERS_ACLS.has(headers["x-amz-acl"])) throw new S3Error("AccessControlListNotSupported");
}

/** Headers that ask for what is not here; the values that ask for nothing. */
const UNSUPPORTED: Readonly<Record<string, readonly string[]>> = {
  "x-amz-storage-class": ["STANDARD"],
  "x-amz-tagging": [""],
  "x-amz-website-redirect-location": [],
  "x-amz-write-offset-bytes": [],
};

const UNSUPPORTED_PREFIXES = [
  "x-amz-object-lock-",
  "x-amz-server-side-encryption",
  "x-amz-copy-source-server-side-encryption",
];

/** @throws {S3Error} AccessControlListNotSupported, NotImplemented for what would be stored otherwise than the client believes. */
export function refuseUnsupported(request: FastifyRequest): void {
  refuseAcl(request);
  for (const [name, value] of Object.entries(request.headers)) {
    const isUnsupported =
      UNSUPPORTED_PREFIXES.some((prefix) => name.startsWith(prefix)) ||
      (Object.hasOwn(UNSUPPORTED, name) && !UNSUPPORTED[name]?.includes(String(value)));
    if (isUnsupported) throw new S3Error("NotImplemented", `The header ${name} is not implemented`);
  }
}

/** Whose buckets a request is about. A signed URL may have them in its query. */
const EXPECTED_OWNERS = ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] as const;

/**
 * Buckets belong to no account here. What is to protect from someone else's is refused, as S3's directory buckets refuse
 * it, and not ignored.
 *
 * @throws {S3Error} NotImplemented
 */
export function refuseExpectedOwner(request: FastifyRequest): void {
  const { target } = s3RequestOf(request);
  const given = EXPECTED_OWNERS.find((name) => (request.headers[name] ?? parameter(target, name)) !== undefined);
  if (given !== undefined) throw new S3Error("NotImplemented", `The header ${given} is not implemented`);
}

/** @throws {S3Error} InvalidArgument */
export function requirePartNumber(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= MAX_PART_NUMBER) return number;
  throw new S3Error("InvalidArgument", `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`);
}

/** A whole number in a query or header. */
export function wholeNumber(name: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined || text === "") return fallback;
  if (!/^\d{1,10}$/.test(text)) throw new S3Error("InvalidArgument", `${name} must be a whole number`);
  return Math.min(Number(text), max);
}

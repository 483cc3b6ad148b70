/**
 * Signature Version 4 as S3 has it: what is signed, and with which key (S3 API reference, "Authenticating Requests (AWS
 * Signature Version 4)"). No maintained library verifies it on the server's side, with the chunks of a body.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { compareKeys } from "../keys.ts";
import type { RequestTarget } from "../target.ts";
import { uriDecode, uriEncode } from "./uri-encoding.ts";

export const ALGORITHM = "AWS4-HMAC-SHA256";

/** The day, region and service that a signing key is for. */
export interface Scope {
  /** `20261129` */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

export interface SignedRequest {
  readonly method: string;
  readonly encodedPath: string;
  /** The parameters that are signed: all but the signature itself. */
  readonly query: RequestTarget["query"];
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  readonly signedHeaders: readonly string[];
  /** What the signature says of the body: a digest, or a word such as `UNSIGNED-PAYLOAD`. */
  readonly payloadHash: string;
}

/** Header values are bytes: one character of Node's for each. */
export function canonicalRequest(request: SignedRequest): Buffer {
  const { method, headers, signedHeaders, payloadHash } = request;
  const path = request.encodedPath
    .split("/")
    .map((part) => uriEncode(uriDecode(part)))
    .join("/");
  // By their names first: as texts, `id-type=…` would come before `id=…`.
  const query = request.query
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([name, value], [otherName, other]) => compareKeys(name, otherName) || compareKeys(value, other))
    .map((pair) => pair.join("="))
    .join("&");
  // One that is missing is not the same as one that is empty.
  const lines = signedHeaders.flatMap((name) => {
    const value = headers.get(name);
    return value === undefined ? [] : [`${name}:${canonicalValue(value)}\n`];
  });
  return Buffer.from([method, path, query, lines.join(""), signedHeaders.join(";"), payloadHash].join("\n"), "latin1");
}

/**
 * Without blanks around it, and with one where there are several. SDKs take a tab for a blank; a no-break space is none,
 * since its byte is also the last one of letters such as `à`.
 */
function canonicalValue(value: string): string {
  return value.replace(/[ \t]+/g, " ").replace(/^ | $/g, "");
}

/** @param timestamp `20261129T042558Z` */
export function stringToSign(timestamp: string, scope: Scope, canonical: Buffer): string {
  return [ALGORITHM, timestamp, scopeText(scope), sha256(canonical)].join("\n");
}

export function scopeText({ date, region, service }: Scope): string {
  return `${date}/${region}/${service}/aws4_request`;
}

export function signingKey(secretAccessKey: string, { date, region, service }: Scope): Buffer {
  const start: Buffer = hmac(`AWS4${secretAccessKey}`, date);
  return [region, service, "aws4_request"].reduce(hmac, start);
}

export function sign(key: Buffer, text: string): string {
  return hmac(key, text).toString("hex");
}

/** Takes the same time wherever they differ. */
export function isSameSignature(given: string, own: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(own)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/**
 * Bodies in the coding `aws-chunked` as clients write them (S3 API reference, "Signature Calculations for the Authorization
 * Header: Transferring Payload in Multiple Chunks" and "… Including Trailing Headers").
 */
import { createHash, createHmac } from "node:crypto";
import { crc32 } from "node:zlib";

export const CHUNKED_KINDS = [
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
] as const;

export type ChunkedKind = (typeof CHUNKED_KINDS)[number];

export interface ChunkSigning {
  readonly secretAccessKey: string;
  /** `20261129T080000Z` */
  readonly timestamp: string;
  readonly region: string;
  /** Of the request, in hexadecimal digits. */
  readonly signature: string;
}

/** What the trailer has: the checksum of all data. */
export const TRAILER_NAME = "x-amz-checksum-crc32";

/** Bytes of such a body. */
export function chunkedLength(chunks: readonly Buffer[], kind: ChunkedKind): number {
  const signing = { secretAccessKey: "", timestamp: "", region: "", signature: "" };
  return encodeChunked(chunks, kind, signing).length;
}

/** @param chunks None of which is empty. */
export function encodeChunked(chunks: readonly Buffer[], kind: ChunkedKind, signing: ChunkSigning): Buffer {
  const { timestamp, region } = signing;
  const date = timestamp.slice(0, 8);
  const scope = `${date}/${region}/s3/aws4_request`;
  const key = [date, region, "s3", "aws4_request"].reduce(hmac, Buffer.from(`AWS4${signing.secretAccessKey}`));
  const isSigned = kind !== "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  let before = signing.signature;
  const sign = (algorithm: string, ...hashes: string[]) => {
    before = hmac(key, [algorithm, timestamp, scope, before, ...hashes].join("\n")).toString("hex");
    return before;
  };
  const parts: (Buffer | string)[] = [];
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    const signature = isSigned ? `;chunk-signature=${sign("AWS4-HMAC-SHA256-PAYLOAD", sha256(""), sha256(chunk))}` : "";
    parts.push(`${chunk.length.toString(16)}${signature}\r\n`);
    if (chunk.length > 0) parts.push(chunk, "\r\n");
  }
  if (kind !== "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
    const field = `${TRAILER_NAME}:${crc32InBase64(chunks)}`;
    parts.push(`${field}\r\n`);
    if (isSigned) parts.push(`x-amz-trailer-signature:${sign("AWS4-HMAC-SHA256-TRAILER", sha256(`${field}\n`))}\r\n`);
  }
  parts.push("\r\n");
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

function crc32InBase64(chunks: readonly Buffer[]): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(chunks.reduce((value, chunk) => crc32(chunk, value), 0));
  return bytes.toString("base64");
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

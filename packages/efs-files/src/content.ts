/** What callers give as content, as bytes. */
import { FileError } from "./errors.ts";
import type { WriteData } from "./files.ts";

/** @throws {FileError} `EINVAL` for what is no encoding of Node.js. */
export function encodingOf(name: string | null | undefined): BufferEncoding | undefined {
  if (name === undefined || name === null) return undefined;
  if (Buffer.isEncoding(name)) return name;
  throw new FileError("EINVAL", `There is no encoding ${JSON.stringify(name)}`);
}

/** Bytes that are there stay whole; what comes piece by piece is a stream. @throws {FileError} `EINVAL` for anything else. */
export function contentOf(data: WriteData, encoding: BufferEncoding | undefined): Buffer | AsyncIterable<Buffer> {
  const whole = bytesOf(data, encoding);
  if (whole !== undefined) return whole;
  if (typeof data === "object" && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data)) {
    return piecesOf(data, encoding);
  }
  throw new FileError("EINVAL", `Content must be a string, bytes, or an iterable of those, not ${typeof data}`);
}

/** Undefined for what is neither a string nor bytes. */
export function bytesOf(data: unknown, encoding: BufferEncoding | undefined): Buffer | undefined {
  if (typeof data === "string") return Buffer.from(data, encoding);
  if (Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return undefined;
}

async function* piecesOf(
  data: Iterable<unknown> | AsyncIterable<unknown>,
  encoding: BufferEncoding | undefined,
): AsyncGenerator<Buffer> {
  for await (const piece of data) {
    const bytes = bytesOf(piece, encoding);
    if (bytes === undefined) {
      throw new FileError("EINVAL", `A piece of the content must be a string or bytes, not ${typeof piece}`);
    }
    if (bytes.length > 0) yield bytes;
  }
}

/**
 * Bodies in the coding `aws-chunked`: chunks that may be signed, and a trailer that may be (S3 API reference, "Signature
 * Calculations for the Authorization Header: Transferring Payload in Multiple Chunks").
 */
import { createHash } from "node:crypto";
import { S3Error } from "../errors.ts";
import type { Authenticated } from "./authenticate.ts";
import { isSameSignature, scopeText, sha256, sign } from "./signature.ts";

/** How the chunks of a body are signed; undefined where it has none. */
export interface Chunking {
  readonly isSigned: boolean;
  readonly hasTrailer: boolean;
}

const CHUNKINGS: Readonly<Record<string, Chunking>> = {
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": { isSigned: true, hasTrailer: false },
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": { isSigned: true, hasTrailer: true },
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER": { isSigned: false, hasTrailer: true },
};

/** @throws {S3Error} NotImplemented for those that sign otherwise. */
export function chunkingOf(payloadHash: string): Chunking | undefined {
  const chunking = CHUNKINGS[payloadHash];
  if (chunking === undefined && payloadHash.startsWith("STREAMING-")) {
    throw new S3Error("NotImplemented", `${payloadHash} is not implemented: use one of ${Object.keys(CHUNKINGS)}`);
  }
  return chunking;
}

/** Bytes that are passed on at once, but at the end: a piece of memory takes many times the size of a small one. */
const MIN_PIECE = 8_192;

/** Bytes of the line before a chunk, and of the trailer. */
const MAX_LINE = 1_024;
const MAX_TRAILER = 8_192;

const EMPTY_HASH = sha256("");

/**
 * The data of a body. Where chunks are signed, the data of a chunk comes before its signature is checked: whoever uses it
 * must undo that when the iteration fails.
 *
 * @param onTrailer Called before the end with the trailer's fields, by lower-case name.
 * @throws {S3Error} SignatureDoesNotMatch, IncompleteBody, InvalidRequest
 */
export async function* decodeChunks(...body: Parameters<typeof dataOf>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of dataOf(...body)) {
    pieces.push(piece);
    length += piece.length;
    if (length < MIN_PIECE) continue;
    yield pieces.length === 1 ? piece : Buffer.concat(pieces);
    pieces = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(pieces);
}

async function* dataOf(
  bytes: AsyncIterable<Buffer>,
  { isSigned, hasTrailer }: Chunking,
  seed: Authenticated["seed"],
  onTrailer: (fields: ReadonlyMap<string, string>) => void,
): AsyncGenerator<Buffer> {
  const input = new Input(bytes);
  try {
    let before = seed.signature;
    for (;;) {
      const { size, signature } = parseChunkHead(await input.line(MAX_LINE));
      const hash = isSigned ? createHash("sha256") : undefined;
      for (let rest = size; rest > 0; ) {
        const data = await input.take(rest);
        hash?.update(data);
        rest -= data.length;
        yield data;
      }
      if (hash !== undefined) {
        const text = textOfChunk(seed, "AWS4-HMAC-SHA256-PAYLOAD", before, [EMPTY_HASH, hash.digest("hex")]);
        before = requireSignature(seed, text, signature);
      }
      if (size > 0) await input.end();
      else break;
    }
    const trailer = hasTrailer ? await readTrailer(input) : [];
    if (!hasTrailer) await input.end();
    const fields = new Map(trailer);
    if (hasTrailer && isSigned) {
      const signed = trailer
        .filter(([name]) => name !== TRAILER_SIGNATURE)
        .map(([name, value]) => `${name}:${value}\n`);
      const text = textOfChunk(seed, "AWS4-HMAC-SHA256-TRAILER", before, [sha256(signed.join(""))]);
      requireSignature(seed, text, fields.get(TRAILER_SIGNATURE));
    }
    onTrailer(fields);
  } finally {
    await input.return();
  }
}

const TRAILER_SIGNATURE = "x-amz-trailer-signature";

function textOfChunk(
  { timestamp, scope }: Authenticated["seed"],
  algorithm: string,
  before: string,
  hashes: readonly string[],
): string {
  return [algorithm, timestamp, scopeText(scope), before, ...hashes].join("\n");
}

function requireSignature({ key }: Authenticated["seed"], text: string, given = ""): string {
  const own = sign(key, text);
  if (!isSameSignature(given, own)) throw new S3Error("SignatureDoesNotMatch");
  return own;
}

/** `400;chunk-signature=…`, in hexadecimal digits */
function parseChunkHead(line: string): { readonly size: number; readonly signature: string | undefined } {
  const [, digits, signature] = /^([0-9a-f]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line) ?? [];
  if (digits === undefined) throw new S3Error("InvalidRequest", "A chunk does not begin with its size");
  return { size: Number.parseInt(digits, 16), signature };
}

/** Fields up to an empty line, or to the end: SDKs differ in whether they send the line. */
async function readTrailer(input: Input): Promise<[name: string, value: string][]> {
  const fields: [string, string][] = [];
  for (let rest = MAX_TRAILER; rest > 0; ) {
    const line = await input.lastLine(rest);
    if (line === undefined || line === "") return fields;
    rest -= line.length + 2;
    const [, name, value] = /^([\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new S3Error("InvalidRequest", "The trailer is malformed");
    fields.push([name.toLowerCase(), value]);
  }
  throw new S3Error("InvalidRequest", "The trailer is too long");
}

/** Bytes as they come, taken line by line, or as many as there are. */
class Input {
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(bytes: AsyncIterable<Buffer>) {
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  /** The bytes up to CRLF. */
  async line(max: number): Promise<string> {
    const line = await this.lastLine(max);
    if (line === undefined) throw new S3Error("IncompleteBody");
    return line;
  }

  /** As {@link line}; also ended by the end of the body, and undefined there. */
  async lastLine(max: number): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf("\r\n");
      if (end >= 0 && end <= max) return this.#cut(end, 2).toString("latin1");
      if (this.#buffer.length > max) throw new S3Error("InvalidRequest", "A line of the body is too long");
      if (await this.#more()) continue;
      return this.#buffer.length === 0 ? undefined : this.#cut(this.#buffer.length, 0).toString("latin1");
    }
  }

  /** At most so many bytes, and at least one. */
  async take(max: number): Promise<Buffer> {
    if (this.#buffer.length === 0 && !(await this.#more())) throw new S3Error("IncompleteBody");
    return this.#cut(Math.min(max, this.#buffer.length), 0);
  }

  /** The CRLF behind the data of a chunk. */
  async end(): Promise<void> {
    if ((await this.line(MAX_LINE)) !== "") throw new S3Error("InvalidRequest", "A chunk is longer than it says");
  }

  async return(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    this.#buffer = this.#buffer.length === 0 ? value : Buffer.concat([this.#buffer, value]);
    return true;
  }

  #cut(length: number, skipped: number): Buffer {
    const cut = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length + skipped);
    return cut;
  }
}

/** The data that a request brings, which is checked against all that its sender says of it. */
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type BodyLimits, inMemory, receive, type WholeBodyMemory } from "../http/routes/files/request-body.ts";
import { checksumHeader, type ExpectedChecksum, expectedChecksum, requireForm, runningChecksum } from "./checksums.ts";
import { S3Error } from "./errors.ts";
import { type Authenticated, UNSIGNED_PAYLOAD } from "./signature/authenticate.ts";
import { chunkingOf, decodeChunks } from "./signature/chunks.ts";
import { xmlText } from "./xml.ts";

/** What was found out of data while it was read. */
export interface Digests {
  /** In hexadecimal digits. */
  readonly md5: string;
  /** The one that its sender gave, if any. */
  readonly checksum?: { readonly algorithm: ExpectedChecksum["algorithm"]; readonly value: string } | undefined;
}

export interface Payload {
  /** Bytes. */
  readonly length: number;
  /**
   * The data, once. It fails at its end where it is not what its sender says.
   *
   * @throws {S3Error} BadDigest, XAmzContentSHA256Mismatch, SignatureDoesNotMatch, IncompleteBody, …
   */
  readonly data: AsyncIterable<Buffer>;
  /** Of the data, when all of it was read. */
  readonly digests: () => Digests;
}

/** Bytes of a document, such as the keys that are to be deleted. */
const MAX_DOCUMENT_BYTES = 2 * 2 ** 20;

/**
 * @param checksumIn Reads the checksum that the headers give of the data.
 * @throws {S3Error} where the headers are not such that the data could be checked.
 */
export function payloadOf(
  response: ServerResponse,
  authenticated: Authenticated,
  limits: BodyLimits,
  checksumIn: typeof expectedChecksum = expectedChecksum,
): Payload {
  const { headers } = response.req;
  const expected = checksumIn(headers);
  const chunking = chunkingOf(authenticated.payloadHash);
  const length = dataLength(response, chunking !== undefined, limits.maxBodyBytes);
  if (expected !== undefined && expected.value === undefined && chunking?.hasTrailer !== true) {
    throw new S3Error("InvalidRequest", "A checksum in the trailer takes a body that has one");
  }
  const md5 = contentMd5(headers["content-md5"]?.toString());
  const sha256 = chunking === undefined ? signedDigest(authenticated.payloadHash) : undefined;
  let trailer: ReadonlyMap<string, string> = new Map();
  // The coding takes some bytes for each chunk, and chunks are as small as the client likes.
  const received = receive(
    response,
    chunking === undefined ? limits : { ...limits, maxBodyBytes: Number.MAX_SAFE_INTEGER },
  );
  const onTrailer = (fields: typeof trailer) => {
    trailer = fields;
  };
  const decoded = chunking === undefined ? received : decodeChunks(received, chunking, authenticated.seed, onTrailer);
  let digests: Digests | undefined;

  async function* check(): AsyncGenerator<Buffer> {
    const hashes = { md5: createHash("md5"), sha256: sha256 === undefined ? undefined : createHash("sha256") };
    const checksum = expected && runningChecksum(expected.algorithm);
    let decodedLength = 0;
    for await (const chunk of decoded) {
      decodedLength += chunk.length;
      if (decodedLength > length) throw new S3Error("IncompleteBody", "The body has more bytes than were declared");
      hashes.md5.update(chunk);
      hashes.sha256?.update(chunk);
      checksum?.update(chunk);
      yield chunk;
    }
    if (decodedLength < length) throw new S3Error("IncompleteBody");
    if (hashes.sha256 !== undefined && hashes.sha256.digest("hex") !== sha256) {
      throw new S3Error("XAmzContentSHA256Mismatch");
    }
    const actual = hashes.md5.digest("hex");
    if (md5 !== undefined && md5 !== actual) throw new S3Error("BadDigest");
    digests = { md5: actual, checksum: expected && { algorithm: expected.algorithm, value: await sum(expected) } };

    async function sum({ algorithm, value }: ExpectedChecksum): Promise<string> {
      const own = (await checksum?.digest()) ?? "";
      const given = value ?? trailer.get(checksumHeader(algorithm));
      if (given === undefined) throw new S3Error("InvalidRequest", "The trailer does not have the checksum");
      requireForm(algorithm, given);
      if (given === own) return own;
      throw new S3Error("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
    }
  }

  return {
    length,
    data: check(),
    digests: () => {
      if (digests === undefined) throw new Error("The data was not read to its end");
      return digests;
    },
  };
}

/** The text of a document that a request brings. */
export async function documentOf(
  response: ServerResponse,
  authenticated: Authenticated,
  limits: BodyLimits,
  memory: WholeBodyMemory,
  checksumIn?: typeof expectedChecksum,
): Promise<string> {
  const payload = payloadOf(response, authenticated, limits, checksumIn);
  if (payload.length > MAX_DOCUMENT_BYTES) throw new S3Error("MalformedXML");
  return inMemory(payload.data, payload.length, memory, async (bytes) => xmlText(bytes));
}

/** S3 takes no body of unknown length. */
function dataLength({ req: { headers } }: ServerResponse, isChunked: boolean, limit: number): number {
  const declared = isChunked ? headers["x-amz-decoded-content-length"]?.toString() : headers["content-length"];
  if (declared === undefined || !/^\d+$/.test(declared)) throw new S3Error("MissingContentLength");
  const length = Number(declared);
  if (length > limit) throw new S3Error("EntityTooLarge");
  return length;
}

function contentMd5(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (!/^[A-Za-z0-9+/]{22}==$/.test(header)) throw new S3Error("InvalidDigest");
  return Buffer.from(header, "base64").toString("hex");
}

function signedDigest(payloadHash: string): string | undefined {
  if (payloadHash === UNSIGNED_PAYLOAD) return undefined;
  if (/^[0-9a-f]{64}$/.test(payloadHash)) return payloadHash;
  throw new S3Error(
    "InvalidArgument",
    `x-amz-content-sha256 must be ${UNSIGNED_PAYLOAD}, a SHA-256, or a STREAMING- value`,
  );
}

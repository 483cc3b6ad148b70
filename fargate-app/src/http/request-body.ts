/** The bytes that a request brings. */
import type { IncomingMessage } from "node:http";
import { ProblemError } from "./problem.ts";

/** Bodies up to this many bytes are kept in memory, so that they can be written again at another mount target. */
export const BUFFERED_BYTES = 2 ** 20;

/**
 * The body: in memory when its length is known and small, else as a stream that is read as fast as it is written.
 *
 * @throws {ProblemError} 413 when there are more than `limit` bytes; a stream throws it when it comes to that.
 */
export async function receive(request: IncomingMessage, limit: number): Promise<Buffer | AsyncIterable<Buffer>> {
  const length = declaredLength(request, limit);
  return length !== undefined && length <= BUFFERED_BYTES ? receiveWhole(request, limit) : upTo(limit, request);
}

/**
 * The body in memory.
 *
 * @throws {ProblemError} 413 when there are more than `limit` bytes.
 */
export async function receiveWhole(request: IncomingMessage, limit: number): Promise<Buffer> {
  declaredLength(request, limit);
  const chunks: Buffer[] = [];
  for await (const chunk of upTo(limit, request)) chunks.push(chunk);
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
}

async function* upTo(limit: number, request: IncomingMessage): AsyncGenerator<Buffer> {
  let received = 0;
  // Not destroyed where reading ends early: what is destroyed is a request whose client went away.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    received += chunk.length;
    if (received > limit) throw tooLarge(limit);
    yield chunk;
  }
}

function declaredLength({ headers }: IncomingMessage, limit: number): number | undefined {
  const { "content-length": header } = headers;
  if (header === undefined) return undefined;
  const length = Number(header);
  if (length > limit) throw tooLarge(limit);
  return length;
}

function tooLarge(limit: number): ProblemError {
  return new ProblemError(413, `The body is larger than the ${limit} bytes that are allowed`);
}

/** The bytes that a request brings. */
import type { IncomingMessage } from "node:http";
import type { HttpLimits } from "./limits.ts";
import { ProblemError } from "./problem.ts";
import { steadily } from "./steady-body.ts";

/** Bodies up to this many bytes are kept in memory, so that they can be written again at another mount target. */
export const BUFFERED_BYTES = 2 ** 20;

type BodyLimits = Pick<HttpLimits, "maxBodyBytes" | "minUploadRate">;

/**
 * The body: in memory when its length is known and small, else as a stream that is read as fast as it is written.
 *
 * @throws {ProblemError} 413 when there are too many bytes, 408 when they come too slowly; a stream throws it when it
 * comes to that.
 */
export async function receive(request: IncomingMessage, limits: BodyLimits): Promise<Buffer | AsyncIterable<Buffer>> {
  const length = declaredLength(request, limits.maxBodyBytes);
  return length !== undefined && length <= BUFFERED_BYTES ? receiveWhole(request, limits) : within(limits, request);
}

/**
 * The body in memory.
 *
 * @throws {ProblemError} 413 when there are too many bytes, 408 when they come too slowly.
 */
export async function receiveWhole(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  declaredLength(request, limits.maxBodyBytes);
  const chunks: Buffer[] = [];
  for await (const chunk of within(limits, request)) chunks.push(chunk);
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
}

async function* within({ maxBodyBytes, minUploadRate }: BodyLimits, request: IncomingMessage): AsyncGenerator<Buffer> {
  let received = 0;
  // Not destroyed where reading ends early: what is destroyed is a request whose client went away.
  for await (const chunk of steadily(request.iterator({ destroyOnReturn: false }), minUploadRate)) {
    received += chunk.length;
    if (received > maxBodyBytes) throw tooLarge(maxBodyBytes);
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

/** The bytes that a request brings. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { collect } from "@efs-mount-autoscaling/routed-files";
import { Deadline, type MemoryBudget } from "nfs-client";
import type { HttpLimits } from "../../limits.ts";
import { digestsOf, withDigests } from "../../semantics/digest.ts";
import { ProblemError } from "../../semantics/problem.ts";
import { atMinimumRate } from "./upload-rate.ts";

/** Bytes of a body that is kept in memory, so that it can be written again at another mount target. */
const MAX_BUFFERED_BYTES = 2 ** 20;

export type BodyLimits = Pick<HttpLimits, "maxBodyBytes" | "minUploadRate">;

/** Milliseconds to wait for memory. */
const MEMORY_TIMEOUT = 10_000;

/**
 * Whether it pays to ask the file system, before the body is taken, for what refuses the request: the body may be large,
 * or its client waits for a 100 (Continue) or a final status (RFC 9110 §10.1.1).
 */
export function isWorthDecidingEarly(request: IncomingMessage): boolean {
  const { "content-length": length } = request.headers;
  return awaitsContinue(request) || length === undefined || Number(length) > MAX_BUFFERED_BYTES;
}

/**
 * Uses the body of a request: in memory when it is known to be small, and there is memory; else as a stream that is read
 * as fast as it is written.
 *
 * @param response To the request.
 * @throws {ProblemError} 413 when there are too many bytes, 408 when they come too slowly, 400 when they do not have the
 * digests that the headers give; a stream throws it when it comes to that.
 */
export async function withBody<Result>(
  response: ServerResponse,
  limits: BodyLimits,
  memory: MemoryBudget,
  use: (body: Buffer | AsyncIterable<Buffer>) => Promise<Result>,
): Promise<Result> {
  const length = declaredLength(response.req, limits.maxBodyBytes);
  return inMemoryIfSmall(checked(response, limits), length, memory, use);
}

/** Uses bytes: in memory when they are known to be few, and there is memory; else as a stream. */
export async function inMemoryIfSmall<Result>(
  body: AsyncIterable<Buffer>,
  length: number | undefined,
  memory: MemoryBudget,
  use: (body: Buffer | AsyncIterable<Buffer>) => Promise<Result>,
): Promise<Result> {
  if (length === undefined || length > MAX_BUFFERED_BYTES || !memory.tryReserveSpare(length)) return use(body);
  try {
    return await use(await collect(body));
  } finally {
    memory.release(length);
  }
}

/** The memory of bodies that must be whole. They hold it while they come, so they may have a part of it only. */
export interface WholeBodyMemory {
  readonly allowance: MemoryBudget;
  readonly shared: MemoryBudget;
}

/**
 * Uses the body of a request, which must be in memory and at most {@link MAX_BUFFERED_BYTES}.
 *
 * @throws {ProblemError} as {@link withBody} does, and 503 when there is no memory.
 */
export async function withWholeBody<Result>(
  response: ServerResponse,
  limits: BodyLimits,
  memory: WholeBodyMemory,
  use: (body: Buffer) => Promise<Result>,
): Promise<Result> {
  const maxBodyBytes = Math.min(MAX_BUFFERED_BYTES, limits.maxBodyBytes);
  const length = declaredLength(response.req, maxBodyBytes) ?? maxBodyBytes;
  return inMemory(checked(response, { ...limits, maxBodyBytes }), length, memory, use);
}

/**
 * Uses bytes that must be in memory.
 *
 * @param length Bytes, at most.
 * @throws {ProblemError} 503 when there is no memory in time.
 */
export async function inMemory<Result>(
  body: AsyncIterable<Buffer>,
  length: number,
  { allowance, shared }: WholeBodyMemory,
  use: (body: Buffer) => Promise<Result>,
): Promise<Result> {
  const deadline = new Deadline(MEMORY_TIMEOUT);
  const collectAndUse = async () => use(await collect(body));
  // The allowance first: whoever waits for it must hold nothing that others need.
  return holding(allowance, length, deadline, () => holding(shared, length, deadline, collectAndUse));
}

/** Waits for memory, and holds it meanwhile. @throws {ProblemError} 503 when there is none in time. */
async function holding<Result>(
  memory: MemoryBudget,
  length: number,
  deadline: Deadline,
  act: () => Promise<Result>,
): Promise<Result> {
  await memory.reserve(length, deadline).catch((cause: unknown) => {
    throw new ProblemError(503, "There is no memory for the body at the moment", { cause });
  });
  try {
    return await act();
  } finally {
    memory.release(length);
  }
}

/** The body, which fails as soon as it is over a limit, or at its end where it is not what its sender says. */
function checked(response: ServerResponse, limits: BodyLimits): AsyncIterable<Buffer> {
  const digests = digestsOf(response.req.headers);
  const body = receive(response, limits);
  return digests.length === 0 ? body : withDigests(body, digests);
}

/** The body as it comes, which fails as soon as it is over a limit. */
export async function* receive(
  response: ServerResponse,
  { maxBodyBytes, minUploadRate }: BodyLimits,
): AsyncGenerator<Buffer> {
  const { req: request } = response;
  if (awaitsContinue(request)) response.writeContinue();
  let received = 0;
  // Not destroyed where reading ends early: what is destroyed is a request whose client went away.
  for await (const chunk of atMinimumRate(request.iterator({ destroyOnReturn: false }), minUploadRate)) {
    received += chunk.length;
    if (received > maxBodyBytes) throw tooLarge(maxBodyBytes);
    yield chunk;
  }
}

/** The protocol checks let no other expectation pass. */
function awaitsContinue({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.expect !== undefined && httpVersion === "1.1";
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

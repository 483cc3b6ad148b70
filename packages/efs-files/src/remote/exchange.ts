/** A request and its response, over as many attempts as it takes, within the deadline. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Deadline } from "../deadline.ts";
import { FileError, OutcomeUnknownError } from "../errors.ts";
import type { Meanings } from "../nfs-status.ts";
import { type Attempt, type Call, type HttpClient, type HttpResponse, StreamedBody } from "./http-client.ts";
import { fileErrorOf, HttpError, httpErrorOf } from "./problem.ts";
import { isRetryable, isSafeToRepeat, MAX_ATTEMPTS, mayHaveBeenDone, waitBefore } from "./retry.ts";

export interface Exchange<Result> extends Call {
  /** Of the operation, for errors. */
  readonly path?: string | undefined;
  readonly meanings?: Meanings;
  /**
   * Makes the result of a response that is a success. What fails with the connection, or with an {@link HttpError} that
   * passes, is sent again.
   *
   * @param mayBeDone Whether an earlier request, whose response was lost, may have made the change.
   */
  readonly accept: (response: HttpResponse, mayBeDone: boolean) => Promise<Result>;
  /** Of a response by which a repeated request learns that an earlier one had made the change. */
  readonly doneBefore?: { readonly status: number; readonly result: Result };
}

/** Bytes of a body that says what went wrong, at most. */
const MAX_PROBLEM = 2 ** 16;

/** @throws {FileError} when the deadline is over, too; what the caller's own callbacks and streams throw. */
export async function exchange<Result>(http: HttpClient, call: Exchange<Result>, deadline: Deadline): Promise<Result> {
  const { effect, path, doneBefore } = call;
  let mayBeDone = false;
  let renewed = false;
  let failure: FileError | undefined;
  const unlessInDoubt = (error: FileError) =>
    mayBeDone && !isSafeToRepeat(effect) ? unknownOutcome(path, error) : error;
  const ended = () => {
    const error = deadline.error({ path, cause: failure });
    return error.code === "ETIMEDOUT" ? unlessInDoubt(error) : error;
  };
  const inTime = async <Value>(wait: Promise<Value>): Promise<Value> => {
    try {
      return await wait;
    } catch (error) {
      throw deadline.signal.aborted ? ended() : error;
    }
  };
  for (let attempt = 1; ; attempt++) {
    let outcome: Attempted<Result>;
    try {
      outcome = await attempted(http, call, mayBeDone, deadline.signal);
    } catch (error) {
      if (!deadline.signal.aborted) throw error;
      mayBeDone = true;
      throw ended();
    }
    if (outcome.kind === "accepted") return outcome.result;
    const status = outcome.kind === "response" ? outcome.status : undefined;
    if (status === 401 && !renewed && canSend(call)) {
      const refused = outcome.kind === "response" ? outcome.token : undefined;
      renewed = await inTime(http.token.renew(refused, deadline.signal));
      if (renewed) continue;
    }
    if (mayBeDone && doneBefore !== undefined && status === doneBefore.status) return doneBefore.result;
    mayBeDone ||= mayHaveBeenDone(outcome);
    failure = failureOf(call, outcome.error);
    if (attempt === MAX_ATTEMPTS || !isRetryable(effect, outcome) || !canSend(call)) {
      throw unlessInDoubt(failure);
    }
    await inTime(sleep(waitBefore(attempt, outcome), undefined, { signal: deadline.signal }));
  }
}

type Attempted<Result> =
  | { readonly kind: "accepted"; readonly result: Result }
  | Extract<Attempt, { kind: "not-sent" | "lost" }>
  | (Extract<Attempt, { kind: "response" }> & { readonly error: HttpError });

async function attempted<Result>(
  http: HttpClient,
  call: Exchange<Result>,
  mayBeDone: boolean,
  signal: AbortSignal,
): Promise<Attempted<Result>> {
  const outcome = await http.attempt(call, signal);
  if (outcome.kind !== "response") return outcome;
  const { response, status } = outcome;
  try {
    if (status >= 200 && status < 300) return { kind: "accepted", result: await call.accept(response, mayBeDone) };
    return { ...outcome, error: httpErrorOf(status, await textOf(response.body)) };
  } catch (error) {
    if (error instanceof HttpError) return { ...outcome, status: error.status, error };
    if (signal.aborted || !isOfConnection(error)) throw error;
    return { kind: "lost", error };
  }
}

/** Whether there is a body to send, where the call has one. */
function canSend({ body }: Call): boolean {
  return !(body instanceof StreamedBody && body.begun);
}

function failureOf({ path, meanings }: Pick<Exchange<unknown>, "path" | "meanings">, error: unknown): FileError {
  return error instanceof HttpError ? fileErrorOf(error, path, meanings) : unreachable(path, error);
}

export function unreachable(path: string | undefined, error: unknown): FileError {
  const reason = error instanceof Error ? error.message : String(error);
  return new FileError("ERR_UNAVAILABLE", `The service cannot be reached: ${reason}`, { path, cause: error });
}

/** What comes piece by piece has to be asked for again where its connection is lost. */
export class Attempts {
  readonly #path: string | undefined;
  readonly #deadline: Deadline;
  #failed = 0;

  constructor(path: string | undefined, deadline: Deadline) {
    this.#path = path;
    this.#deadline = deadline;
  }

  /** There was progress. */
  reset(): void {
    this.#failed = 0;
  }

  /** Waits before the next attempt. @throws what it was, where it was no loss, or one too many. */
  async afterLoss(error: unknown): Promise<void> {
    const { signal } = this.#deadline;
    if (!signal.aborted && !isOfConnection(error)) throw error;
    this.#failed += 1;
    if (this.#failed === MAX_ATTEMPTS) throw unreachable(this.#path, error);
    try {
      await sleep(waitBefore(this.#failed, { kind: "lost" }), undefined, { signal });
    } catch {
      throw this.#deadline.error({ path: this.#path });
    }
  }
}

export function unknownOutcome(path: string | undefined, cause: FileError): OutcomeUnknownError {
  if (cause instanceof OutcomeUnknownError) return cause;
  return new OutcomeUnknownError(`The change may have been made, or not: ${cause.message}`, { path, cause });
}

async function textOf(body: HttpResponse["body"]): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_PROBLEM) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** A response that ended before it was complete, although its connection says nothing of it. */
export class LostError extends Error {
  override readonly name = "LostError";
  readonly code = "ERR_INCOMPLETE_RESPONSE";
}

/** Whether the connection failed, and not what was made of the response. */
function isOfConnection(error: unknown): boolean {
  return error instanceof Error && !(error instanceof FileError) && "code" in error;
}

import type { Deadline } from "../deadline.ts";
import { FileError } from "../errors.ts";
import type { BatchOperation, BatchOutcome } from "../operations.ts";
import { batchCall, effectOf } from "./batch-call.ts";
import { Attempts, exchange, LostError, unknownOutcome } from "./exchange.ts";
import type { HttpClient, HttpResponse } from "./http-client.ts";
import { linesOf, notOfTheRouter, parsed } from "./parsed.ts";
import { fileErrorOf, HttpError } from "./problem.ts";
import { NOT_A_FILE, read } from "./reading.ts";
import { remove } from "./removal.ts";
import { isRetryable, mayHaveBeenDone } from "./retry.ts";
import { type BatchResult, batchResult } from "./schemas.ts";
import { stat, statOf } from "./stat.ts";

/** Where the response breaks off, the items without a result are sent again. */
export async function* batch(
  http: HttpClient,
  operations: readonly BatchOperation[],
  deadline: Deadline,
): AsyncGenerator<BatchOutcome> {
  const attempts = new Attempts(undefined, deadline);
  let done = 0;
  let mayBeDone = false;
  while (done < operations.length) {
    const accept = async ({ body }: HttpResponse, repeated: boolean) => {
      mayBeDone ||= repeated;
      return linesOf(body);
    };
    const lines = await exchange(http, { ...batchCall(operations.slice(done)), accept }, deadline);
    try {
      for await (const line of lines) {
        const operation = operations[done];
        if (operation === undefined) throw notOfTheRouter("it has more results than items");
        yield await outcomeOf(http, operation, parsed(batchResult, line), mayBeDone, deadline);
        done += 1;
        attempts.reset();
      }
      if (done < operations.length) throw new LostError("the response ended before the last result");
    } catch (error) {
      await attempts.afterLoss(error);
      mayBeDone = true;
    }
  }
}

/** Of one item. What failed, and may succeed later, is made by itself. */
async function outcomeOf(
  http: HttpClient,
  operation: BatchOperation,
  { problem, ...result }: BatchResult,
  mayBeDone: boolean,
  deadline: Deadline,
): Promise<BatchOutcome> {
  if (problem === undefined) return successOf(operation, result);
  const { path } = operation;
  const effect = effectOf(operation);
  const outcome = { kind: "response", status: problem.status, retryAfter: undefined } as const;
  const error = fileErrorOf(new HttpError(problem), path, operation.operation === "read" ? NOT_A_FILE : {});
  const isUncertain = mayBeDone || mayHaveBeenDone(outcome);
  if (effect === "conditional" && isUncertain) return failureOf(unknownOutcome(path, error));
  const last = isRetryable(effect, outcome) ? await alone(http, operation, deadline) : failureOf(error);
  const isGone = last.operation === "failure" && last.error.code === "ENOENT";
  return effect === "idempotent" && isUncertain && isGone ? { operation: "rm" } : last;
}

function successOf({ operation }: BatchOperation, result: Omit<BatchResult, "problem">): BatchOutcome {
  switch (operation) {
    case "read":
      if (result.content === undefined) throw notOfTheRouter("a result has no content");
      return { operation, data: Buffer.from(result.content, "base64") };
    case "stat":
      return { operation, attributes: statOf(result) };
    case "rm":
      return { operation };
  }
}

async function alone(http: HttpClient, operation: BatchOperation, deadline: Deadline): Promise<BatchOutcome> {
  const { path } = operation;
  try {
    switch (operation.operation) {
      case "read": {
        const { body } = await read(http, path, { start: 0, end: Number.POSITIVE_INFINITY }, deadline);
        const chunks: Buffer[] = [];
        for await (const chunk of body) chunks.push(chunk);
        return { operation: "read", data: Buffer.concat(chunks) };
      }
      case "stat":
        return { operation: "stat", attributes: await stat(http, path, deadline) };
      case "rm":
        await remove(http, path, operation.ifMatch, deadline);
        return { operation: "rm" };
    }
  } catch (error) {
    if (!(error instanceof FileError) || deadline.signal.aborted) throw error;
    return failureOf(error);
  }
}

function failureOf(error: FileError): BatchOutcome {
  return { operation: "failure", error };
}

/** Many operations in one request. */
import type { BatchOperation } from "../operations.ts";
import { removalEffect } from "./removal.ts";
import type { Effect } from "./retry.ts";
import type { BatchItem, BatchRequest } from "./schemas.ts";
import { encodePath } from "./targets.ts";

export function batchCall(operations: readonly BatchOperation[]) {
  const request: BatchRequest = { items: operations.map(itemOf) };
  return {
    method: "POST",
    target: "/batch",
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(request)),
    effect: effectOfAll(operations),
  } as const;
}

export function effectOf(operation: BatchOperation): Exclude<Effect, "once"> {
  return operation.operation === "rm" ? removalEffect(operation.ifMatch) : "none";
}

function effectOfAll(operations: readonly BatchOperation[]): Effect {
  const effects = new Set(operations.map(effectOf));
  return (["conditional", "idempotent"] as const).find((effect) => effects.has(effect)) ?? "none";
}

function itemOf(operation: BatchOperation): BatchItem {
  const { path } = operation;
  const named = path.isWellFormed() ? { path } : { encodedPath: encodePath(path) };
  if (operation.operation !== "rm") return { operation: operation.operation, ...named };
  const { ifMatch } = operation;
  return { operation: "delete", ...named, ...(ifMatch !== undefined && { ifMatch }) };
}

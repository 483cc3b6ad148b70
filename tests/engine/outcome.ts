/** What the engine did, and the list of it. */
import type { EngineEvent, OpMap, OpType } from "@pulumi/pulumi/automation/index.js";

/** The widest name of what is done, for the list of it. */
export const WIDTH = 32;

/** What the engine did to a resource. */
export interface Step {
  readonly op: OpType;
  readonly type: string;
  readonly name: string;
}

/** What an operation did: how many resources by what was done to them, and the steps that did something, in order. */
export interface Outcome {
  readonly counts: OpMap;
  readonly steps: readonly Step[];
}

/** Runs an operation and collects what the engine did. */
export async function watch(operation: (onEvent: (event: EngineEvent) => void) => Promise<unknown>): Promise<Outcome> {
  let counts: OpMap = {};
  const steps: Step[] = [];
  await operation(({ resOutputsEvent, summaryEvent }) => {
    if (summaryEvent !== undefined) counts = summaryEvent.resourceChanges;
    if (resOutputsEvent === undefined || resOutputsEvent.metadata.op === "same") return;
    const { op, type, urn } = resOutputsEvent.metadata;
    // The engine's own note of the stack's configuration, kept for dynamic resources.
    if (type.startsWith("pulumi:providers:")) return;
    steps.push({ op, type, name: urn.split("::").at(-1) ?? "" });
  });
  return { counts, steps };
}

export function report(what: string, { counts, steps }: Outcome): void {
  const summary = Object.entries(counts).map(([op, count]) => `${count} ${op}`);
  const updated = steps.filter(({ op }) => op === "update").map(({ type, name }) => `(${type} ${name})`);
  console.log([what.padEnd(WIDTH), summary.join(", "), ...updated].join(" "));
}

/** The results as one JSON document: all that was measured, and what came of it. */
import type { Judgement } from "../judgement.ts";
import type { Machine } from "../machine.ts";
import type { RowResult } from "../run-rows.ts";

export interface Run {
  /** When it began, in ISO 8601. */
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly results: readonly RowResult[];
}

export function toDocument({ date, command, machine, results }: Run): string {
  return JSON.stringify({ date, command, machine, rows: results.map(rowObject) }, undefined, 2);
}

function rowObject({ row, judgements, notes, seconds, error }: RowResult): object {
  return { name: row.name, what: row.what, seconds, error, notes, figures: judgements.map(figureObject) };
}

function figureObject({ figure, ours, peer, ratio, verdict }: Judgement): object {
  const { name, unit, better, goal } = figure;
  return {
    name,
    unit,
    better,
    ours: { ...ours, rounds: figure.ours },
    peer: peer === undefined ? undefined : { name: figure.peer?.name, ...peer, rounds: figure.peer?.values },
    ratio,
    goal,
    verdict: verdict.kind,
    missedBy: verdict.kind === "missed" ? verdict.by : undefined,
  };
}

/** The results as a table on a terminal. */
import Table from "cli-table3";
import type { Judgement } from "../judgement.ts";
import type { RowResult } from "../run-rows.ts";
import { goalText, verdictText, withSpread, withUnit } from "./numbers.ts";

/** The columns behind the row's name. */
export const COLUMNS = ["figure", "ours", "peer", "ratio (spread)", "goal", "verdict"] as const;

export function toTable(results: readonly RowResult[]): string {
  const table = new Table({
    head: ["row", ...COLUMNS],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
    colAligns: ["left", "left", "right", "right", "right", "left", "left"],
  });
  for (const result of results) table.push(...cells(result));
  const notes = results.flatMap(({ row, notes }) => notes.map((note) => `${row.name}: ${note}`));
  return [table.toString(), ...notes].join("\n");
}

/** The table's lines for one row, without the borders. */
function cells({ row, judgements, error }: RowResult): string[][] {
  const lines = judgements.map((judgement) => [row.name, ...figureCells(judgement)]);
  if (error !== undefined) lines.push([row.name, "failed", "", "", "", "", error]);
  return lines;
}

/** All of a line but the row's name. */
export function figureCells({ figure, ours, peer, ratio, verdict }: Judgement): string[] {
  const { name, unit, goal } = figure;
  return [
    name,
    withUnit(ours.median, unit),
    peer === undefined ? "" : `${figure.peer?.name} ${withUnit(peer.median, unit)}`,
    ratio === undefined ? "" : withSpread(ratio),
    goal === undefined ? "" : goalText(goal, unit),
    verdictText(verdict, goal?.limit),
  ];
}

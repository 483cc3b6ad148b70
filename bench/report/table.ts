/** The results as tables on a terminal, one for each row. */
import Table from "cli-table3";
import type { Judgement, Verdict } from "../judgement.ts";
import type { RowResult } from "../run-rows.ts";
import { durationText, goalText, verdictText, withSpread, withUnit } from "./numbers.ts";

export const COLUMNS = ["figure", "ours", "peer", "ratio (spread)", "goal", "verdict"] as const;

/** Characters between the separators. Longer text is wrapped; the first column takes what is left. */
const WIDTHS = [12, 19, 17, 16, 18];
const MIN_FIRST_WIDTH = 24;

/** @param columns of the terminal. */
export function toTable(results: readonly RowResult[], columns = 120): string {
  const others = WIDTHS.reduce((sum, width) => sum + width + 1, 0);
  const widths = [Math.max(MIN_FIRST_WIDTH, columns - others), ...WIDTHS];
  return [...results.map((result) => tableOf(result, widths)), summaryOf(results)].join("\n\n");
}

function tableOf({ row, judgements, notes, seconds, error }: RowResult, widths: number[]): string {
  const table = new Table({
    head: [...COLUMNS],
    style: { head: [], border: [] },
    colWidths: widths,
    wordWrap: true,
    chars: NO_LINES,
    colAligns: ["left", "right", "right", "right", "left", "left"],
  });
  table.push(...judgements.map(figureCells));
  return [
    `${row.name} (${durationText(seconds)}): ${row.what}.`,
    ...(judgements.length === 0 ? [] : [table.toString()]),
    ...(error === undefined ? [] : [`Failed: ${error}`]),
    ...notes,
  ].join("\n");
}

/** No frame, and no line between two figures. */
const NO_LINES = Object.fromEntries(
  ["top", "mid", "bottom", "left", "right"]
    .flatMap((side) => [side, `${side}-left`, `${side}-mid`, `${side}-right`, `left-${side}`, `right-${side}`])
    .map((name) => [name, ""]),
);

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

/** How many goals were met, and how long it took. */
export function summaryOf(results: readonly RowResult[]): string {
  const judgements = results.flatMap((result) => result.judgements);
  const count = (kind: Verdict["kind"]) => judgements.filter(({ verdict }) => verdict.kind === kind).length;
  const failed = results.filter(({ error }) => error !== undefined).map(({ row }) => row.name);
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  return [
    `Goals: ${count("met")} met, ${count("missed")} missed, ${count("not compared")} not compared.`,
    ...(failed.length === 0 ? [] : [`Failed rows: ${failed.join(", ")}.`]),
    `All rows took ${durationText(seconds)}.`,
  ].join(" ");
}

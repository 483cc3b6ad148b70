/** The results as a part of a Markdown document, which keeps all that people wrote around it. */
import { readFile, writeFile } from "node:fs/promises";
import type { RowResult } from "../run-rows.ts";
import type { Run } from "./document.ts";
import { durationText } from "./numbers.ts";
import { COLUMNS, figureCells, summaryOf } from "./table.ts";

const BEGIN = "<!-- figures: begin -->";
const END = "<!-- figures: end -->";

/**
 * Says before anything is measured whether the figures will find their place.
 *
 * @throws {Error} when the marks are not in `file`.
 */
export async function checkMarks(file: string): Promise<void> {
  around(file, await readFile(file, "utf8"));
}

/**
 * Replaces what stands between the two marks in `file`.
 *
 * @throws {Error} when the marks are not there.
 */
export async function writeMarkdown(file: string, run: Run): Promise<void> {
  const [before, after] = around(file, await readFile(file, "utf8"));
  await writeFile(file, `${before}\n\n${toMarkdown(run)}\n\n${after}`);
}

function around(file: string, text: string): [before: string, after: string] {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} needs a line "${BEGIN}" and, below it, a line "${END}"`);
  return [text.slice(0, begin + BEGIN.length), text.slice(end)];
}

export function toMarkdown({ date, command, machine, results }: Run): string {
  const { processor, cores, memoryGiB, system, node } = machine;
  return [
    `\`${command}\`, ${date.slice(0, 10)}, on ${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}.`,
    summaryOf(results),
    ...missedGoals(results),
    ...results.map(sectionOf),
  ].join("\n\n");
}

/** A list that says at a glance what is not as it should be. */
function missedGoals(results: readonly RowResult[]): string[] {
  const lines = results.flatMap(({ row, judgements }) =>
    judgements
      .filter(({ verdict }) => verdict.kind === "missed")
      .map((judgement) => [`[${row.name}](#${row.name})`, ...figureCells(judgement)]),
  );
  return lines.length === 0 ? [] : ["### Missed goals", tableOf(["row", ...COLUMNS], lines)];
}

function sectionOf({ row, judgements, notes, seconds, error }: RowResult): string {
  return [
    `### ${row.name}`,
    `${row.what}. It took ${durationText(seconds)}.`,
    ...(error === undefined ? [] : [`Failed: ${error}`]),
    ...(judgements.length === 0 ? [] : [tableOf(COLUMNS, judgements.map(figureCells))]),
    ...notes,
  ].join("\n\n");
}

function tableOf(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...lines].map(tableLine).join("\n");
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

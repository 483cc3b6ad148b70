/** `npm run bench`: measures what speed the project claims, beside what a user would pick instead. */
import { Command, InvalidArgumentError } from "commander";
import { runProgram } from "../local/machine/program.ts";
import { describeMachine } from "./machine.ts";
import { writeCharts } from "./report/chart.ts";
import { type Run, toDocument } from "./report/document.ts";
import { checkMarks, writeMarkdown } from "./report/markdown.ts";
import { showProgress } from "./report/progress.ts";
import { toTable } from "./report/table.ts";
import type { Row } from "./row.ts";
import { rows } from "./rows/index.ts";
import { type RowResult, runRows } from "./run-rows.ts";

interface Options {
  readonly quick: boolean;
  readonly only?: readonly string[];
  readonly json: boolean;
  readonly chart?: string;
  readonly markdown?: string;
}

/** Milliseconds from the results to the end of the program. */
const EXIT_TIMEOUT = 10_000;

const names = rows.map(({ name }) => name);
const parts = [...new Set(rows.flatMap(({ parts = [] }) => parts))];

await new Command("npm run bench --")
  .description(
    "Measures both sides of each comparison in one run, in turns. A missed goal is shown; only --quick fails for it.",
  )
  .argument("[names...]", `which rows to run: ${names.join(", ")} (default: all)`, collectNames)
  .option("--quick", "only the figures that do not depend on the machine; exit 1 when one misses its goal", false)
  .option("--only <part>", `only this part of a row, and any other that is given so: ${parts.join(", ")}`, collectParts)
  .option("--json", "print one JSON document instead of the table", false)
  .option("--chart <dir>", "draw an SVG chart for each row")
  .option("--markdown <file>", "put the results into a document, between the marks it has for them")
  .action((chosen: string[], options: Options) => runProgram((signal) => bench(chosen, options, signal)))
  .parseAsync();

async function bench(
  chosen: readonly string[],
  { quick, only, json, chart, markdown }: Options,
  signal: AbortSignal,
): Promise<number> {
  if (markdown !== undefined) await checkMarks(markdown);
  const selected = select(chosen, quick, only);
  const results: RowResult[] = [];
  const run: Run = {
    date: new Date().toISOString(),
    command: ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" "),
    machine: describeMachine(),
    results,
  };
  const progress = showProgress(selected);
  try {
    const onResult = (result: RowResult) => void results.push(result);
    await runRows(selected, { quick, only, signal, progress: progress.show, onResult });
  } finally {
    // Also of an interrupted run, which has measured something by then.
    progress.end();
    console.log(json ? toDocument(run) : toTable(results, process.stdout.columns));
  }
  // What a row still holds that was given up must not keep the program from its end.
  if (results.some(({ error }) => error !== undefined)) setTimeout(() => process.exit(), EXIT_TIMEOUT).unref();
  if (chart !== undefined) await writeCharts(chart, results);
  if (markdown !== undefined) await writeMarkdown(markdown, run);
  return results.some((result) => hasFailed(result, quick)) ? 1 : 0;
}

/** A row that could not be measured is a failure; a goal that was missed is one only where the machine has no part in it. */
function hasFailed({ error, judgements }: RowResult, quick: boolean): boolean {
  return error !== undefined || (quick && judgements.some(({ verdict }) => verdict.kind === "missed"));
}

function select(chosen: readonly string[], quick: boolean, only: readonly string[] | undefined): readonly Row[] {
  return rows.filter(
    ({ name, parts = [], check }) =>
      (chosen.length === 0 || chosen.includes(name)) &&
      (only === undefined || parts.some((part) => only.includes(part))) &&
      (check !== undefined || !quick),
  );
}

function collectNames(name: string, earlier: string[] | undefined): string[] {
  if (!names.includes(name)) throw new InvalidArgumentError(`The rows are ${names.join(", ")}.`);
  return [...(earlier ?? []), name];
}

function collectParts(part: string, earlier: string[] | undefined): string[] {
  if (!parts.includes(part)) throw new InvalidArgumentError(`The parts are ${parts.join(", ")}.`);
  return [...(earlier ?? []), part];
}

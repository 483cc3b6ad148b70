/** The results as a part of a Markdown document, which keeps all that people wrote around it. */
import { readFile, writeFile } from "node:fs/promises";
import type { Run } from "./document.ts";
import { COLUMNS, figureCells } from "./table.ts";

const BEGIN = "<!-- figures: begin -->";
const END = "<!-- figures: end -->";

/**
 * Replaces what stands between the two marks in `file`.
 *
 * @throws {Error} when the marks are not there.
 */
export async function writeMarkdown(file: string, run: Run): Promise<void> {
  const text = await readFile(file, "utf8");
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} needs a line "${BEGIN}" and, below it, a line "${END}"`);
  await writeFile(file, `${text.slice(0, begin + BEGIN.length)}\n\n${toMarkdown(run)}\n\n${text.slice(end)}`);
}

export function toMarkdown({ date, command, machine, results }: Run): string {
  const { processor, cores, memoryGiB, system, node } = machine;
  const sections = results.map(({ row, judgements, notes, error }) =>
    [
      `### ${row.name}`,
      `${row.what}.`,
      ...(error === undefined ? [] : [`Failed: ${error}`]),
      [COLUMNS, COLUMNS.map(() => "---"), ...judgements.map(figureCells)].map(tableLine).join("\n"),
      ...notes,
    ].join("\n\n"),
  );
  return [
    `\`${command}\`, ${date.slice(0, 10)}, on ${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}.`,
    ...sections,
  ].join("\n\n");
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** Tables of plain text. */

export type Alignment = "left" | "right";

export interface Column {
  readonly title: string;
  readonly alignment?: Alignment;
  /** Words are wrapped beyond it. Default: as wide as the widest cell. */
  readonly maximumWidth?: number;
}

const GAP = "  ";

/** The lines of a table: titles, a rule, and rows whose cells may take several lines. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) =>
    columns.map(({ maximumWidth = Number.POSITIVE_INFINITY }, index) => wrap(row[index] ?? "", maximumWidth)),
  );
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => Math.max(...(row[index] ?? []).map(({ length }) => length)))),
  );
  const line = (texts: readonly string[]) =>
    columns
      .map(({ alignment }, index) => pad(texts[index] ?? "", widths[index] ?? 0, alignment))
      .join(GAP)
      .trimEnd();
  return [
    line(columns.map(({ title }) => title)),
    line(widths.map((width) => "-".repeat(width))),
    ...cells.flatMap((row) => {
      const height = Math.max(...row.map(({ length }) => length));
      return Array.from({ length: height }, (_, at) => line(row.map((lines) => lines[at] ?? "")));
    }),
  ];
}

/** Words on lines of at most `width` characters; a longer word has a line of its own, cut where it must be. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (let word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    for (; word.length > width; word = word.slice(width)) lines.push(word.slice(0, width));
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function pad(text: string, width: number, alignment: Alignment = "left"): string {
  return alignment === "left" ? text.padEnd(width) : text.padStart(width);
}

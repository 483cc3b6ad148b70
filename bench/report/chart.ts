/** The figures of a row as a bar chart in SVG: ours above the peer's, each figure on a scale of its own. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Judgement } from "../judgement.ts";
import type { RowResult } from "../run-rows.ts";
import { withUnit } from "./numbers.ts";

const WIDTH = 760;
const BAR_START = 250;
const BAR_SPACE = 330;
const BAR_HEIGHT = 16;
const BAR_STEP = 20;
const FIGURE_GAP = 14;
const HEADER = 56;

const STYLE = `text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-size:16px;font-weight:600}
.what,.peer-label{fill:#57606a}.ours{fill:#0969da}.peer{fill:#afb8c1}.spread{stroke:#24292f;stroke-width:1.5}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.what,.peer-label{fill:#8d96a0}.peer{fill:#6e7681}.spread{stroke:#e6edf3}}`;

/** Writes `DIRECTORY/ROW.svg` for each row that has figures. */
export async function writeCharts(directory: string, results: readonly RowResult[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const result of results) {
    if (result.judgements.length > 0) await writeFile(join(directory, `${result.row.name}.svg`), toChart(result));
  }
}

export function toChart({ row, judgements }: RowResult): string {
  let y = HEADER;
  const figures = judgements.map((judgement) => {
    const drawn = drawFigure(judgement, y);
    y += (judgement.peer === undefined ? 1 : 2) * BAR_STEP + FIGURE_GAP;
    return drawn;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img">`,
    `<style>${STYLE}</style>`,
    text(12, 22, row.name, "title"),
    text(12, 42, row.what, "what"),
    ...figures,
    "</svg>",
    "",
  ].join("\n");
}

function drawFigure({ figure, ours, peer }: Judgement, y: number): string {
  const most = Math.max(ours.max, peer?.max ?? 0);
  const width = (value: number) => (most === 0 ? 0 : (value / most) * BAR_SPACE);
  const bar = (name: string, { median, min, max }: typeof ours, top: number) => {
    const middle = top + BAR_HEIGHT / 2;
    const label = `${name} ${withUnit(median, figure.unit)}`;
    return [
      `<rect class="${name === "ours" ? "ours" : "peer"}" x="${BAR_START}" y="${top}" width="${width(median).toFixed(1)}" height="${BAR_HEIGHT}"/>`,
      `<line class="spread" x1="${(BAR_START + width(min)).toFixed(1)}" x2="${(BAR_START + width(max)).toFixed(1)}" y1="${middle}" y2="${middle}"/>`,
      text(BAR_START + width(max) + 8, top + BAR_HEIGHT - 4, label, name === "ours" ? "" : "peer-label"),
    ];
  };
  return [
    text(12, y + BAR_HEIGHT - 4, figure.name, ""),
    ...bar("ours", ours, y),
    ...(peer === undefined ? [] : bar(figure.peer?.name ?? "peer", peer, y + BAR_STEP)),
  ].join("\n");
}

function text(x: number, y: number, content: string, kind: string): string {
  const escaped = content.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<text${kind === "" ? "" : ` class="${kind}"`} x="${x.toFixed(1)}" y="${y}">${escaped}</text>`;
}

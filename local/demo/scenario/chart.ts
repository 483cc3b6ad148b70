/** A scenario as a picture of characters. */
import { count } from "../figures.ts";
import type { Moment } from "./recording.ts";

const COLUMNS = 72;
const ROWS = 12;

const FILES = "█";
const POSSIBLE = "░";
const THRESHOLD = "─";
/** Where a forecast has moved the threshold to. */
const EFFECTIVE_THRESHOLD = "┄";

/** From left to right the time, from bottom to top the files, and below them the mount targets that every task uses. */
export function drawChart(moments: readonly Moment[], threshold: number): string {
  const columns = columnsOf(moments);
  const values = columns.flatMap(({ files, possibleFiles = files, effectiveThreshold }) => [
    files,
    possibleFiles,
    effectiveThreshold,
  ]);
  const [lowest, highest] = [Math.min(threshold, ...values), Math.max(threshold, ...values)];
  const step = Math.max(1, (highest - lowest) / (ROWS - 1));
  const rowOf = (value: number) => Math.round((value - lowest) / step);
  const labelWidth = Math.max(count(Math.round(highest)).length, "retiring".length);
  const lines = Array.from({ length: ROWS }, (_, index) => {
    const row = ROWS - 1 - index;
    const cells = columns.map(({ files, possibleFiles = files, effectiveThreshold }) => {
      if (row <= rowOf(files)) return FILES;
      if (row === rowOf(effectiveThreshold)) return effectiveThreshold < threshold ? EFFECTIVE_THRESHOLD : THRESHOLD;
      if (row === rowOf(threshold)) return THRESHOLD;
      return row <= rowOf(possibleFiles) ? POSSIBLE : " ";
    });
    return `${count(Math.round(lowest + row * step)).padStart(labelWidth)} │${cells.join("")}`;
  });
  const strip = (label: string, of: (moment: Moment) => string) =>
    `${label.padStart(labelWidth)} │${columns.map(of).join("")}`;
  const hasForecast = columns.some(({ possibleFiles }) => possibleFiles !== undefined);
  const legend = [
    `${FILES} files`,
    ...(hasForecast ? [`${POSSIBLE} possible by when a mount target could be there`] : []),
    `${THRESHOLD} threshold`,
    ...(hasForecast ? [`${EFFECTIVE_THRESHOLD} by the forecast`] : []),
  ];
  return [
    ...lines,
    strip("targets", ({ serving }) => String(serving)),
    ...(columns.some(({ retiring }) => retiring > 0)
      ? [strip("retiring", ({ retiring }) => (retiring > 0 ? String(retiring) : " "))]
      : []),
    `${" ".repeat(labelWidth)}  ${legend.join("   ")}`,
  ].join("\n");
}

/** The last moment of each of as many equal parts of the time as there are columns. */
function columnsOf(moments: readonly Moment[]): Moment[] {
  const end = moments.at(-1)?.second ?? 0;
  return Array.from({ length: Math.min(COLUMNS, moments.length) }, (_, column) => {
    const until = (end * (column + 1)) / Math.min(COLUMNS, moments.length);
    return moments.findLast(({ second }) => second <= until) ?? moments[0];
  }).filter((moment) => moment !== undefined);
}

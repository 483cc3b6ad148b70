/** How far a run is: a bar on a terminal, and a line for each step elsewhere. */
import { SingleBar } from "cli-progress";
import type { Row } from "../row.ts";

export interface Progress {
  readonly show: (row: Row, step: string) => void;
  readonly end: () => void;
}

/** @param rows that run, in this order; a row counts by the seconds that it takes. */
export function showProgress(rows: readonly Row[], stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) {
    return {
      show: (row, step) => void stream.write(`${rows.indexOf(row) + 1}/${rows.length} ${row.name}: ${step}\n`),
      end: () => {},
    };
  }
  const secondsOf = (some: readonly Row[]) => some.reduce((sum, { seconds }) => sum + seconds, 0);
  const bar = new SingleBar({
    format: "{bar} {percentage} % | {duration_formatted} | {step}",
    barsize: 30,
    stream,
    clearOnComplete: true,
    gracefulExit: false,
  });
  bar.start(secondsOf(rows), 0, { step: "" });
  return {
    show: (row, step) => bar.update(secondsOf(rows.slice(0, rows.indexOf(row))), { step: `${row.name}: ${step}` }),
    end: () => bar.stop(),
  };
}

/** What the forecast comes to on one series, for several thresholds. */
import { type Count, DAY } from "../../functions/file-monitor/forecast/history.ts";
import { type Backtest, judgeRuns, REPLAY_SETTINGS } from "./backtest.ts";
import { type Run, replay } from "./replay.ts";

/** Without the runs, which nobody looks at one by one. */
export type Judged = Omit<Backtest, "runs">;

/** Where the thresholds are between the highest count of the first day, in which nothing can be forecast, and the highest. */
const THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

export function judgeSeries(counts: readonly Count[]): Judged[] {
  const runs = replay(counts, REPLAY_SETTINGS);
  return thresholds(runs).map((threshold) => {
    const { runs: _, ...judged } = judgeRuns(runs, threshold);
    return judged;
  });
}

function thresholds(runs: readonly Run[]): number[] {
  const begin = runs[0]?.time ?? 0;
  let [low, high] = [0, 0];
  for (const { time, files } of runs) {
    if (time - begin <= DAY) low = Math.max(low, files);
    high = Math.max(high, files);
  }
  return THRESHOLDS.map((share) => Math.floor(low + share * (high - low)));
}

/** A backtest in words: a line of JSON for programs, a table for people. */
import Table from "cli-table3";
import { summarize } from "../judgement.ts";
import type { Backtest } from "./backtest.ts";
import { MODES, type Mode } from "./modes.ts";

/** All numbers are those of `thresholdMode: forecast`; `mase` and `coverage90` are of forecasts one hour ahead. */
export function toJsonLine({ days, modes, accuracy }: Backtest): string {
  const { crossings, servedBefore, falseScaleOuts } = modes.forecast;
  return JSON.stringify({
    days: round(days, 2),
    crossings,
    servedBefore,
    falseScaleOuts,
    mase: accuracy.mase === null ? null : round(accuracy.mase, 3),
    coverage90: accuracy.coverage90 === null ? null : round(accuracy.coverage90, 3),
  });
}

const MODE_NAMES: Readonly<Record<Mode, string>> = {
  fixed: "fixed",
  line: "a straight line through the last day",
  forecast: "forecast",
};

export function toReport({ days, threshold, runs, accuracy, warning, modes }: Backtest): string {
  const table = new Table({
    head: ["a mount target is added by", "times needed", "there before", "minutes ahead", "false"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right", "right"],
  });
  for (const mode of MODES) {
    const { crossings, servedBefore, minutesBefore, falseScaleOuts } = modes[mode];
    const ahead = minutesBefore.length === 0 ? "" : `${summarize(minutesBefore).median}`;
    table.push([MODE_NAMES[mode], crossings, servedBefore, ahead, falseScaleOuts]);
  }
  const { mase, coverage90 } = accuracy;
  return [
    `${days.toFixed(1)} days, ${runs.length.toLocaleString("en-US")} runs, threshold ${threshold.toLocaleString("en-US")}`,
    table.toString(),
    mase === null || coverage90 === null
      ? "Too little history for a forecast."
      : `One hour ahead: error ${mase.toFixed(2)} of the naive forecast's (MASE), ${(100 * coverage90).toFixed(1)} % of counts within the 90 % interval.`,
    ...(modes.fixed.crossings === 0 ? ["The threshold was never passed: --threshold N chooses another."] : []),
    ...(warning.passedAt === undefined
      ? []
      : [`Seven days before the threshold was first passed, a warning ${warning.wasWarned ? "was" : "was not"} out.`]),
  ].join("\n");
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** What each way to decide would have done about one threshold, in the runs of a series. */
import { raiseAlarm, reviewAlarm, withdrawAlarm } from "../../functions/file-monitor/forecast/alarms.ts";
import { DAY, HOUR } from "../../functions/file-monitor/forecast/history.ts";
import { EMPTY_MEMORY, type ForecastMemory } from "../../functions/file-monitor/forecast/memory.ts";
import { decideThreshold } from "../../functions/file-monitor/forecast/threshold.ts";
import type { Run } from "./replay.ts";

export const MODES = ["fixed", "line", "forecast"] as const;
export type Mode = (typeof MODES)[number];

/** A mount target that came and, where the number of files fell again, went. Times are milliseconds since 1970. */
export interface ScaleOut {
  readonly decidedAt: number;
  readonly availableAt: number;
  /** When the threshold was passed; undefined where it never was. */
  readonly passedAt: number | undefined;
  readonly retiredAt: number | undefined;
}

/** As scaling in does by default: below 70 % of the threshold for an hour, and at least a day old. */
const RETIRE_BELOW = 0.7;
const RETIRE_AFTER = HOUR;
const MINIMUM_AGE = DAY;

/** @param leadTime milliseconds. */
export function scaleOuts(runs: readonly Run[], mode: Mode, threshold: number, leadTime: number): ScaleOut[] {
  const done: ScaleOut[] = [];
  let current: ScaleOut | undefined;
  let memory: ForecastMemory = EMPTY_MEMORY;
  let lowSince: number | undefined;
  for (const run of runs) {
    const { time, files } = run;
    const isPassed = files > threshold;
    memory = reviewAlarm(memory, time, isPassed);
    if (current === undefined && (isPassed || isExpected(run, mode, threshold, memory))) {
      current = { decidedAt: time, availableAt: time + leadTime, passedAt: undefined, retiredAt: undefined };
      if (!isPassed) memory = raiseAlarm(memory, time);
    }
    if (isPassed && current !== undefined) current = { ...current, passedAt: current.passedAt ?? time };
    lowSince = files < RETIRE_BELOW * threshold ? (lowSince ?? time) : undefined;
    const isUnneeded = lowSince !== undefined && time - lowSince >= RETIRE_AFTER;
    if (current !== undefined && isUnneeded && time - current.decidedAt >= MINIMUM_AGE) {
      done.push({ ...current, retiredAt: time });
      current = undefined;
      memory = withdrawAlarm(memory);
    }
  }
  return current === undefined ? done : [...done, current];
}

function isExpected({ files, outlook, line }: Run, mode: Mode, threshold: number, memory: ForecastMemory): boolean {
  if (mode === "fixed") return false;
  if (mode === "line") return line !== undefined && line > threshold;
  const settings = { thresholdMode: mode, fileCountThreshold: threshold };
  return files > decideThreshold(outlook, memory, settings).threshold;
}

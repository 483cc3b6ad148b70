/** What a backtest comes to. */
import { ALARM_VALIDITY } from "../../functions/file-monitor/forecast/alarms.ts";
import { WARNING_TIME } from "../../functions/file-monitor/forecast/capacity-warning.ts";
import { scaledError } from "../../functions/file-monitor/forecast/experience.ts";
import { DAY, HOUR } from "../../functions/file-monitor/forecast/history.ts";
import type { ScaleOut } from "./modes.ts";
import { RUN_INTERVAL, type Run } from "./replay.ts";

/** How one way to decide did with one threshold. */
export interface ServiceFigures {
  /** Times that the threshold was passed while no mount target had been added for it, or it had just been. */
  readonly crossings: number;
  /** Those with the new mount target available before. */
  readonly servedBefore: number;
  /** Scale-outs that the count did not follow above the threshold within a day. */
  readonly falseScaleOuts: number;
  /** Minutes from the decision to the passing, of each crossing that was served before. */
  readonly minutesBefore: readonly number[];
}

export function serviceFigures(scaleOuts: readonly ScaleOut[], end: number): ServiceFigures {
  const passed = scaleOuts.flatMap(({ passedAt, ...rest }) => (passedAt === undefined ? [] : [{ ...rest, passedAt }]));
  // The threshold was passed between the run that saw it and the one before.
  const served = passed.filter(({ availableAt, passedAt }) => availableAt <= passedAt - RUN_INTERVAL);
  return {
    crossings: passed.length,
    servedBefore: served.length,
    falseScaleOuts: scaleOuts.filter((scaleOut) => wasFalse(scaleOut, end)).length,
    minutesBefore: served.map(({ decidedAt, passedAt }) => (passedAt - decidedAt) / 60_000),
  };
}

/** Whether the day after a scale-out went by without the threshold being passed. */
function wasFalse({ decidedAt, passedAt, retiredAt }: ScaleOut, end: number): boolean {
  return (passedAt ?? retiredAt ?? end) - decidedAt > ALARM_VALIDITY;
}

/** How good the forecasts one hour ahead were. */
export interface AccuracyFigures {
  /** Mean absolute error over that of the naive forecast; null where there was no forecast. */
  readonly mase: number | null;
  /** The share of counts within the 90 % interval; null where there was no forecast. */
  readonly coverage90: number | null;
}

export function accuracyFigures(runs: readonly Run[]): AccuracyFigures {
  let [ours, naives, covered, forecasts] = [0, 0, 0, 0];
  const fileCounts = new Map(runs.map(({ time, files }) => [time, files]));
  for (const { time, hourly } of runs) {
    const actual = fileCounts.get(time + HOUR);
    if (actual === undefined || hourly?.next === undefined || hourly.naive === undefined) continue;
    const { q05, q50, q95 } = hourly.next;
    forecasts++;
    if (q05 <= actual && actual <= q95) covered++;
    ours += Math.abs(actual - q50);
    naives += Math.abs(actual - hourly.naive);
  }
  return {
    mase: forecasts > 0 ? scaledError(ours, naives, forecasts) : null,
    coverage90: forecasts > 0 ? covered / forecasts : null,
  };
}

/** How early it was said that the threshold will be passed: with no Availability Zone left, the time to do something. */
export interface WarningFigures {
  /** When the threshold was passed first; undefined where it was not, or within the first eight days. */
  readonly passedAt: number | undefined;
  readonly wasWarned: boolean;
}

export function warningFigures(runs: readonly Run[], threshold: number): WarningFigures {
  const [first] = runs;
  const passedAt = runs.find(({ files }) => files > threshold)?.time;
  if (first === undefined || passedAt === undefined || passedAt - first.time < WARNING_TIME + DAY) {
    return { passedAt: undefined, wasWarned: false };
  }
  const wasWarned = runs.some(
    ({ time, hourly }) => time <= passedAt - WARNING_TIME && (hourly?.nextWeek?.q90 ?? 0) > threshold,
  );
  return { passedAt, wasWarned };
}

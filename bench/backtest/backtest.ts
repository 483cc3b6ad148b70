/** One backtest: a series, a threshold, and what each mode would have done. */
import { type Count, DAY, MINUTE } from "../../functions/file-monitor/forecast/history.ts";
import {
  type AccuracyFigures,
  accuracyFigures,
  type ServiceFigures,
  serviceFigures,
  type WarningFigures,
  warningFigures,
} from "./figures.ts";
import { MODES, type Mode, type ScaleOut, scaleOuts } from "./modes.ts";
import { type ReplaySettings, type Run, replay } from "./replay.ts";

/** Decides as the monitor of the stack's defaults, where a scale-out takes a quarter of an hour. */
export const REPLAY_SETTINGS: ReplaySettings = { leadTime: 15 * MINUTE, forecastHorizon: 60 * MINUTE };

export interface Backtest {
  readonly days: number;
  readonly threshold: number;
  readonly runs: readonly Run[];
  readonly accuracy: AccuracyFigures;
  readonly warning: WarningFigures;
  readonly modes: Readonly<Record<Mode, ModeResult>>;
}

export interface ModeResult extends ServiceFigures {
  readonly scaleOuts: readonly ScaleOut[];
}

/** A threshold that a growing series passes: three quarters of the way from its lowest to its highest count. */
export function defaultThreshold(counts: readonly Count[]): number {
  let [lowest, highest] = [Number.POSITIVE_INFINITY, 0];
  for (const { files } of counts) {
    lowest = Math.min(lowest, files);
    highest = Math.max(highest, files);
  }
  return Math.floor(lowest + 0.75 * (highest - lowest));
}

export function backtest(counts: readonly Count[], threshold: number, settings = REPLAY_SETTINGS): Backtest {
  const runs = replay(counts, settings);
  return judgeRuns(runs, threshold, settings);
}

/** The same runs may be judged for several thresholds. */
export function judgeRuns(runs: readonly Run[], threshold: number, { leadTime } = REPLAY_SETTINGS): Backtest {
  const [begin, end] = [runs[0]?.time ?? 0, runs.at(-1)?.time ?? 0];
  const judge = (mode: Mode): ModeResult => {
    const done = scaleOuts(runs, mode, threshold, leadTime);
    return { scaleOuts: done, ...serviceFigures(done, end) };
  };
  return {
    days: (end - begin) / DAY,
    threshold,
    runs,
    accuracy: accuracyFigures(runs),
    warning: warningFigures(runs, threshold),
    modes: { fixed: judge(MODES[0]), line: judge(MODES[1]), forecast: judge(MODES[2]) },
  };
}

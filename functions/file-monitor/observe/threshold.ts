import { isThresholdPassed } from "../decide/decide.ts";
import type { Forecast } from "../forecast/forecast.ts";
import { foresee } from "../forecast/foresight.ts";
import type { ForecastMemory } from "../forecast/memory.ts";
import type { CountReport, ThresholdReport } from "../result.ts";
import type { Run } from "../run.ts";

export interface ThresholdOfRun {
  readonly report: ThresholdReport;
  /** What is to be remembered. */
  readonly memory: ForecastMemory;
  /** What a mount target that is taken away must not be needed for: the threshold that would hold then. */
  readonly thresholdAfterScaleIn: number;
  /** Absent where nothing is forecast. */
  readonly forecast: Forecast | undefined;
}

/** Finds the number of files above which this run adds a mount target. */
export function observeThreshold(
  run: Pick<Run, "settings" | "memory" | "log">,
  before: ForecastMemory,
  counted: CountReport,
): ThresholdOfRun {
  const { settings, log } = run;
  const { fileCount, countAge, countComplete, countDuration } = counted;
  const now = Date.now();
  const thresholdPassed = isThresholdPassed(fileCount, settings.fileCountThreshold);
  const count = countAge === 0 && countComplete ? { time: now - countDuration, files: fileCount } : undefined;
  const foresight = foresee(before, { now, count, thresholdPassed }, settings);
  const { memory, outlook, decision, becameSuspended, thresholdWithoutAlarm } = foresight;
  const { threshold, forecastThreshold, reason } = decision;
  run.memory.effectiveThreshold = threshold;
  const isExpected = isThresholdPassed(fileCount, forecastThreshold);
  if (settings.thresholdMode === "observe" && isExpected && !thresholdPassed) {
    log.info("With thresholdMode forecast, a mount target would be added ahead of time", { reason });
  }
  if (becameSuspended) {
    log.warn(
      "The forecast is suspended: what it added was not needed. Look why, then set thresholdMode to fixed for a run, and back",
      { falseAlarms: memory.falseAlarms },
    );
  }
  return {
    memory,
    thresholdAfterScaleIn: thresholdWithoutAlarm,
    forecast: outlook?.forecast,
    report: {
      threshold: settings.fileCountThreshold,
      thresholdPassed,
      effectiveThreshold: threshold,
      thresholdReason: reason,
      forecastFalseAlarms: memory.falseAlarms,
      forecast: outlook && {
        fileCount: Math.ceil(outlook.forecast.q90),
        horizon: outlook.horizon,
        threshold: forecastThreshold,
        thresholdPassed: isExpected,
      },
    },
  };
}

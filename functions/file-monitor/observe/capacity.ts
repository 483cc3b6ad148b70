import { mayPassWithinWarningTime, WARNING_TIME } from "../forecast/capacity-warning.ts";
import { DAY, type History } from "../forecast/history.ts";
import type { Report } from "../result.ts";
import type { Run } from "../run.ts";

/**
 * With no Availability Zone left, warns days before the threshold is passed: once a day.
 *
 * @returns whether it may be passed by then; undefined where there is a place left, or nothing is forecast.
 */
export function observeCapacity(
  { settings, memory, log }: Pick<Run, "settings" | "memory" | "log">,
  history: History,
  { availabilityZonesLeft, thresholdPassed }: Pick<Report, "availabilityZonesLeft" | "thresholdPassed">,
): boolean | undefined {
  const { thresholdMode, fileCountThreshold } = settings;
  if (thresholdMode === "fixed" || availabilityZonesLeft !== 0 || thresholdPassed) return undefined;
  const now = Date.now();
  const isEndInSight = mayPassWithinWarningTime(history, now, fileCountThreshold);
  if (isEndInSight !== true) return isEndInSight;
  // A clock that was set back must not silence it.
  const sinceWarning = Math.abs(now - (memory.capacityWarnedAt ?? Number.NEGATIVE_INFINITY));
  if (sinceWarning >= DAY) {
    memory.capacityWarnedAt = now;
    log.warn(
      "The threshold may be passed within days, and no Availability Zone is left: raise it, delete files, or add a zone",
      { days: WARNING_TIME / DAY, threshold: fileCountThreshold },
    );
  }
  return true;
}

import type { Scenario } from "./scenario.ts";

/** Of the threshold. */
const PER_HOUR = 0.025;
const AT_THE_BEGINNING = 0.95;

/** More files every hour: the third mount target comes before the threshold is passed. */
export const growth: Scenario = {
  name: "growth",
  story:
    "Files are added hour after hour. The monitor expects the threshold to be passed, and adds a mount target before.",
  minutesPerSecond: 6,
  hoursBefore: 36,
  hours: 2.5,
  shareAt: (hour) => AT_THE_BEGINNING + PER_HOUR * (hour + unevenness(hour)),
  monitorInterval: 5,
  leadTimes: [],
  settings: { THRESHOLD_MODE: "forecast" },
  isAhead: true,
  isTakenAway: false,
};

/** No hour is like the one before. In hours. */
function unevenness(hour: number): number {
  return 0.15 * (Math.sin(hour) + Math.sin(2.7 * hour));
}

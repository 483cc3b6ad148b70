import type { Scenario } from "./scenario.ts";

/** Hours and shares of the threshold; in between, the number of files changes evenly. */
const COURSE = [
  [0, 0.97],
  [0.3, 1.03],
  [0.6, 1.03],
  [1, 0.5],
] as const;

/** Files come and go: the third mount target is taken away again. */
export const shrink: Scenario = {
  name: "shrink",
  story:
    "The threshold is passed, and a mount target added. Then half of the files are deleted, and it is taken away again.",
  minutesPerSecond: 6,
  hoursBefore: 0,
  hours: 4,
  shareAt,
  monitorInterval: 5,
  leadTimes: [],
  settings: { SCALE_IN: "on", SCALE_IN_MINUTES: "60", SCALE_IN_MINIMUM_AGE_HOURS: "1" },
  isAhead: false,
  isTakenAway: true,
};

function shareAt(hour: number): number {
  const [first, ...others] = COURSE;
  let [before, from]: readonly [number, number] = first;
  for (const [at, share] of others) {
    if (hour < at) return from + ((share - from) * Math.max(0, hour - before)) / (at - before);
    [before, from] = [at, share];
  }
  return from;
}

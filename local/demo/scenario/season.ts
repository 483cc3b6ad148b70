import type { Scenario } from "./scenario.ts";

/** The hour of the day at which the demo begins. */
const FIRST_HOUR = 11;
const DAY = 24;
/** Of the threshold, over a day: lowest at six in the morning, highest at six in the evening. */
const MEAN = 0.8;
const SWING = 0.19;
/** How much more there is each hour. */
const GROWTH = 0.004;

/** Every day is alike, and a little more than the last: the mount target comes before the peak, and stays. */
export const season: Scenario = {
  name: "season",
  story:
    "The number of files swings from day to night. A mount target is added before today's peak, and stays overnight.",
  minutesPerSecond: 30,
  hoursBefore: 6 * DAY,
  hours: 22,
  shareAt: (hour) => {
    const time = (2 * Math.PI * (FIRST_HOUR + hour - DAY / 2)) / DAY;
    return (MEAN + SWING * Math.sin(time)) * (1 + GROWTH * hour);
  },
  monitorInterval: 10,
  leadTimes: [60],
  settings: { THRESHOLD_MODE: "forecast", FORECAST_HORIZON_MINUTES: "120", SCALE_IN: "on" },
  isAhead: true,
  isTakenAway: false,
};

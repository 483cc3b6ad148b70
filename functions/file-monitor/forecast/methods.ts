/**
 * Simple statistical methods, each of which predicts how many files the next hours will add.
 *
 * None is good at everything; a combination of them is hard to beat: Makridakis, Spiliotis and Assimakopoulos,
 * The M4 Competition: 100,000 time series and 61 forecasting methods (2020).
 */
import { median } from "./statistics.ts";

/**
 * Predicts what `steps` hours after `hourly` add together.
 *
 * @returns undefined while there is too little history for this method.
 */
export type Method = (hourly: Float64Array, steps: number) => number | undefined;

export const DAY_HOURS = 24;
export const WEEK_HOURS = 7 * DAY_HOURS;

/** Every hour to come adds what the last one did. */
export const naive: Method = (hourly, steps) => {
  const last = hourly.at(-1);
  return last === undefined ? undefined : last * steps;
};

/** The count stays as it is: the naive forecast of the count itself. */
export const unchanged: Method = () => 0;

const SLOPE_HOURS = 12;

/** The median slope of the count between any two hours of the last twelve: steps do not move it. */
export const theilSen: Method = (hourly, steps) => {
  const window = hourly.subarray(-SLOPE_HOURS);
  if (window.length < 3) return undefined;
  const slopes: number[] = [];
  for (let from = 0; from < window.length; from++) {
    let added = 0;
    for (let to = from; to < window.length; to++) {
      added += window[to] ?? 0;
      slopes.push(added / (to - from + 1));
    }
  }
  return median(slopes) * steps;
};

/** What was before has no influence left. */
const SMOOTHED_HOURS = 72;
/** From slow to quick; the last two are for growth that itself grows. */
const GAINS = [
  { levelGain: 0.2, trendGain: 0.05 },
  { levelGain: 0.4, trendGain: 0.05 },
  { levelGain: 0.7, trendGain: 0.05 },
  { levelGain: 1, trendGain: 0.05 },
  { levelGain: 0.7, trendGain: 0.4 },
  { levelGain: 1, trendGain: 0.8 },
] as const;
const DAMPING = 0.9;
/** What an error weighs after another hour, where gains are compared. */
const FADING = 0.98;

/**
 * Exponential smoothing with a trend that fades: Gardner and McKenzie, Forecasting trends in time series (1985). The gains
 * are those that would have predicted the past best.
 */
export const dampedHolt: Method = (hourly, steps) => {
  const window = hourly.subarray(-SMOOTHED_HOURS);
  if (window.length < 3) return undefined;
  let best = Number.POSITIVE_INFINITY;
  let prediction = 0;
  for (const { levelGain, trendGain } of GAINS) {
    let level = window[0] ?? 0;
    let trend = 0;
    let error = 0;
    for (let hour = 1; hour < window.length; hour++) {
      const value = window[hour] ?? 0;
      const expected = level + DAMPING * trend;
      error = FADING * error + Math.abs(value - expected);
      const before = level;
      level = expected + levelGain * (value - expected);
      trend = DAMPING * trend + trendGain * (level - before - DAMPING * trend);
    }
    if (error >= best) continue;
    best = error;
    prediction = sumOver(steps, (step) => level + trend * dampedSteps(step));
  }
  return prediction;
};

/** φ + φ² + … + φ^step. */
function dampedSteps(step: number): number {
  return (DAMPING * (1 - DAMPING ** step)) / (1 - DAMPING);
}

/** Every hour to come is like the one a season before. */
export function seasonalNaive(season: number): Method {
  return (hourly, steps) => {
    if (hourly.length < season) return undefined;
    const start = hourly.length - season;
    return sumOver(steps, (step) => hourly[start + ((step - 1) % season)] ?? 0);
  };
}

const SEASON_LEVEL_GAIN = 0.1;
const SEASON_GAIN = 0.3;

/** Exponential smoothing with a level and an additive season of a day: Winters (1960). It needs two full weeks. */
export const holtWinters: Method = (hourly, steps) => {
  if (hourly.length < 2 * WEEK_HOURS) return undefined;
  const season = new Float64Array(DAY_HOURS);
  let level = 0;
  for (let hour = 0; hour < DAY_HOURS; hour++) level += (hourly[hour] ?? 0) / DAY_HOURS;
  for (let hour = 0; hour < DAY_HOURS; hour++) season[hour] = (hourly[hour] ?? 0) - level;
  for (let hour = DAY_HOURS; hour < hourly.length; hour++) {
    const value = hourly[hour] ?? 0;
    const usual = season[hour % DAY_HOURS] ?? 0;
    level += SEASON_LEVEL_GAIN * (value - usual - level);
    season[hour % DAY_HOURS] = usual + SEASON_GAIN * (value - level - usual);
  }
  return sumOver(steps, (step) => level + (season[(hourly.length + step - 1) % DAY_HOURS] ?? 0));
};

export const METHODS = {
  naive,
  unchanged,
  theilSen,
  dampedHolt,
  sameHourYesterday: seasonalNaive(DAY_HOURS),
  sameHourLastWeek: seasonalNaive(WEEK_HOURS),
  holtWinters,
} as const satisfies Readonly<Record<string, Method>>;

function sumOver(steps: number, value: (step: number) => number): number {
  let sum = 0;
  for (let step = 1; step <= steps; step++) sum += value(step);
  return sum;
}

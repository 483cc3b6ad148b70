/** Runs the forecast over a series as the monitor would: a run every five minutes, each knowing only what was before it. */
import { additionsUntil } from "../../functions/file-monitor/forecast/additions.ts";
import { WARNING_TIME } from "../../functions/file-monitor/forecast/capacity-warning.ts";
import type { Experience } from "../../functions/file-monitor/forecast/experience.ts";
import { type Forecast, forecast, learnFrom } from "../../functions/file-monitor/forecast/forecast.ts";
import { addCount, type Count, type History, HOUR, MINUTE } from "../../functions/file-monitor/forecast/history.ts";
import { EMPTY_MEMORY } from "../../functions/file-monitor/forecast/memory.ts";
import { lookAhead, type Outlook } from "../../functions/file-monitor/forecast/threshold.ts";

export interface ReplaySettings {
  /** Milliseconds that a scale-out takes, until every router uses the new mount target. */
  readonly leadTime: number;
  /** Milliseconds, as forecastHorizonMinutes of the stack. */
  readonly forecastHorizon: number;
}

/** One run of the monitor. */
export interface Run extends Count {
  /** What the decision goes by; undefined while there is too little history. */
  readonly outlook: Outlook | undefined;
  /** The straight line through the last day, at the same horizon. */
  readonly line: number | undefined;
  /** Of the first run in each hour only. */
  readonly hourly: HourlyForecasts | undefined;
}

export interface HourlyForecasts {
  /** One hour ahead. */
  readonly next: Forecast | undefined;
  /** What the naive forecast says: the next hour adds what the last one did. */
  readonly naive: number | undefined;
  readonly nextWeek: Forecast | undefined;
}

export const RUN_INTERVAL = 5 * MINUTE;

/** What the history teaches about the next week changes slowly: hours. */
const WEEK_LEARNED_EVERY = 6;

/** Between lines further apart than this the monitor did not run. */
const MAX_INTERVAL = 3 * HOUR;

export function replay(counts: readonly Count[], { leadTime, forecastHorizon }: ReplaySettings): Run[] {
  const runs: Run[] = [];
  let history: History = [];
  let experience: Experience | undefined;
  let week: Experience | undefined;
  let hour = Number.NaN;
  for (const count of runsOf(counts)) {
    history = addCount(history, count);
    const isNewHour = Math.floor(count.time / HOUR) !== hour;
    if (isNewHour) {
      hour = Math.floor(count.time / HOUR);
      experience = learnFrom(history, forecastHorizon);
      if (week === undefined || hour % WEEK_LEARNED_EVERY === 0) week = learnFrom(history, WARNING_TIME);
    }
    const memory = { ...EMPTY_MEMORY, history, leadTimes: [leadTime] };
    const outlook = lookAhead(memory, count.time, forecastHorizon, experience);
    const additions = additionsUntil(history, count.time).hourly;
    runs.push({
      ...count,
      outlook,
      line: outlook && count.files + lineSlope(additions) * (outlook.horizon / HOUR),
      hourly: !isNewHour
        ? undefined
        : {
            next: forecast(history, count.time, HOUR, experience),
            naive: additions.length === 0 ? undefined : count.files + (additions.at(-1) ?? 0),
            nextWeek: forecast(history, count.time, WARNING_TIME, week),
          },
    });
  }
  return runs;
}

/** What the runs count: between two lines of the series the number changes evenly. */
function* runsOf(counts: readonly Count[]): Generator<Count> {
  let next = 1;
  const [first, last] = [counts[0], counts.at(-1)];
  if (first === undefined || last === undefined) return;
  for (let time = first.time; time <= last.time; time += RUN_INTERVAL) {
    while ((counts[next]?.time ?? Number.POSITIVE_INFINITY) < time) next++;
    const [left, right] = [counts[next - 1], counts[next]];
    if (left === undefined || right === undefined || right.time - left.time > MAX_INTERVAL) continue;
    const share = (time - left.time) / (right.time - left.time);
    yield { time, files: Math.floor(left.files + (right.files - left.files) * share) };
  }
}

/** Files an hour: least squares through the counts of the last day. */
function lineSlope(hourly: Float64Array): number {
  const window = hourly.subarray(-24);
  const middle = window.length / 2;
  let files = 0;
  let products = 0;
  let squares = middle * middle;
  window.forEach((added, index) => {
    files += added;
    const hours = index + 1 - middle;
    products += hours * files;
    squares += hours * hours;
  });
  // Hours are centred, so the first count, which is 0 here, adds to the squares only.
  return squares === 0 ? 0 : products / squares;
}

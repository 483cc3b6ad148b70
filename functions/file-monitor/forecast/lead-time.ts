/** How far ahead the threshold has to be seen: by how long a scale-out takes, measured by the monitor itself. */
import { DAY, type History, MINUTE } from "./history.ts";
import { type ForecastMemory, MAX_LEAD_TIMES } from "./memory.ts";
import { median } from "./statistics.ts";

/** Until a scale-out was measured: two minutes for the mount target, the rest for the roll of the service. */
const ASSUMED_LEAD_TIME = 15 * MINUTE;
const ASSUMED_RUN_INTERVAL = 5 * MINUTE;

/** How many of the latest counts show the interval of the runs. */
const RECENT_COUNTS = 12;

/** One that took longer was hindered by something else, and says nothing about the next. */
const MAX_LEAD_TIME = DAY;

/** A mount target is going to be added; one before it that is not in use yet is measured no more. */
export function beginScaleOut(memory: ForecastMemory, now: number): ForecastMemory {
  return { ...memory, scaleOutBegan: Math.floor(now / MINUTE) * MINUTE };
}

/** A run has seen that every router uses all mount targets. */
export function endScaleOut(memory: ForecastMemory, now: number): ForecastMemory {
  const { scaleOutBegan, ...rest } = memory;
  if (scaleOutBegan === undefined) return memory;
  const ended: ForecastMemory = { ...rest, scaleOutBegan: undefined };
  const leadTime = now - scaleOutBegan;
  return leadTime < 0 || leadTime > MAX_LEAD_TIME ? ended : rememberLeadTime(ended, leadTime);
}

/** @param leadTime milliseconds from the decision until every router used the new mount target. */
export function rememberLeadTime(memory: ForecastMemory, leadTime: number): ForecastMemory {
  const whole = Math.max(MINUTE, Math.ceil(leadTime / MINUTE) * MINUTE);
  return { ...memory, leadTimes: [...memory.leadTimes, whole].slice(-MAX_LEAD_TIMES) };
}

/**
 * The horizon of the decision: the longest lead time remembered, and two intervals of the runs. One is the time until the
 * next chance to decide; the other one lies between the passing of the threshold and the run that sees it.
 *
 * @param limit milliseconds: no further ahead than that.
 */
export function decisionHorizon({ leadTimes, history }: ForecastMemory, limit: number): number {
  const leadTime = leadTimes.length === 0 ? ASSUMED_LEAD_TIME : Math.max(...leadTimes);
  return Math.min(limit, leadTime + 2 * runInterval(history));
}

function runInterval(history: History): number {
  const recent = history.slice(-RECENT_COUNTS);
  const intervals = recent.slice(1).map(({ time }, index) => time - (recent[index]?.time ?? time));
  return intervals.length === 0 ? ASSUMED_RUN_INTERVAL : median(intervals);
}

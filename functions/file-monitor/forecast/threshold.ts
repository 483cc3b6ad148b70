/**
 * The dynamic threshold: whether a mount target is wanted before the count passes the configured threshold.
 *
 * The configured threshold always counts too, so a forecast can only make a mount target come earlier.
 */
import { MAX_FALSE_ALARMS } from "./alarms.ts";
import type { Experience } from "./experience.ts";
import { type Forecast, forecast, learnFrom } from "./forecast.ts";
import { type Count, DAY, MINUTE } from "./history.ts";
import { decisionHorizon } from "./lead-time.ts";
import type { ForecastMemory } from "./memory.ts";

/** `observe` forecasts, and says what `forecast` would do, but does what `fixed` does. */
export const THRESHOLD_MODES = ["fixed", "observe", "forecast"] as const;
export type ThresholdMode = (typeof THRESHOLD_MODES)[number];

export interface ThresholdSettings {
  readonly thresholdMode: ThresholdMode;
  readonly fileCountThreshold: number;
}

export interface ThresholdDecision {
  /** The number of files above which a mount target is added now: from half the configured threshold to all of it. */
  readonly threshold: number;
  /** What {@link threshold} is, or with `observe` would be, by the forecast. */
  readonly forecastThreshold: number;
  /** Whether false alarms have switched the forecast off: someone should look. */
  readonly isSuspended: boolean;
  /** In words, for people. */
  readonly reason: string;
}

/** The forecast moves the threshold no further down than to this share of it. */
export const MIN_THRESHOLD_SHARE = 0.5;

/** A forecast needs so much history. */
const MIN_HISTORY = DAY;

/** What a run sees of the time to come. */
export interface Outlook {
  readonly latest: Count;
  /** Milliseconds. */
  readonly horizon: number;
  /** At the horizon. */
  readonly forecast: Forecast;
  /** For people, and the metric. */
  readonly mase: number | undefined;
  /** For the guard rail. */
  readonly guardMase: number | undefined;
}

/**
 * Looks as far ahead as a scale-out takes.
 *
 * @param memory with the count of this run, if it counted.
 * @param limit milliseconds: no further ahead than that.
 * @param experience what the history teaches, for callers that know it already.
 * @returns undefined while there is too little history.
 */
export function lookAhead(
  memory: ForecastMemory,
  now: number,
  limit: number,
  experience?: Experience,
): Outlook | undefined {
  const { history } = memory;
  const [oldest, latest] = [history[0], history.at(-1)];
  if (oldest === undefined || latest === undefined || latest.time - oldest.time < MIN_HISTORY) return undefined;
  const horizon = decisionHorizon(memory, limit);
  const learned = experience ?? learnFrom(history, horizon);
  const expected = forecast(history, now, horizon, learned);
  return expected && { latest, horizon, forecast: expected, mase: learned.mase, guardMase: learned.guardMase };
}

/** Decides the threshold of a run. */
export function decideThreshold(
  outlook: Outlook | undefined,
  alarms: Pick<ForecastMemory, "alarm" | "falseAlarms">,
  settings: ThresholdSettings,
): ThresholdDecision {
  const { thresholdMode, fileCountThreshold } = settings;
  const isSuspended = thresholdMode !== "fixed" && alarms.falseAlarms >= MAX_FALSE_ALARMS;
  const whyFixed = whyForecastIsNotUsed(outlook, alarms, thresholdMode);
  if (whyFixed !== undefined || outlook === undefined) {
    const reason = `The threshold is ${fileCountThreshold}: ${whyFixed}`;
    return { threshold: fileCountThreshold, forecastThreshold: fileCountThreshold, isSuspended, reason };
  }
  const { latest, horizon, forecast } = outlook;
  const expected = atRisk(alarms, forecast);
  const forecastThreshold = effectiveThreshold(fileCountThreshold, latest.files, expected);
  const outlookInWords = `${latest.files} files were counted, and ${Math.round(expected)} are possible in ${Math.round(horizon / MINUTE)} minutes`;
  if (thresholdMode === "observe") {
    const reason = `The threshold is ${fileCountThreshold}: the forecast is only observed. It would be ${forecastThreshold}: ${outlookInWords}`;
    return { threshold: fileCountThreshold, forecastThreshold, isSuspended, reason };
  }
  const reason = `The threshold is ${forecastThreshold} instead of ${fileCountThreshold}: ${outlookInWords}`;
  return { threshold: forecastThreshold, forecastThreshold, isSuspended, reason };
}

/** The guard rails, in words; undefined where the forecast may be used. */
function whyForecastIsNotUsed(
  outlook: Outlook | undefined,
  { alarm, falseAlarms }: Pick<ForecastMemory, "alarm" | "falseAlarms">,
  mode: ThresholdMode,
): string | undefined {
  if (mode === "fixed") return "it is fixed";
  if (outlook === undefined) return "there is less than a day of history to forecast from";
  const { guardMase } = outlook;
  if (guardMase === undefined || isWorseThanNaive(guardMase)) {
    return `the forecasts were worse than naive ones (MASE ${guardMase?.toFixed(2) ?? "unknown"})`;
  }
  if (falseAlarms >= MAX_FALSE_ALARMS) {
    return `the last ${falseAlarms} scale-outs on a forecast were false alarms; someone should look`;
  }
  if (alarm !== undefined) return "a mount target was added on a forecast, and the threshold was not passed since";
  return undefined;
}

/** What the threshold has to hold: what is passed with a probability of 10 %; after a false alarm, of 50 %. */
function atRisk({ falseAlarms }: Pick<ForecastMemory, "falseAlarms">, { q50, q90 }: Forecast): number {
  return falseAlarms > 0 ? q50 : q90;
}

/** The configured threshold less what is expected to be added, so that it is passed now where it will be. */
function effectiveThreshold(configured: number, files: number, expected: number): number {
  const lowered = Math.ceil(configured - Math.max(0, expected - files));
  return Math.min(configured, Math.max(Math.ceil(configured * MIN_THRESHOLD_SHARE), lowered));
}

/** To two digits: where the naive forecast is the best one, the difference is noise. */
function isWorseThanNaive(guardMase: number): boolean {
  return Math.round(guardMase * 100) > 100;
}

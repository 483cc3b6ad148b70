/** The number of files at a time to come, as a range of what is likely. */
import { additionsUntil } from "./additions.ts";
import { type Experience, learn, predict } from "./experience.ts";
import { type History, HOUR } from "./history.ts";
import { conformalQuantile } from "./statistics.ts";

/** Quantiles of the number of files: with a probability of 5, 50, 90 and 95 % there are no more than that. */
export interface Forecast {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly q05: number;
  readonly q50: number;
  readonly q90: number;
  readonly q95: number;
}

/** A prediction interval needs so many errors of the past. */
const MIN_ERRORS = 12;

/**
 * What the history teaches for a forecast `horizon` milliseconds ahead. It changes with every full hour only.
 *
 * Far ahead there are few past predictions to learn from. Then it is for the longest time that has enough of them.
 */
export function learnFrom(history: History, horizon: number): Experience {
  const latest = history.at(-1)?.time ?? 0;
  const additions = additionsUntil(history, Math.floor(latest / HOUR) * HOUR);
  const longest = Math.max(1, Math.floor(additions.hourly.length / 3));
  return learn(additions, Math.min(longest, Math.max(1, Math.ceil(horizon / HOUR))));
}

/**
 * Forecasts the number of files at `now + horizon`.
 *
 * The interval is conformal: it is made of the errors that the same predictions had in the past, and assumes no
 * distribution. Errors of less than an hour are taken to grow with the square root of time, as those of independent
 * additions do; errors beyond what the past shows, in proportion to it.
 *
 * @param horizon milliseconds.
 * @returns undefined while there is too little history.
 */
export function forecast(
  history: History,
  now: number,
  horizon: number,
  experience: Experience = learnFrom(history, horizon),
): Forecast | undefined {
  const last = history.at(-1);
  const { errors, steps } = experience;
  if (last === undefined || errors.length < MIN_ERRORS) return undefined;
  const time = now + horizon;
  // From the last count on: a run that did not count has no newer one.
  const share = Math.max(0, time - last.time) / (steps * HOUR);
  const expected = last.files + predict(additionsUntil(history, last.time).hourly, experience) * share;
  const spread = share < 1 ? Math.sqrt(share) : share;
  const atMost = (probability: number) => Math.max(0, expected + spread * conformalQuantile(errors, probability));
  const [q05, q90, q95] = [atMost(0.05), atMost(0.9), atMost(0.95)];
  return { time, q05, q50: Math.min(q90, Math.max(q05, expected)), q90, q95 };
}

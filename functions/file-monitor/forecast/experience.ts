/**
 * What the past teaches: how wrong each prediction would have been at every hour of the history, knowing only what was
 * known then.
 */
import type { Additions } from "./additions.ts";
import { METHODS, naive } from "./methods.ts";
import { median } from "./statistics.ts";
import { withoutSteps } from "./steps.ts";

export interface Experience {
  /** Hours that a prediction covers. */
  readonly steps: number;
  /** Actual minus predicted additions, ascending: the errors that prediction intervals are made of. */
  readonly errors: Float64Array;
  /**
   * Mean absolute scaled error: the mean error of these predictions over that of the naive ones. Below 1 is better than
   * naive. Undefined while nothing was predicted. Hyndman and Koehler, Another look at measures of forecast accuracy (2006).
   */
  readonly mase: number | undefined;
  /**
   * The same, over the worse of two naive forecasts: that the additions repeat, and that the count stays as it is, which
   * is what a fixed threshold takes for granted. Above 1 the predictions know less than either.
   */
  readonly guardMase: number | undefined;
  readonly scores: Scores;
}

/** How far off each way to predict was lately, in files; NaN where it has not predicted. */
interface Scores {
  readonly methods: readonly number[];
  readonly naive: number;
  readonly combination: number;
  readonly halfway: number;
}

/** What each way predicts from one hour on. */
interface Predictions {
  readonly methods: readonly (number | undefined)[];
  readonly naive: number;
}

/** Hours that are seen before the first prediction is judged. */
const FIRST_ORIGIN = 6;

/** How much the latest error weighs in a score: those of the last day and a half decide. */
const LATEST = 0.03;

/** Methods whose score is further above the best one take no part in the combination. */
const TOLERANCE = 1.1;

/** So much better than naive must a prediction have been, to be taken instead of it. */
const PROVEN_COMBINATION = 0.85;
const PROVEN_HALFWAY = 0.93;

const methods = Object.values(METHODS);

/** Replays the predictions of `steps` hours over all of the past. */
export function learn({ hourly, observed }: Additions, steps: number): Experience {
  const usual = withoutSteps(hourly);
  const predictions: Predictions[] = [];
  const errors: number[] = [];
  let scores: Scores = {
    methods: methods.map(() => Number.NaN),
    naive: Number.NaN,
    combination: Number.NaN,
    halfway: Number.NaN,
  };
  let ours = 0;
  let naives = 0;
  let changes = 0;
  for (let origin = FIRST_ORIGIN; origin <= hourly.length; origin++) {
    const past = predictions[origin - steps - FIRST_ORIGIN];
    if (past !== undefined && observed[origin - 1] === true) {
      const actual = sum(hourly.subarray(origin - steps, origin));
      // Judged with the scores before this one: what was known then.
      const error = actual - choose(past, scores);
      errors.push(error);
      ours += Math.abs(error);
      naives += Math.abs(actual - past.naive);
      changes += Math.abs(actual);
      scores = update(scores, past, actual);
    }
    if (origin < hourly.length) predictions.push(predictAll(usual.subarray(0, origin), steps));
  }
  return {
    steps,
    errors: Float64Array.from(errors).sort(),
    mase: errors.length === 0 ? undefined : scaledError(ours, naives, errors.length),
    guardMase: errors.length === 0 ? undefined : scaledError(ours, Math.max(naives, changes), errors.length),
    scores,
  };
}

/** How many files the next hours will add. */
export function predict(hourly: Float64Array, { steps, scores }: Experience): number {
  return choose(predictAll(withoutSteps(hourly), steps), scores);
}

function predictAll(hourly: Float64Array, steps: number): Predictions {
  return { methods: methods.map((method) => method(hourly, steps)), naive: naive(hourly, steps) ?? 0 };
}

/** The combination, if it was clearly better than naive lately; otherwise the point halfway to naive, or naive itself. */
function choose(predictions: Predictions, scores: Scores): number {
  if (scores.combination < PROVEN_COMBINATION * scores.naive) return combine(predictions, scores);
  if (scores.halfway >= PROVEN_HALFWAY * scores.naive) return predictions.naive;
  return halfway(predictions, scores);
}

/** The median of the methods whose score is close to the best one. */
function combine({ methods, naive }: Predictions, scores: Scores): number {
  const scored = methods.flatMap((prediction, index) =>
    prediction === undefined ? [] : [{ prediction, score: scores.methods[index] ?? Number.NaN }],
  );
  const best = Math.min(...scored.map(({ score }) => (Number.isNaN(score) ? Number.POSITIVE_INFINITY : score)));
  // What has no score yet takes part.
  const good = scored.filter(({ score }) => !(score > TOLERANCE * best)).map(({ prediction }) => prediction);
  return good.length === 0 ? naive : median(good);
}

function halfway(predictions: Predictions, scores: Scores): number {
  return (combine(predictions, scores) + predictions.naive) / 2;
}

function update(scores: Scores, predictions: Predictions, actual: number): Scores {
  const after = (score: number, prediction: number | undefined) => {
    if (prediction === undefined) return score;
    const error = Math.abs(actual - prediction);
    return Number.isNaN(score) ? error : score + LATEST * (error - score);
  };
  return {
    methods: scores.methods.map((score, index) => after(score, predictions.methods[index])),
    naive: after(scores.naive, predictions.naive),
    combination: after(scores.combination, combine(predictions, scores)),
    halfway: after(scores.halfway, halfway(predictions, scores)),
  };
}

/** Where the naive forecast is exact, ours may be off by this: files are whole. */
const EXACT = 0.5;

/**
 * The mean absolute scaled error of so many predictions.
 *
 * @param ours the sum of their errors.
 * @param naives that of the naive ones.
 */
export function scaledError(ours: number, naives: number, predictions: number): number {
  return ours / Math.max(naives, EXACT * predictions);
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

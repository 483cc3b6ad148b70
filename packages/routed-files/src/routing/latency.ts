/**
 * The latency of a target, as two moving averages. The peak follows a rise at once and a fall slowly (peak-EWMA, as in
 * Twitter's Finagle), so that a target which has become slow gets less from the next request on. The mean follows both
 * slowly: it is for decisions that noise must not make.
 *
 * Finagle takes every response for a peak. Then the target with the most requests, which sees the most outliers, always
 * looks the slowest. So here a sample is the median of some responses, and a rise counts when two samples show it.
 */

/** Responses whose median is one sample. */
const BATCH = 15;

/** Milliseconds after which a batch is taken as it is. */
const MAX_BATCH_TIME = 250;

/** Milliseconds in which a sample's weight falls to 1/e. */
const DECAY_TIME = 10_000;

/** Samples before there is a mean: a router is slow itself when it starts, and must not take that for a target's. */
const MIN_SAMPLES = 5;

export class Latency {
  #peak: number | undefined;
  #mean: number | undefined;
  #samples = 0;
  #lastSample = 0;
  #lastSampleTime = 0;
  readonly #batch: number[] = [];
  #batchStart = 0;
  #lastSeen = Number.NEGATIVE_INFINITY;

  /** Milliseconds; undefined before the first sample. */
  get peak(): number | undefined {
    return this.#peak;
  }

  /** Milliseconds; undefined before the first {@link MIN_SAMPLES} samples. */
  get mean(): number | undefined {
    return this.#samples < MIN_SAMPLES ? undefined : this.#mean;
  }

  /** When the latest response came, by the clock of {@link add}. */
  get lastSeen(): number {
    return this.#lastSeen;
  }

  /**
   * Takes a response into account.
   *
   * @param now Milliseconds on any clock that does not go back.
   * @returns whether {@link peak} or {@link mean} may have changed.
   */
  add(latency: number, now: number): boolean {
    this.#lastSeen = now;
    if (this.#batch.length === 0) this.#batchStart = now;
    this.#batch.push(latency);
    const isComplete = this.#samples === 0 || this.#batch.length === BATCH || now - this.#batchStart >= MAX_BATCH_TIME;
    if (!isComplete) return false;
    this.#sample(geometricMedian(this.#batch), now);
    this.#batch.length = 0;
    return true;
  }

  #sample(latency: number, now: number): void {
    this.#samples += 1;
    // The first samples count alike, however soon they follow each other.
    const weight = Math.max(1 - Math.exp((this.#lastSampleTime - now) / DECAY_TIME), 1 / this.#samples);
    const peak = this.#peak ?? latency;
    const mean = this.#mean ?? latency;
    const risen = this.#samples === 1 ? latency : Math.min(latency, this.#lastSample);
    this.#peak = risen > peak ? risen : peak + (Math.min(latency, peak) - peak) * weight;
    this.#mean = mean + (latency - mean) * weight;
    this.#lastSample = latency;
    this.#lastSampleTime = now;
  }
}

/**
 * The middle value; of an even number of values, the geometric mean of the two. Of two responses, the lower one alone
 * would make targets that seldom respond look fast, and the mean, as latencies are skewed, slow.
 */
function geometricMedian(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : Math.sqrt(lowerMedian(values) * upper);
}

/** The middle value; of an even number of values, the lower one of the two. NaN of none. */
export function lowerMedian(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
}

/**
 * The latency of a target as a moving average that follows a rise at once and a fall slowly (peak-EWMA, as in Twitter's
 * Finagle).
 *
 * Finagle takes every response for a peak. Then the target with the most requests, which sees the most outliers, always
 * looks the slowest; so a peak here is the median of some responses, and one slow response alone is none.
 */

/** Responses whose median is one sample. */
const BATCH = 15;

/** Milliseconds after which a batch is taken as it is. */
const MAX_BATCH_TIME = 250;

/** Milliseconds in which a sample's weight falls to 1/e. */
const DECAY_TIME = 10_000;

export class PeakEwma {
  /** Milliseconds; undefined before the first sample. */
  #value: number | undefined;
  #valueTime = 0;
  readonly #batch: number[] = [];
  #batchStart = 0;
  #lastSeen = Number.NEGATIVE_INFINITY;

  get value(): number | undefined {
    return this.#value;
  }

  /** When the latest response came, by the clock of {@link add}. */
  get lastSeen(): number {
    return this.#lastSeen;
  }

  /**
   * Takes a response into account.
   *
   * @param now Milliseconds on any clock that does not go back.
   * @returns whether {@link value} has changed.
   */
  add(latency: number, now: number): boolean {
    this.#lastSeen = now;
    if (this.#batch.length === 0) this.#batchStart = now;
    this.#batch.push(latency);
    const complete = this.#value === undefined || this.#batch.length === BATCH;
    if (!complete && now - this.#batchStart < MAX_BATCH_TIME) return false;
    this.#sample(lowerMedian(this.#batch), now);
    this.#batch.length = 0;
    return true;
  }

  #sample(latency: number, now: number): void {
    const before = this.#value;
    const weight = Math.exp((this.#valueTime - now) / DECAY_TIME);
    this.#value = before === undefined || latency > before ? latency : before * weight + latency * (1 - weight);
    this.#valueTime = now;
  }
}

/** The middle value; of an even number of values, the lower one of the two. NaN of none. */
export function lowerMedian(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
}

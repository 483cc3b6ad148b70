/**
 * The heaviest keys of the last minute or so: what was counted fades with time.
 *
 * Instead of making all counts smaller with time, every new weight is made larger (forward decay; Cormode, Shkapenyuk,
 * Srivastava and Xu, 2009). Only their ratios matter.
 */
import { type Counted, SpaceSaving } from "./space-saving.ts";

/** Largest exponent of a weight, before all of them are made small again. */
const MAX_EXPONENT = 40;

/** What has faded below it is forgotten: long before numbers this small become 0, and have no shares any more. */
const MIN_TOTAL = 1e-100;

export class DecayedCounts {
  readonly #sketch: SpaceSaving;
  readonly #window: number;
  /** The time at which a weight counts as itself. */
  #landmark = 0;

  /**
   * @param capacity The number of keys that are counted at a time.
   * @param window Milliseconds in which a count falls to 1/e.
   */
  constructor(capacity: number, window: number) {
    this.#sketch = new SpaceSaving(capacity);
    this.#window = window;
  }

  /**
   * Adds to the count of a key.
   *
   * @param now Milliseconds on any clock that does not go back.
   * @returns the share of the total that is surely the key's.
   */
  add(key: string, weight: number, now: number): number {
    return this.#sketch.add(key, weight * this.#growth(now)) / this.#sketch.total;
  }

  /** The weight of all that was added, faded to `now`. */
  total(now: number): number {
    return this.#sketch.total / this.#growth(now);
  }

  /** The share of the total that is surely the key's. */
  sureShare(key: string): number {
    const counted = this.#sketch.find(key);
    return counted === undefined ? 0 : (counted.count - counted.error) / this.#sketch.total;
  }

  /** The heaviest keys, with their counts faded to `now`. */
  top(count: number, now: number): Counted[] {
    const growth = this.#growth(now);
    return this.#sketch
      .top(count)
      .map(({ key, count, error }) => ({ key, count: count / growth, error: error / growth }));
  }

  #growth(now: number): number {
    const exponent = (now - this.#landmark) / this.#window;
    if (exponent <= MAX_EXPONENT) return Math.exp(exponent);
    this.#sketch.scale(Math.exp(-exponent));
    if (this.#sketch.total < MIN_TOTAL) this.#sketch.clear();
    this.#landmark = now;
    return 1;
  }
}

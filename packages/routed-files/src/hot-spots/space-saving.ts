/**
 * The heaviest keys of a stream in fixed memory (Space-Saving; Metwally, Agrawal and El Abbadi, 2005).
 *
 * A key's count is never too low. It is too high by at most its `error`, which is at most the weight of the whole stream
 * divided by the capacity. So every key heavier than that share is among the counters, whatever the stream is.
 */
export interface Counted {
  readonly key: string;
  readonly count: number;
  /** The count may be so much too high. */
  readonly error: number;
}

export class SpaceSaving {
  readonly #capacity: number;
  readonly #keys: string[] = [];
  readonly #counts: Float64Array;
  readonly #errors: Float64Array;
  /** Indexes of the keys. */
  readonly #places = new Map<string, number>();
  #total = 0;

  /** @param capacity The number of keys that are counted at a time. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#counts = new Float64Array(capacity);
    this.#errors = new Float64Array(capacity);
  }

  /** The weight of the whole stream. */
  get total(): number {
    return this.#total;
  }

  /** Adds to the count of a key, and returns how much of it is surely the key's. */
  add(key: string, weight: number): number {
    this.#total += weight;
    const place = this.#places.get(key) ?? this.#placeFor(key);
    const count = (this.#counts[place] ?? 0) + weight;
    this.#counts[place] = count;
    return count - (this.#errors[place] ?? 0);
  }

  find(key: string): Counted | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#at(place);
  }

  /** The heaviest keys, heaviest first. */
  top(count: number): Counted[] {
    return this.#keys
      .map((_, place) => this.#at(place))
      .sort((a, b) => b.count - a.count)
      .slice(0, count);
  }

  /** Multiplies all that was counted. */
  scale(factor: number): void {
    this.#total *= factor;
    for (const values of [this.#counts, this.#errors]) {
      for (const [place, value] of values.entries()) values[place] = value * factor;
    }
  }

  /** Forgets all that was counted. */
  clear(): void {
    this.#total = 0;
    this.#keys.length = 0;
    this.#places.clear();
    this.#counts.fill(0);
    this.#errors.fill(0);
  }

  #at(place: number): Counted {
    return {
      key: this.#keys[place] ?? "",
      count: this.#counts[place] ?? 0,
      error: this.#errors[place] ?? 0,
    };
  }

  /** A free place, or that of the lightest key, which is forgotten: what was counted of it is the new key's error. */
  #placeFor(key: string): number {
    const place = this.#keys.length < this.#capacity ? this.#keys.length : this.#lightest();
    this.#places.delete(this.#keys[place] ?? "");
    const own = compact(key);
    this.#keys[place] = own;
    this.#errors[place] = this.#counts[place] ?? 0;
    this.#places.set(own, place);
    return place;
  }

  /** So few counts are scanned more quickly than a heap of them is kept in order. */
  #lightest(): number {
    let lightest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let place = 0; place < this.#capacity; place++) {
      const count = this.#counts[place] ?? 0;
      if (count >= least) continue;
      lightest = place;
      least = count;
    }
    return lightest;
  }
}

/** The same text in memory of its own: V8 lets a substring keep the whole string alive. */
function compact(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}

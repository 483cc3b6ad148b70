const FIRST = 10;
const LONGEST = 1000;

/** Waiting times between attempts: doubling from `first` up to `longest` milliseconds, each shortened at random. */
export class Backoff {
  #next: number;
  readonly #longest: number;

  constructor(first = FIRST, longest = LONGEST) {
    this.#next = first;
    this.#longest = longest;
  }

  next(): number {
    const ceiling = this.#next;
    this.#next = Math.min(this.#longest, ceiling * 2);
    return ceiling / 2 + (Math.random() * ceiling) / 2;
  }
}

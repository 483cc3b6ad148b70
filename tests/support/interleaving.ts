/** Milliseconds in which those that come next gather: a server and its clients in one process take about one. */
const TIME_TO_GATHER = 2;

/** Lets calls that come at the same time through one by one, in an order that was chosen beforehand. */
export class Interleaving {
  readonly #choices: readonly number[];
  readonly #waiting: (() => void)[] = [];
  #released = 0;
  #isGathering = false;

  /** @param choices at least one number; they are used again when they are used up. */
  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  /** Resolves when it is the caller's turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#gather();
    });
  }

  #gather(): void {
    if (this.#isGathering || this.#waiting.length === 0) return;
    this.#isGathering = true;
    setTimeout(() => {
      this.#isGathering = false;
      const choice = this.#choices[this.#released++ % this.#choices.length] ?? 0;
      const [next] = this.#waiting.splice(choice % this.#waiting.length, 1);
      next?.();
      this.#gather();
    }, TIME_TO_GATHER);
  }
}

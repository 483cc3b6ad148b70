/** The rate at which a body must come: a client that is slow on purpose would hold an open file at a mount target. */
import { ProblemError } from "../../semantics/problem.ts";

/** Milliseconds over which a body's rate is measured. */
const WINDOW = 10_000;

/**
 * The chunks as they come.
 *
 * @param minimumRate Bytes a second, averaged over the time that was spent waiting for the client; the time that the
 * consumer takes is not the client's fault, and does not count. 0 for any rate.
 * @throws {ProblemError} 408 when they come more slowly. The iterator is not ended: that could wait for ever.
 */
export async function* atMinimumRate(
  chunks: AsyncIterator<Buffer>,
  minimumRate: number,
  window = WINDOW,
): AsyncGenerator<Buffer> {
  const pace = new Pace(minimumRate, window);
  try {
    for (;;) {
      const { done, value } = await pace.of(() => chunks.next());
      if (done) return;
      pace.received += value.length;
      yield value;
    }
  } finally {
    pace.stop();
  }
}

/** Measures the time spent waiting for the client, and ends the wait when too little came in it. */
class Pace {
  received = 0;
  readonly #minimumRate: number;
  readonly #window: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #waited = 0;
  #waitingSince: number | undefined;
  #endWait: (error: Error) => void = () => {};

  constructor(minimumRate: number, window: number) {
    this.#minimumRate = minimumRate;
    this.#window = window;
    if (minimumRate > 0) this.#timer = setInterval(() => this.#check(), window / 2).unref();
  }

  async of<Result>(wait: () => Promise<Result>): Promise<Result> {
    this.#waitingSince = performance.now();
    try {
      return await new Promise<Result>((resolve, reject) => {
        this.#endWait = reject;
        wait().then(resolve, reject);
      });
    } finally {
      this.#waited += performance.now() - this.#waitingSince;
      this.#waitingSince = undefined;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    if (this.#waitingSince === undefined) return;
    const waited = this.#waited + performance.now() - this.#waitingSince;
    if (waited < this.#window) return;
    if (this.received < (this.#minimumRate * waited) / 1000) {
      this.#endWait(new ProblemError(408, `The body comes more slowly than ${this.#minimumRate} bytes a second`));
    }
    this.received = 0;
    this.#waited = 0;
    this.#waitingSince = performance.now();
  }
}

/** What one router measures of one target, while it uses it. */
import { Latency } from "./latency.ts";

/** Bytes that weigh as much as a request. */
const BYTES_PER_UNIT = 2 ** 20;

/** So much of one request is under way at once, however large it is: what a reader reads ahead. */
const MAX_BYTES = 4 * BYTES_PER_UNIT;

export class LoadMeter {
  readonly latency = new Latency();
  #inFlight = 0;
  #requests = 0;

  /** Requests in flight, each weighted by its bytes. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Requests begun, ever. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * A request begins.
   *
   * @param bytes How much of a file is read or written, as far as it is known.
   * @returns called when it is over.
   */
  begin(bytes = 0): () => void {
    const weight = 1 + Math.min(bytes, MAX_BYTES) / BYTES_PER_UNIT;
    this.#requests += 1;
    this.#inFlight += weight;
    return () => {
      this.#inFlight -= weight;
    };
  }
}

/** What one router measures of one target, while it uses it. */
import { Latency } from "./latency.ts";

/** Bytes that weigh as much as a request. */
const BYTES_PER_UNIT = 2 ** 20;

/** Bytes of one request that are in flight at once, at most: what a reader reads ahead. */
const MAX_BYTES = 4 * BYTES_PER_UNIT;

export class LoadMeter {
  readonly latency = new Latency();
  #inFlight = 0;

  /** Requests in flight, each weighted by its bytes. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Requests begin.
   *
   * @returns to be called when they are over.
   */
  begin(count = 1): () => void {
    return this.#add(count);
  }

  /**
   * A request turns out to carry so many bytes, besides the few of any request.
   *
   * @returns to be called when they are there.
   */
  carry(bytes: number): () => void {
    return this.#add(Math.min(bytes, MAX_BYTES) / BYTES_PER_UNIT);
  }

  #add(weight: number): () => void {
    this.#inFlight += weight;
    return () => {
      this.#inFlight -= weight;
    };
  }
}

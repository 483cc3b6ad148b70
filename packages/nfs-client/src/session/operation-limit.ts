/** How many operations a joint COMPOUND may have: fewer once a server has refused one, and slowly more again. */

/** Requests from one increase to the next. A server that refuses each increase refuses only those that are sent together then. */
const REQUESTS_PER_INCREASE = 500;

/** Operations. */
const INCREASE = 16;

export class OperationLimit {
  #value = Number.POSITIVE_INFINITY;
  #requests = 0;

  /** @param granted By the session, in a COMPOUND. */
  within(granted: number): number {
    return Math.min(granted, this.#value);
  }

  /** A request is sent, of any size. */
  noteRequest(): void {
    this.#requests += 1;
    if (this.#requests < REQUESTS_PER_INCREASE) return;
    this.#requests = 0;
    this.#value += INCREASE;
  }

  /** A server may execute fewer operations than it granted, always or because it is short of memory. */
  noteRefusal(operations: number, executed: number): void {
    this.#requests = 0;
    this.#value = Math.min(this.#value, Math.max(executed, Math.floor(operations / 2)));
  }
}

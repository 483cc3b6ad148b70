/** Changes of the name space, one at a time, and reads of it that do not wait for them. */
import { statusOf } from "../status-error.ts";

/** Changes can follow each other so closely that one is always in flight. */
const MAX_READS = 4;

export class ChangeQueue {
  #last: Promise<unknown> = Promise.resolve();
  #inFlight = 0;

  /** Runs one change; within it no other change comes between. It must not {@link read}: that may wait for its end. */
  run<Result>(change: () => Promise<Result>): Promise<Result> {
    this.#inFlight++;
    const result = this.#last.then(change);
    const settled = () => {
      this.#inFlight--;
    };
    this.#last = result.then(settled, settled);
    return result;
  }

  /**
   * Reads at once. Between what a change does to the disk and what we note of it, an object can seem to be gone: what
   * fails with NFS4ERR_STALE while changes are in flight is read again after them.
   */
  async read<Result>(read: () => Result): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return read();
      } catch (error) {
        const isLast = attempt === MAX_READS || this.#inFlight === 0;
        if (isLast || statusOf(error) !== "NFS4ERR_STALE") throw error;
        await this.#last;
      }
    }
  }
}

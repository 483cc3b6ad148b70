/** Changes of the name space, one at a time, and looks at it that do not wait for them. */
import { statusOf } from "../status-error.ts";

/** Changes can follow each other so closely that one is always under way. */
const MAXIMUM_LOOKS = 4;

export class ChangeQueue {
  #last: Promise<unknown> = Promise.resolve();
  #underWay = 0;

  /** Runs one change; within it no other change comes between. It must not {@link look}: that may wait for its end. */
  run<Result>(change: () => Promise<Result>): Promise<Result> {
    this.#underWay++;
    const result = this.#last.then(change);
    const settled = () => {
      this.#underWay--;
    };
    this.#last = result.then(settled, settled);
    return result;
  }

  /**
   * Looks at once. Between what a change does to the disk and what we note of it, an object can seem to be gone: what
   * fails with NFS4ERR_STALE while changes are under way is looked at again after them.
   */
  async look<Result>(look: () => Result): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return look();
      } catch (error) {
        const isLast = attempt === MAXIMUM_LOOKS || this.#underWay === 0;
        if (isLast || statusOf(error) !== "NFS4ERR_STALE") throw error;
        await this.#last;
      }
    }
  }
}

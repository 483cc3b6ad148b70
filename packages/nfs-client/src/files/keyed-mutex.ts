/** Turns at a key, in the order of asking: those who wait here need not ask the server over and over. */
import type { Deadline } from "../deadline.ts";

export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `use` when all who asked for `key` before are done. */
  async runExclusive<T>(key: string, deadline: Deadline, use: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    let finish = () => {};
    const own = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const turn = before.then(() => own);
    this.#last.set(key, turn);
    turn.then(() => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    });
    try {
      await deadline.race(before);
      return await use();
    } finally {
      finish();
    }
  }
}

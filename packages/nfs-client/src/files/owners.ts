/** Names for the owners of opens and locks; reused, so that the server sees no more of them than are in use at once. */
export class OwnerNames {
  readonly #free: string[] = [];
  #made = 0;

  /** @param use Calls `busy` with work in the owner's name that goes on behind it, and does not fail. */
  async with<T>(use: (name: string, busy: (work: Promise<void>) => void) => Promise<T>): Promise<T> {
    const name = this.take();
    let work: Promise<void> | undefined;
    try {
      return await use(name, (promise) => {
        work = promise;
      });
    } finally {
      if (work === undefined) this.release(name);
      else void work.then(() => this.release(name));
    }
  }

  take(): string {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#made += 1;
    return `owner-${this.#made}`;
  }

  release(name: string): void {
    this.#free.push(name);
  }
}

/** Names for the owners of opens and locks; reused, so that the server sees no more of them than are in use at once. */
export class OwnerNames {
  readonly #free: string[] = [];
  #made = 0;

  async with<T>(use: (name: string) => Promise<T>): Promise<T> {
    const name = this.take();
    try {
      return await use(name);
    } finally {
      this.release(name);
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

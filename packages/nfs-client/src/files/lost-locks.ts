/**
 * Locks that this client holds and cannot release: they were taken over a connection that is gone, and the server keeps
 * what it knows of a client apart by connection. It drops them when the lease ends that they were taken under.
 */
export class LostLocks {
  /** By path, when the lock ends, on the clock of `performance.now()`. */
  readonly #endings = new Map<string, number>();

  /** @param lease Milliseconds. */
  add(path: string, lease: number): void {
    const now = performance.now();
    for (const [other, end] of this.#endings) if (end <= now) this.#endings.delete(other);
    this.#endings.set(path, now + lease);
  }

  /** Milliseconds until the file at a path is free of a lock of ours; 0 when there is none. */
  remaining(path: string): number {
    return Math.max(0, (this.#endings.get(path) ?? 0) - performance.now());
  }
}

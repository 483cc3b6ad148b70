/**
 * Names for the owners of opens and locks. Each is in use by one open or lock at a time. They are reused, so that the
 * server keeps no more of them than are in use; and there is a limit to them, so that no server's limit is reached.
 */
import type { Deadline } from "../deadline.ts";
import { BusyError, DeadlineError } from "../errors.ts";

/**
 * Files that one client has open. Amazon EFS user guide, "Quotas for NFS clients": up to 65,536 on one instance; 32,768 in
 * older editions. One file of small size is open only within a COMPOUND, and is not counted.
 */
export const MAX_OPEN_FILES = 32_768;

/**
 * Files that one client has locked. Same source: 65,536 locks per connection; in older editions, 8,192 locks across at most
 * 256 pairs of a file and a process.
 */
export const MAX_LOCKED_FILES = 256;

/** Takes work that goes on in the background. */
export type Busy = (work: Promise<void>) => void;

export class OwnerNames {
  readonly #kind: string;
  readonly #limit: number;
  readonly #free: string[] = [];
  readonly #waiting = new Set<(name: string) => void>();
  readonly #background = new Set<Promise<unknown>>();
  #made = 0;

  /** @param kind Begins every name, and tells these from the names of others. */
  constructor(kind: string, limit: number) {
    this.#kind = kind;
    this.#limit = limit;
  }

  /**
   * Waits for a name, first come, first served.
   *
   * @param use Calls `busy` with any work in the owner's name that goes on after it; that work must not fail.
   * @throws {BusyError} when none is free before the deadline.
   */
  async with<T>(deadline: Deadline, use: (name: string, busy: Busy) => Promise<T>): Promise<T> {
    const name = await this.take(deadline);
    const work: Promise<void>[] = [];
    try {
      return await use(name, (each) => work.push(each));
    } finally {
      if (work.length === 0) this.release(name);
      else this.#releaseAfter(Promise.all(work), name);
    }
  }

  #releaseAfter(work: Promise<unknown>, name: string): void {
    this.#background.add(work);
    void work.then(() => {
      this.#background.delete(work);
      this.release(name);
    });
  }

  /** Resolves when the work that goes on in the background now is done. */
  async settled(): Promise<void> {
    await Promise.all(this.#background);
  }

  /** As {@link with}, for who calls {@link release}. */
  async take(deadline: Deadline): Promise<string> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made < this.#limit) {
      this.#made += 1;
      return `${this.#kind}-${this.#made}`;
    }
    let waiter: ((name: string) => void) | undefined;
    const granted = new Promise<string>((resolve) => {
      waiter = resolve;
      this.#waiting.add(resolve);
    });
    try {
      return await deadline.race(granted);
    } catch (cause) {
      // A name that was granted in the same moment must not be lost.
      if (waiter !== undefined && !this.#waiting.delete(waiter)) granted.then((late) => this.release(late));
      if (!(cause instanceof DeadlineError)) throw cause;
      throw new BusyError("limit", `All ${this.#limit} ${this.#kind}s that one client may have are in use`, { cause });
    }
  }

  release(name: string): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free.push(name);
      return;
    }
    this.#waiting.delete(next);
    next(name);
  }
}

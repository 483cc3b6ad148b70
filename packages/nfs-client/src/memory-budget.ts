/** A budget for the memory that file data takes on its way through a process, and the leases on it. */
import type { Deadline } from "./deadline.ts";

/** Waits until there is room for `bytes`. */
interface Waiter {
  readonly bytes: number;
  readonly grant: () => void;
}

const DEFAULT_SIZE = 64 * 1024 * 1024;

/** Memory for file data in transit. Clients of one process should share one: it is the process that has the memory. */
export class MemoryBudget {
  readonly #size: number;
  readonly #waiting = new Set<Waiter>();
  #taken = 0;

  /** @param size Bytes. */
  constructor(size = DEFAULT_SIZE) {
    this.#size = size;
  }

  get reserved(): number {
    return this.#taken;
  }

  /** Takes `bytes` if they are free and nobody waits for memory; returns whether it did. */
  tryReserve(bytes: number): boolean {
    return this.#tryTake(bytes, this.#size);
  }

  /**
   * As {@link tryReserve}, but within a share of the budget. For what a slow consumer may hold for long, such as data
   * that is read ahead: the rest of the budget keeps moving.
   */
  tryReserveSpare(bytes: number, share = 1 / 2): boolean {
    return this.#tryTake(bytes, this.#size * share);
  }

  /**
   * Waits for `bytes`, first come, first served. Whoever waits must not hold a lease that it could release.
   *
   * @throws {DeadlineError | AbortedError}
   */
  async reserve(bytes: number, deadline: Deadline): Promise<void> {
    if (this.tryReserve(bytes)) return;
    let waiter: Waiter | undefined;
    const granted = new Promise<void>((resolve) => {
      waiter = { bytes, grant: resolve };
      this.#waiting.add(waiter);
    });
    try {
      await deadline.race(granted);
    } catch (error) {
      // What was granted in the same moment must not be lost.
      if (waiter !== undefined && !this.#waiting.delete(waiter)) this.release(bytes);
      this.#grant();
      throw error;
    }
  }

  release(bytes: number): void {
    this.#taken -= bytes;
    this.#grant();
  }

  #tryTake(bytes: number, limit: number): boolean {
    if (this.#waiting.size > 0 || !this.#fits(bytes, limit)) return false;
    this.#taken += bytes;
    return true;
  }

  /** What is larger than the whole budget must be alone in it. */
  #fits(bytes: number, limit: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= limit;
  }

  #grant(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(waiter.bytes, this.#size)) return;
      this.#waiting.delete(waiter);
      this.#taken += waiter.bytes;
      waiter.grant();
    }
  }
}

/** What one transfer holds of a budget. */
export class MemoryLease {
  readonly #memory: MemoryBudget;
  #bytes = 0;

  constructor(memory: MemoryBudget) {
    this.#memory = memory;
  }

  tryReserve(bytes: number): boolean {
    return this.#note(bytes, this.#memory.tryReserve(bytes));
  }

  tryReserveSpare(bytes: number, share?: number): boolean {
    return this.#note(bytes, this.#memory.tryReserveSpare(bytes, share));
  }

  /** See {@link MemoryBudget.reserve}. */
  async reserve(bytes: number, deadline: Deadline): Promise<void> {
    await this.#memory.reserve(bytes, deadline);
    this.#bytes += bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#memory.release(bytes);
  }

  releaseAll(): void {
    this.release(this.#bytes);
  }

  #note(bytes: number, taken: boolean): boolean {
    if (taken) this.#bytes += bytes;
    return taken;
  }
}

/** How long an operation may take, and how long it waits before a retry. */
import { AbortedError, DeadlineError } from "./errors.ts";

/** When an operation must be over: at a moment in time, or when the caller's signal aborts it. */
export class Deadline {
  readonly #at: number;
  readonly #timeout: number;
  readonly #signal: AbortSignal | undefined;

  /** @param timeout Milliseconds from now. */
  constructor(timeout: number, signal?: AbortSignal) {
    this.#at = performance.now() + timeout;
    this.#timeout = timeout;
    this.#signal = signal;
  }

  /** Is over when all of them are; aborted only where they have one signal in common. */
  static last(deadlines: readonly Deadline[]): Deadline {
    const signals = new Set(deadlines.map((deadline) => deadline.#signal));
    const [signal] = signals;
    return new Deadline(
      Math.max(...deadlines.map(({ remaining }) => remaining)),
      signals.size === 1 ? signal : undefined,
    );
  }

  /** Whether both are over at the same time, give or take `tolerance` milliseconds, and by the same signal. */
  coincides(other: Deadline, tolerance: number): boolean {
    return this.#signal === other.#signal && Math.abs(this.#at - other.#at) <= tolerance;
  }

  /** Milliseconds left; never negative. */
  get remaining(): number {
    return Math.max(0, this.#at - performance.now());
  }

  /** @throws {DeadlineError | AbortedError} when there is no time left. */
  check(): void {
    if (this.#signal?.aborted) throw this.#aborted();
    if (this.remaining === 0) throw this.#expired();
  }

  /** Settles as `promise` does, unless the deadline or the caller's signal comes first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const signal = this.#signal;
      const finish = () => {
        clearTimeout(timer);
        if (signal !== undefined) stopWaiting(signal, abort);
      };
      const abort = () => {
        finish();
        reject(this.#aborted());
      };
      const timer = setTimeout(() => {
        finish();
        reject(this.#expired());
      }, this.remaining);
      if (signal?.aborted) abort();
      else if (signal !== undefined) waitForAbort(signal, abort);
      promise.then(
        (value) => {
          finish();
          resolve(value);
        },
        (error: unknown) => {
          finish();
          reject(error);
        },
      );
    });
  }

  /** Waits `milliseconds`; fails at once when the deadline is earlier. */
  async sleep(milliseconds: number): Promise<void> {
    this.check();
    if (milliseconds >= this.remaining) throw this.#expired();
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
    try {
      await this.race(waited);
    } finally {
      clearTimeout(timer);
    }
  }

  #expired(): DeadlineError {
    return new DeadlineError(`The operation was not done within ${this.#timeout} ms`);
  }

  #aborted(): AbortedError {
    return new AbortedError("The operation was aborted", { cause: this.#signal?.reason });
  }
}

/** What waits for each signal. One signal is often shared by all that is in flight at a server. */
const waiting = new WeakMap<AbortSignal, Waiters>();

interface Waiters {
  readonly callbacks: Set<() => void>;
  readonly notify: () => void;
}

/** However many wait for a signal, it has one listener: adding and removing one costs more than a short wait itself. */
function waitForAbort(signal: AbortSignal, callback: () => void): void {
  let waiters = waiting.get(signal);
  if (waiters === undefined) {
    const callbacks = new Set<() => void>();
    const notify = () => {
      for (const each of callbacks) each();
    };
    waiters = { callbacks, notify };
    waiting.set(signal, waiters);
  }
  if (waiters.callbacks.size === 0) signal.addEventListener("abort", waiters.notify, { once: true });
  waiters.callbacks.add(callback);
}

/** A signal that nobody waits for has no listener, which would keep it in memory. */
function stopWaiting(signal: AbortSignal, callback: () => void): void {
  const waiters = waiting.get(signal);
  if (waiters?.callbacks.delete(callback) && waiters.callbacks.size === 0) {
    signal.removeEventListener("abort", waiters.notify);
  }
}

const FIRST_WAIT = 10;
const MAX_WAIT = 1000;

/** Waiting times between attempts: they double from `first` up to `max` milliseconds, with random jitter. */
export class Backoff {
  #next: number;
  readonly #max: number;

  constructor(first = FIRST_WAIT, max = MAX_WAIT) {
    this.#next = first;
    this.#max = max;
  }

  next(): number {
    const ceiling = this.#next;
    this.#next = Math.min(this.#max, ceiling * 2);
    return ceiling / 2 + (Math.random() * ceiling) / 2;
  }
}

/**
 * The bandwidth of one mount target's network interface: all its connections share it, in both directions together.
 *
 * A token bucket, told by the time at which the bytes so far have gone through. An interface that was idle has a little
 * credit, which also makes up for timers that fire late.
 */
const CREDIT_MILLISECONDS = 25;

/** Timers are no finer than this; shorter waits are added to the next one. */
const MIN_WAIT_MILLISECONDS = 1;

/** Bytes that are sent at once, so that connections take turns. */
const SLICE_MILLISECONDS = 5;
const MIN_SLICE = 1024;

export class Bandwidth {
  readonly slice: number;
  readonly #bytesPerMillisecond: number;
  #free = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMillisecond = bytesPerSecond / 1000;
    this.slice = Math.max(MIN_SLICE, Math.floor(this.#bytesPerMillisecond * SLICE_MILLISECONDS));
  }

  /** Takes `bytes` through the interface, and returns the milliseconds from `now` until they are through. */
  take(bytes: number, now: number): number {
    this.#free = Math.max(this.#free, now - CREDIT_MILLISECONDS) + bytes / this.#bytesPerMillisecond;
    const wait = this.#free - now;
    return wait < MIN_WAIT_MILLISECONDS ? 0 : wait;
  }
}

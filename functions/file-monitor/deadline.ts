/**
 * Deadlines. Everything the monitor starts has one, so that nothing runs past the timeout of the function.
 */

/** A moment after which work must have stopped. */
export interface Deadline {
  /** Aborts at that moment. */
  readonly signal: AbortSignal;
  /** Milliseconds until then; 0 afterwards. */
  readonly remaining: () => number;
}

/** The moment `milliseconds` from now. */
export function deadlineIn(milliseconds: number): Deadline {
  const duration = Math.max(0, Math.floor(milliseconds));
  const end = performance.now() + duration;
  return { signal: AbortSignal.timeout(duration), remaining: () => Math.max(0, end - performance.now()) };
}

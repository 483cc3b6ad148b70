/**
 * The time that is left. Everything the monitor starts is bound by one of these, so that nothing runs past the
 * Lambda's own timeout.
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

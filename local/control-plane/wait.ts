/** Waits until the account is in a state that passes `isReached`. */
import type { ControlPlane } from "./server.ts";
import type { AwsState } from "./state.ts";

export interface WaitOptions {
  /** What is waited for, for the error. */
  readonly what: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * @param isReached may throw, to give up.
 * @throws {Error} when the time is up; the signal's reason when it aborts.
 */
export function waitForState(
  controlPlane: Pick<ControlPlane, "state" | "subscribe">,
  isReached: (state: AwsState) => boolean,
  { what, timeout, signal }: WaitOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(new Error(`${what} did not happen within ${timeout / 1000} s`)), timeout);
    const unsubscribe = controlPlane.subscribe(check);
    const onAbort = () => end(signal.reason);
    signal.addEventListener("abort", onAbort);
    check();
    if (signal.aborted) onAbort();

    function check(): void {
      try {
        if (isReached(controlPlane.state())) end();
      } catch (error) {
        end(error);
      }
    }

    function end(error?: unknown): void {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) resolve();
      else reject(error);
    }
  });
}

/** A program that starts servers and processes: however it ends, it cleans up first. */
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Why a program's signal is aborted. */
class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly exitCode: number;

  constructor(signal: (typeof SIGNALS)[number]) {
    super(`Interrupted by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Runs a program and sets the exit code: what `main` returns, 1 when it throws, 128 + n when it is interrupted.
 *
 * @param main gets a signal that aborts at the first Ctrl-C (or SIGTERM, SIGHUP) and must clean up then. At the second
 * one this process ends at once; the exit hooks of its processes and directories still run.
 */
export async function runProgram(main: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const interruption = new AbortController();
  for (const name of SIGNALS) {
    process.on(name, () => {
      const error = new InterruptedError(name);
      if (interruption.signal.aborted) process.exit(error.exitCode);
      console.error(`\n${error.message}: stopping. Once more ends at once.`);
      interruption.abort(error);
    });
  }
  try {
    process.exitCode = await main(interruption.signal);
  } catch (error) {
    const { reason } = interruption.signal;
    process.exitCode = reason instanceof InterruptedError ? reason.exitCode : 1;
    if (error !== reason) console.error(error instanceof Error ? error.message : error);
  }
}

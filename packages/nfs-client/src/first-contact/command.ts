/** First contact as a command: runs it, and prints the page. */
import { messageOf } from "../errors.ts";
import { renderPage } from "./page.ts";
import { progressBar } from "./progress.ts";
import { type FirstContactOptions, firstContact } from "./run.ts";
import { summaryOf } from "./verdicts.ts";

export interface CommandOptions extends Omit<FirstContactOptions, "signal" | "onProgress"> {
  /** End the output with one line of JSON. */
  readonly json: boolean;
}

/** 1: a question could not be answered, or something was left behind. */
export type ExitCode = 0 | 1 | 130;

/** Runs first contact until it is over or SIGINT or SIGTERM comes, and prints what it finds on the standard output. */
export async function runFirstContact({ json, ...options }: CommandOptions): Promise<ExitCode> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort(new Error("interrupted"));
  // Once: a second signal ends the process at once.
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const bar = progressBar(process.stderr);
  try {
    const report = await firstContact({ ...options, signal: interruption.signal, onProgress: bar.show });
    bar.clear();
    const summary = summaryOf(report);
    process.stdout.write(renderPage(report));
    if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    return summary.unknown.length === 0 && report.leftBehind.length === 0 ? 0 : 1;
  } catch (error) {
    bar.clear();
    process.stderr.write(`first-contact: ${messageOf(error)}\n`);
    return interruption.signal.aborted ? 130 : 1;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

import { posix } from "node:path";
import { deadlineIn } from "../deadline.ts";
import { isCountDue } from "../decide/count-schedule.ts";
import type { CountReport } from "../result.ts";
import type { Run } from "../run.ts";
import type { Settings } from "../settings.ts";
import { countFiles } from "./count.ts";

/** What a run keeps of its time for what follows the count. */
const TIME_AFTER_COUNT = 60_000;

/** Counts the files, or goes by the last count. @throws {CountError} when the directory can't be read. */
export async function observeFiles(run: Run): Promise<CountReport> {
  const { mustCount, memory, settings } = run;
  const { lastCount } = memory;
  const startedAt = Date.now();
  if (lastCount !== undefined && !mustCount && !isCountDue(startedAt, lastCount.past, settings)) {
    return { ...lastCount.report, countAge: startedAt - lastCount.past.last.startedAt };
  }
  const report = await count(run);
  const { fileCount: files, countComplete: complete, countDuration: duration } = report;
  const last = { files, complete, startedAt, duration };
  memory.lastCount = { report, past: { last, before: lastCount?.past.last } };
  return report;
}

/** Counts as far as the time goes. */
async function count({ settings, deadline, log }: Run): Promise<CountReport> {
  const start = performance.now();
  const timeToCount = deadline.remaining() - Math.min(TIME_AFTER_COUNT, deadline.remaining() / 4);
  const { files, complete, largestDirectory, skipped } = await countFiles(settings.countedPath, {
    concurrency: settings.countConcurrency,
    signal: deadlineIn(Math.min(settings.countTimeBudget, timeToCount)).signal,
  });
  const report: CountReport = {
    fileCount: files,
    countComplete: complete,
    countDuration: Math.round(performance.now() - start),
    countAge: 0,
    largestDirectory: { ...largestDirectory, path: insideFileSystem(settings, largestDirectory.path) },
    skipped: {
      count: skipped.count,
      examples: skipped.examples.map(({ path, code }) => ({ path: insideFileSystem(settings, path), code })),
    },
  };
  if (!complete) log.warn("The time for counting ran out: the count is a lower bound", { fileCount: files });
  if (skipped.count > 0) log.warn("Not everything could be read and counted", { skipped: report.skipped });
  return report;
}

function insideFileSystem({ targetDirectory }: Settings, path: string): string {
  return posix.join(targetDirectory, path);
}

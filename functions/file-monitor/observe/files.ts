import { posix } from "node:path";
import { deadlineIn } from "../deadline.ts";
import type { CountReport } from "../result.ts";
import type { Run } from "../run.ts";
import type { Settings } from "../settings.ts";
import { countFiles } from "./count.ts";

/** What a run keeps of its time for what follows the count. */
const TIME_AFTER_COUNT = 60_000;

/** Counts the files, as far as the time for it goes. @throws {CountError} when the directory can't be read. */
export async function observeFiles({ settings, deadline, log }: Run): Promise<CountReport> {
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

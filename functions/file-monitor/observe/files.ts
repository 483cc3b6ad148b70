import { posix } from "node:path";
import { mountTargetTls } from "@efs-mount-autoscaling/efs-tls";
import { Meter, type MeteredBounds, pricesOf, throughputCost } from "@efs-mount-autoscaling/metering";
import { listMountTargets } from "../aws/file-system.ts";
import { deadlineIn } from "../deadline.ts";
import { isCountDue } from "../decide/count-schedule.ts";
import type { CountReport } from "../result.ts";
import type { Run } from "../run.ts";
import type { CountVia, Settings } from "../settings.ts";
import { summarizeDirectories } from "./count/changed-directories.ts";
import { countTree, type KeptTree } from "./count/count-tree.ts";
import type { Directories } from "./count/directories.ts";
import { loadTree, saveTree } from "./count/kept-tree.ts";
import { MeteredMount } from "./count/metered-mount.ts";
import { MountedDirectories } from "./count/mounted-directories.ts";
import { NfsDirectories } from "./count/nfs-directories.ts";
import type { TreeSource } from "./count/tree-file.ts";

/** What a run keeps of its time for what follows the count. */
const TIME_AFTER_COUNT = 60_000;

/** Counts the files, or goes by the last count. @throws {CountError} when the directory can't be read. */
export async function observeFiles(run: Run): Promise<CountReport> {
  const { mustCount, memory, settings } = run;
  const { lastCount } = memory;
  const startedAt = Date.now();
  // A count may wait that is far from the configured threshold, from that of the forecast, and from few files.
  const { fileCountThreshold: configured, scaleIn } = settings;
  const few = scaleIn === undefined ? [] : [scaleIn.share * configured];
  const thresholds = [configured, memory.effectiveThreshold ?? configured, ...few];
  const isDue = thresholds.some((fileCountThreshold) =>
    isCountDue(startedAt, lastCount?.past, { ...settings, fileCountThreshold }),
  );
  if (lastCount !== undefined && !mustCount && !isDue) {
    return { ...lastCount.report, countAge: startedAt - lastCount.past.last.startedAt };
  }
  const report = await count(run);
  const { fileCount: files, countComplete: complete, countDuration: duration, fullCount: readAll } = report;
  const last = { files, complete, startedAt, duration, readAll };
  memory.lastCount = { report, past: { last, before: lastCount?.past.last } };
  return report;
}

/** Counts as far as the time goes. */
async function count(run: Run): Promise<CountReport> {
  const { settings, deadline, log } = run;
  const start = performance.now();
  const startedAt = Date.now();
  const timeToCount = deadline.remaining() - Math.min(TIME_AFTER_COUNT, deadline.remaining() / 4);
  const { signal } = deadlineIn(Math.min(settings.countTimeBudget, timeToCount));
  const source = treeSource(settings);
  const saved = await loadTree(run, source);
  const readAll = saved === undefined || isFullCountDue(startedAt, saved, settings);
  const { result, metered } = await withDirectories(run, signal, (directories) =>
    countTree(directories, { concurrency: settings.countConcurrency, signal, kept: saved, readAll }),
  );
  if (result.clockIsBehind) {
    log.error("The file system's clock is minutes behind this one: the next count reads everything", {});
  }
  // What the time did not suffice for is read by the next count, which need not begin anew.
  const { directoriesRead, kept } = result;
  if (directoriesRead > 0 || kept.readAllAt !== (saved?.readAllAt ?? 0)) await saveTree(run, source, kept);

  const { files, complete, largestDirectory, skipped } = result.count;
  const insideFileSystem = (path: string) => posix.join(settings.targetDirectory, path);
  const report: CountReport = {
    fileCount: files,
    countComplete: complete,
    countDuration: Math.round(performance.now() - start),
    countAge: 0,
    ...costOf(metered, settings),
    fullCount: readAll,
    directoriesRead,
    wrongDirectories: {
      count: result.wrongDirectories.count,
      examples: result.wrongDirectories.examples.map(insideFileSystem),
    },
    changedDirectories: { foundAt: startedAt, directories: summarizeDirectories(result.changedDirectories) },
    largestDirectory: { ...largestDirectory, path: insideFileSystem(largestDirectory.path) },
    skipped: {
      count: skipped.count,
      examples: skipped.examples.map(({ path, code }) => ({ path: insideFileSystem(path), code })),
    },
  };
  if (!complete) log.warn("The time for counting ran out: the count is a lower bound", { fileCount: files });
  if (skipped.count > 0) log.warn("Not everything could be read and counted", { skipped: report.skipped });
  if (report.wrongDirectories.count > 0) {
    log.error("The counts since the last full count were wrong", { wrongDirectories: report.wrongDirectories });
  }
  return report;
}

/** A clock that was set back must not put it off. */
function isFullCountDue(now: number, { readAllAt }: KeptTree, { fullCountInterval }: Settings): boolean {
  return now < readAllAt || now - readAllAt >= fullCountInterval;
}

function treeSource({ fileSystemId, targetDirectory, countVia }: Settings): TreeSource {
  return { fileSystemId, directory: targetDirectory, via: countVia.kind };
}

/** What elastic throughput meters of a count, and what that costs; the other modes bill none of it. */
function costOf(metered: MeteredBounds, { region }: Settings): Pick<CountReport, "countMeteredBytes" | "countDollars"> {
  const bytes = (bound: keyof MeteredBounds) => Object.values(metered[bound]).reduce((sum, each) => sum + each, 0);
  const prices = pricesOf(region);
  return {
    countMeteredBytes: { lower: bytes("lower"), upper: bytes("upper") },
    countDollars: prices && throughputCost(metered, prices),
  };
}

interface Metered<Result> {
  readonly result: Result;
  readonly metered: MeteredBounds;
}

async function withDirectories<Result>(
  run: Run,
  signal: AbortSignal,
  use: (directories: Directories) => Promise<Result>,
): Promise<Metered<Result>> {
  const { settings } = run;
  const { countVia } = settings;
  if (countVia.kind === "mount") {
    const options = { concurrency: settings.countConcurrency, signal };
    const directories = new MeteredMount(new MountedDirectories(countVia.countedPath, options));
    return { result: await use(directories), metered: directories.metered };
  }
  const meter = new Meter();
  let directories: NfsDirectories | undefined;
  try {
    directories = await openNfs(run, countVia, signal);
    return { result: await use(directories), metered: meter.total };
  } finally {
    await directories?.close();
    meter.stop();
  }
}

async function openNfs(
  { aws, memory, settings, log }: Run,
  { port, tls }: Extract<CountVia, { kind: "nfs" }>,
  signal: AbortSignal,
): Promise<NfsDirectories> {
  const mountTargets = await listMountTargets(aws, settings.fileSystemId);
  const available = mountTargets.filter(({ state }) => state === "available");
  if (tls !== undefined) memory.tls ??= mountTargetTls(tls);
  return await NfsDirectories.open({
    path: settings.targetDirectory,
    hosts: available.flatMap(({ ipAddress }) => ipAddress ?? []),
    port,
    tls: await memory.tls,
    signal,
    onUnusable: (host, reason) => log.warn("A mount target is not counted through", { host, reason }),
  });
}

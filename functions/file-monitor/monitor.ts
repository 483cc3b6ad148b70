/**
 * One run: count, compare what is with what should be, and repair it.
 *
 * Each step looks at AWS again before it acts and acts only where something differs, so a run may be repeated, may
 * overlap another, and may die between any two calls.
 */
import { posix } from "node:path";
import { addMountTarget } from "./add-mount-target.ts";
import { listMountTargets, type MountTargetDescription } from "./aws/file-system.ts";
import { countFiles } from "./count.ts";
import { deadlineIn } from "./deadline.ts";
import { countAvailabilityZonesLeft, decideScaling, isThresholdPassed, type Observation } from "./decide.ts";
import { observe } from "./observe.ts";
import { publishTable } from "./publish-table.ts";
import type { MonitorResult, Outcome, Report } from "./result.ts";
import { rollService } from "./roll-service.ts";
import type { Run } from "./run.ts";
import type { Settings } from "./settings.ts";

/** Runs the monitor once. Never rejects: whatever fails is a result with statusCode 500. */
export async function monitor(run: Run): Promise<MonitorResult> {
  // Filled as the run goes, so that a run that fails tells what it saw.
  const report: Report = {};
  try {
    const outcome = await reconcile(run, report);
    return { ...outcome, ...report };
  } catch (error) {
    run.log.error("The run failed", { error });
    return { ...failure(error), ...report };
  }
}

async function reconcile(run: Run, report: Report): Promise<Outcome> {
  const { settings } = run;
  await count(run, report);

  const observation = await observe(run);
  report.mountTargets = observation.mountTargets;
  const { outcome, mountTargets } = await scale(run, observation, report);
  report.mountTargets = mountTargets;
  report.availabilityZonesLeft = countAvailabilityZonesLeft({ ...observation, mountTargets }, settings);

  // Table and service are put right whatever became of the new mount target.
  report.tableUpdated = await publishTable(run, mountTargets);
  report.deployed = settings.rollout.kind === "rolling-deployment" && (await rollService(run, settings.rollout));
  return outcome;
}

/** What a run keeps of its time for what follows the count. */
const TIME_AFTER_COUNT = 60_000;

async function count({ settings, deadline, log }: Run, report: Report): Promise<void> {
  const start = performance.now();
  const timeToCount = deadline.remaining() - Math.min(TIME_AFTER_COUNT, deadline.remaining() / 4);
  const { files, complete, largestDirectory, skipped } = await countFiles(settings.countedPath, {
    concurrency: settings.countConcurrency,
    signal: deadlineIn(Math.min(settings.countTimeBudget, timeToCount)).signal,
  });
  report.fileCount = files;
  report.threshold = settings.fileCountThreshold;
  report.thresholdPassed = isThresholdPassed(files, settings.fileCountThreshold);
  report.countComplete = complete;
  report.countDuration = Math.round(performance.now() - start);
  report.largestDirectory = { ...largestDirectory, path: insideFileSystem(settings, largestDirectory.path) };
  report.skipped = {
    count: skipped.count,
    examples: skipped.examples.map(({ path, code }) => ({ path: insideFileSystem(settings, path), code })),
  };
  log.info("The files are counted", { ...report });
  if (!complete) log.warn("The time for counting ran out: the count is a lower bound", { fileCount: files });
  if (skipped.count > 0) log.warn("Not everything could be read and counted", { skipped: report.skipped });
}

function insideFileSystem({ targetDirectory }: Settings, path: string): string {
  return posix.join(targetDirectory, path);
}

type Scaling = { readonly outcome: Outcome; readonly mountTargets: readonly MountTargetDescription[] };

const NO_ACTION: Outcome = { statusCode: 200, message: "No action needed" };

async function scale(run: Run, observation: Observation, report: Report): Promise<Scaling> {
  const { settings, aws, log } = run;
  report.created = null;
  report.creationFailed = false;
  if (!report.thresholdPassed) return { ...observation, outcome: NO_ACTION };
  const decision = decideScaling(observation, settings);
  if (decision.action === "none") {
    log.warn("The threshold is passed, but no mount target can be added", { reason: decision.reason });
    return { ...observation, outcome: NO_ACTION };
  }
  try {
    const { added, mountTargets } = await addMountTarget(run, observation);
    report.created = added;
    const message = `Mount target ${added.mountTargetId} added in ${added.availabilityZone}`;
    return { outcome: { statusCode: 200, message }, mountTargets };
  } catch (error) {
    log.error("No mount target could be added", { error });
    report.creationFailed = true;
    return { outcome: failure(error), mountTargets: await listMountTargets(aws, settings.fileSystemId) };
  }
}

function failure(error: unknown): Outcome {
  return { statusCode: 500, error: error instanceof Error ? error.message : String(error) };
}

/**
 * One run: observe what is, decide what should be, and act where the two differ.
 *
 * Each step asks AWS again before it acts and acts only where something differs, so a run may be repeated, may overlap
 * another, and may die between any two calls.
 */
import { addMountTarget } from "./act/add-mount-target.ts";
import { publishTable } from "./act/publish-table.ts";
import { rollService } from "./act/roll-service.ts";
import {
  countAvailabilityZonesLeft,
  type Decision,
  decide,
  isThresholdPassed,
  type Observation,
} from "./decide/decide.ts";
import { type Account, observeAccount } from "./observe/account.ts";
import { observeFiles } from "./observe/files.ts";
import type { MonitorResult, Outcome, Report } from "./result.ts";
import type { Run } from "./run.ts";

/** Runs the monitor once. Never rejects: whatever fails is a result with statusCode 500. */
export async function monitor(run: Run): Promise<MonitorResult> {
  // Filled step by step, so that a failed run still reports what it saw.
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
  let observation = await observe(run, report);
  let decision = decide(observation, settings);
  if (decision.action === "create" && report.countAge !== 0) {
    // Files may have been deleted since the last count: only a count of this run may add a mount target.
    observation = await observe({ ...run, mustCount: true }, report);
    decision = decide(observation, settings);
  }
  const { outcome, account } = await scale(run, observation, decision, report);
  report.mountTargets = account.mountTargets;
  report.availabilityZonesLeft = countAvailabilityZonesLeft(account, settings);

  // Table and service are updated even where no mount target could be added.
  report.tableUpdated = await publishTable(run, account.mountTargets);
  report.deployed = settings.rollout.kind === "rolling-deployment" && (await rollService(run, settings.rollout));
  return outcome;
}

async function observe(run: Run, report: Report): Promise<Observation> {
  const { settings, log } = run;
  const files = await observeFiles(run);
  Object.assign(report, files);
  report.threshold = settings.fileCountThreshold;
  report.thresholdPassed = isThresholdPassed(files.fileCount, settings.fileCountThreshold);
  log.info(files.countAge === 0 ? "The files are counted" : "The last count is recent enough", { ...report });
  const account = await observeAccount(run);
  report.mountTargets = account.mountTargets;
  return { ...account, fileCount: files.fileCount };
}

interface Scaling {
  readonly outcome: Outcome;
  /** As it is afterwards. */
  readonly account: Account;
}

const NO_ACTION: Outcome = { statusCode: 200, message: "No action needed" };

/** Carries the decision out. */
async function scale(run: Run, observation: Observation, decision: Decision, report: Report): Promise<Scaling> {
  const { log } = run;
  report.created = null;
  report.creationFailed = false;
  if (decision.action === "none") {
    const { cause, reason } = decision;
    if (cause === "no-place") log.warn(NO_PLACE, { reason });
    return { outcome: NO_ACTION, account: observation };
  }
  try {
    const { added, account } = await addMountTarget(run, observation, decision);
    if (added === undefined) {
      log.warn(NO_PLACE, { reason: "EFS supports no mount target in the Availability Zones that have none" });
      return { outcome: NO_ACTION, account };
    }
    report.created = added;
    const message = `Mount target ${added.mountTargetId} added in ${added.availabilityZone}`;
    return { outcome: { statusCode: 200, message }, account };
  } catch (error) {
    log.error("No mount target could be added", { error });
    report.creationFailed = true;
    return { outcome: failure(error), account: await observeAccount(run) };
  }
}

const NO_PLACE = "The threshold is passed, but no mount target can be added";

function failure(error: unknown): Outcome {
  return { statusCode: 500, error: error instanceof Error ? error.message : String(error) };
}

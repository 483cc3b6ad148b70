/**
 * One run: observe what is, decide what should be, and act where the two differ.
 *
 * Each step asks AWS again before it acts and acts only where something differs, so a run may be repeated, may overlap
 * another, and may die between any two calls.
 */
import { addMountTarget, MountTargetCreationError } from "./act/add-mount-target.ts";
import { publishTable } from "./act/publish-table.ts";
import { type Roll, rollService } from "./act/roll-service.ts";
import { countAvailabilityZonesLeft, type Decision, decide, type Observation } from "./decide/decide.ts";
import { raiseAlarm } from "./forecast/alarms.ts";
import { beginScaleOut, endScaleOut } from "./forecast/lead-time.ts";
import type { ForecastMemory } from "./forecast/memory.ts";
import { type Account, observeAccount } from "./observe/account.ts";
import { observeCapacity } from "./observe/capacity.ts";
import { observeFiles } from "./observe/files.ts";
import { type KeptForecast, loadForecast, saveForecast } from "./observe/kept-forecast.ts";
import { observeThreshold } from "./observe/threshold.ts";
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
  const kept = await loadForecast(run);
  let seen = await observe(run, kept.memory, report);
  let decision = decide(seen.observation, settings);
  if (decision.action === "create" && report.countAge !== 0) {
    // Files may have been deleted since the last count: only a count of this run may add a mount target.
    seen = await observe({ ...run, mustCount: true }, kept.memory, report);
    decision = decide(seen.observation, settings);
  }
  const { outcome, account, kept: remembered } = await carryOut(run, kept, seen, decision, report);
  report.mountTargets = account.mountTargets;
  report.availabilityZonesLeft = countAvailabilityZonesLeft(account, settings);
  report.endInSight = observeCapacity(run, seen.memory.history, report);

  // Table and service are updated even where no mount target could be added.
  report.tableUpdated = await publishTable(run, account.mountTargets);
  const roll = settings.rollout.kind === "rolling-deployment" ? await rollService(run, settings.rollout) : "done";
  report.deployed = roll === "started";
  if (remembered !== undefined && isAllInUse(report, roll)) {
    await saveForecast(run, remembered, endScaleOut(remembered.memory, Date.now()));
  }
  return outcome;
}

/** Whether every router uses every mount target. Those that read the table again have done so since an earlier run wrote it. */
function isAllInUse({ mountTargets = [], tableUpdated }: Report, roll: Roll): boolean {
  return roll === "done" && tableUpdated === false && mountTargets.every(({ state }) => state !== "creating");
}

interface Seen {
  readonly observation: Observation;
  /** What is to be remembered. */
  readonly memory: ForecastMemory;
}

async function observe(run: Run, before: ForecastMemory, report: Report): Promise<Seen> {
  const { log } = run;
  const files = await observeFiles(run);
  Object.assign(report, files);
  const { memory, report: threshold } = observeThreshold(run, before, files);
  Object.assign(report, threshold);
  log.info(files.countAge === 0 ? "The files are counted" : "The last count is recent enough", { ...report });
  const account = await observeAccount(run);
  report.mountTargets = account.mountTargets;
  const { effectiveThreshold } = threshold;
  return { observation: { ...account, fileCount: files.fileCount, effectiveThreshold }, memory };
}

interface Reconciled extends Scaling {
  /** Undefined where it could not be kept. */
  readonly kept: KeptForecast | undefined;
}

/**
 * Carries the decision out, and remembers what there is to remember.
 *
 * That a forecast adds a mount target is kept first, so that it adds only one: where it can't be kept, or another run was
 * faster, the configured threshold decides.
 */
async function carryOut(
  run: Run,
  before: KeptForecast,
  { observation, memory }: Seen,
  decision: Decision,
  report: Report,
): Promise<Reconciled> {
  if (decision.action === "none") {
    const kept = await saveForecast(run, before, memory);
    return { ...(await scale(run, observation, decision, report)), kept };
  }
  const now = Date.now();
  // How long one takes that somebody else has begun is not known.
  const begun = decision.action === "create" ? beginScaleOut(memory, now) : memory;
  const isAheadOfTime = report.thresholdPassed === false;
  const kept = await saveForecast(run, before, isAheadOfTime ? raiseAlarm(begun, now) : begun);
  if (isAheadOfTime && kept === undefined) {
    run.log.warn("No mount target is added ahead of time: the forecast's memory could not be written", {});
    const fixed = { ...observation, effectiveThreshold: undefined };
    return { ...(await scale(run, fixed, decide(fixed, run.settings), report)), kept };
  }
  if (isAheadOfTime) run.log.info("A mount target is added ahead of time", { reason: report.thresholdReason });
  const scaling = await scale(run, observation, decision, report);
  if (kept === undefined || !scaling.isRefused) return { ...scaling, kept };
  return { ...scaling, kept: await saveForecast(run, kept, memory) };
}

interface Scaling {
  readonly outcome: Outcome;
  /** As it is afterwards. */
  readonly account: Account;
  /** Whether a mount target was wanted, and none is being created: EFS took none. */
  readonly isRefused?: boolean;
}

const NO_ACTION: Outcome = { statusCode: 200, message: "No action needed" };

/** Carries the decision out. */
async function scale(run: Run, observation: Observation, decision: Decision, report: Report): Promise<Scaling> {
  const { log } = run;
  report.created = null;
  report.creationFailed = false;
  if (decision.action === "none") {
    if (decision.cause === "no-place") sayNoPlace(run, report, decision.reason);
    return { outcome: NO_ACTION, account: observation };
  }
  try {
    const { added, account } = await addMountTarget(run, observation, decision);
    if (added === undefined) {
      sayNoPlace(run, report, "EFS supports no mount target in the Availability Zones that have none");
      return { outcome: NO_ACTION, account, isRefused: true };
    }
    report.created = added;
    const message = `Mount target ${added.mountTargetId} added in ${added.availabilityZone}`;
    return { outcome: { statusCode: 200, message }, account };
  } catch (error) {
    log.error("No mount target could be added", { error });
    report.creationFailed = true;
    const isRefused = error instanceof MountTargetCreationError && error.wasRefused;
    return { outcome: failure(error), account: await observeAccount(run), isRefused };
  }
}

/** Before the threshold is passed, nothing is missing yet. */
function sayNoPlace({ log }: Run, { thresholdPassed }: Report, reason: string): void {
  if (thresholdPassed) log.warn("The threshold is passed, but no mount target can be added", { reason });
  else log.info("No mount target can be added ahead of time", { reason });
}

function failure(error: unknown): Outcome {
  return { statusCode: 500, error: error instanceof Error ? error.message : String(error) };
}

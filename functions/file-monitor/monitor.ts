/**
 * One run: observe what is, decide what should be, and act where the two differ.
 *
 * Each step asks AWS again before it acts and acts only where something differs, so a run may be repeated, may overlap
 * another, and may die between any two calls.
 */
import { type Prospect, publishStatus } from "./act/publish-status.ts";
import { publishTable } from "./act/publish-table.ts";
import { type Roll, rollService } from "./act/roll-service.ts";
import { keepRetirement, scaleIn } from "./act/scale-in.ts";
import { scaleOut } from "./act/scale-out.ts";
import { type Decision, decide, type Observation } from "./decide/decide.ts";
import { countAvailabilityZonesLeft, countMountTargets } from "./decide/scale-out.ts";
import { forgetUnfoundedAlarm } from "./forecast/alarms.ts";
import { endScaleOut } from "./forecast/lead-time.ts";
import type { ForecastMemory } from "./forecast/memory.ts";
import { observeAccount } from "./observe/account.ts";
import { observeCapacity } from "./observe/capacity.ts";
import { observeFiles } from "./observe/files.ts";
import { type KeptForecast, loadForecast, saveForecast } from "./observe/kept-forecast.ts";
import { type KeptStability, loadStability } from "./observe/kept-stability.ts";
import { observeReplicaLag } from "./observe/replica-lag.ts";
import { observeStability } from "./observe/stability.ts";
import { observeThreshold } from "./observe/threshold.ts";
import { failure, type MonitorResult, type Outcome, type Report } from "./result.ts";
import type { Run } from "./run.ts";
import type { Settings } from "./settings.ts";

/** Runs the monitor once. Never rejects: whatever fails is a result with statusCode 500. */
export async function monitor(run: Run): Promise<MonitorResult> {
  // Filled step by step, so that a failed run still reports what it saw.
  const report: Report = {};
  const prospect: Prospect = {};
  const result = await resultOf(run, report, prospect);
  await publishStatus(run, result, prospect);
  return result;
}

async function resultOf(run: Run, report: Report, prospect: Prospect): Promise<MonitorResult> {
  try {
    const outcome = await reconcile(run, report, prospect);
    return { ...outcome, ...report };
  } catch (error) {
    run.log.error("The run failed", { error });
    return { ...failure(error), ...report };
  }
}

async function reconcile(run: Run, report: Report, prospect: Prospect): Promise<Outcome> {
  const { settings } = run;
  report.replicaLag = await observeReplicaLag(run);
  const [forecast, stability] = await Promise.all([loadForecast(run), loadStability(run)]);
  const kept: Kept = { forecast, stability };
  let seen = await observe(run, kept, report, prospect);
  let decision = decide(seen.observation, settings);
  if (isChange(decision, seen.observation, settings) && report.countAge !== 0) {
    // Files may have been added or deleted since the last count: only a count of this run may change a mount target.
    seen = await observe({ ...run, mustCount: true }, kept, report, prospect);
    decision = decide(seen.observation, settings);
  }
  reportScaleIn(run, decision, report);
  const { outcome, account, forecast: remembered, marked } = await carryOut(run, kept, seen, decision, report);
  report.mountTargets = account.mountTargets;
  report.availabilityZonesLeft = countAvailabilityZonesLeft(account, settings);
  report.endInSight = observeCapacity(run, seen.memory.history, report);

  // Table and service are updated even where no mount target could be added.
  report.tableUpdated = await publishTable(run, account.mountTargets, marked);
  const roll = settings.rollout.kind === "rolling-deployment" ? await rollService(run, settings.rollout) : "done";
  report.deployed = roll === "started";
  prospect.roll = roll;
  if (remembered !== undefined && isAllInUse(report, roll)) {
    await saveForecast(run, remembered, endScaleOut(remembered.memory, Date.now()));
  }
  if (settings.scaleIn !== undefined && marked !== "unknown") report.retiring = marked?.mountTargetId ?? null;
  return outcome;
}

function reportScaleIn({ settings }: Run, decision: Decision, report: Report): void {
  if (settings.scaleIn === undefined) return;
  const { action } = decision;
  report.scaleIn =
    action === "retire" || action === "delete"
      ? { action, mountTarget: decision.mountTarget, reason: decision.reason }
      : { action: "none", reason: "reason" in decision ? decision.reason : "a mount target is wanted" };
}

/** Whether every router uses every mount target. Those that read the table again have done so since an earlier run wrote it. */
function isAllInUse({ mountTargets = [], tableUpdated }: Report, roll: Roll): boolean {
  return roll === "done" && tableUpdated === false && mountTargets.every(({ state }) => state !== "creating");
}

/** What the runs before have left. */
interface Kept {
  readonly forecast: KeptForecast;
  readonly stability: KeptStability;
}

interface Seen {
  readonly observation: Observation;
  /** What the forecast is to remember. */
  readonly memory: ForecastMemory;
}

async function observe(run: Run, kept: Kept, report: Report, prospect: Prospect): Promise<Seen> {
  const { log } = run;
  const files = await observeFiles(run);
  Object.assign(report, files);
  const account = await observeAccount(run);
  report.mountTargets = account.mountTargets;
  const before = forgetUnfoundedAlarm(kept.forecast.memory, Date.now(), countMountTargets(account));
  const { memory, forecast, report: threshold, thresholdAfterScaleIn } = observeThreshold(run, before, files);
  Object.assign(prospect, { history: memory.history, forecast });
  Object.assign(report, threshold);
  log.info(files.countAge === 0 ? "The files are counted" : "The last count is recent enough", { ...report });
  const { effectiveThreshold, thresholdPassed } = threshold;
  const counted = { ...files, thresholdPassed, thresholdAfterScaleIn };
  const scaleIn = await observeStability(run, kept.stability, account, counted);
  return { observation: { ...account, fileCount: files.fileCount, effectiveThreshold, scaleIn }, memory };
}

/** Carries the decision out, and remembers what there is to remember. */
async function carryOut(run: Run, kept: Kept, seen: Seen, decision: Decision, report: Report) {
  if (decision.action === "retire" || decision.action === "delete") {
    return await scaleIn(run, kept, seen, decision, report);
  }
  const marked = await keepRetirement(run, kept.stability, seen.observation, decision);
  return { ...(await scaleOut(run, kept.forecast, seen, decision, report)), marked };
}

/** Whether a mount target is to be added or taken away in this run, and the number of files is why. */
function isChange(decision: Decision, { scaleIn }: Observation, { scaleIn: settings }: Settings): boolean {
  switch (decision.action) {
    case "create":
      return true;
    case "delete":
      return settings?.isObserved === false && !decision.isFinal;
    case "retire": {
      const isNew = scaleIn?.stability.retirement?.mountTargetId !== decision.mountTarget.mountTargetId;
      return settings?.isObserved === false && isNew;
    }
    default:
      return false;
  }
}

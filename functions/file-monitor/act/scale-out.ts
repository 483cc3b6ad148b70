/**
 * Adds a mount target where one is wanted, and keeps what the forecast is to remember.
 */
import type { Decision, Observation } from "../decide/decide.ts";
import type { ScaleInDecision } from "../decide/scale-in.ts";
import { countMountTargets } from "../decide/scale-out.ts";
import { raiseAlarm } from "../forecast/alarms.ts";
import { beginScaleOut } from "../forecast/lead-time.ts";
import type { ForecastMemory } from "../forecast/memory.ts";
import { type Account, observeAccount } from "../observe/account.ts";
import { type KeptForecast, saveForecast } from "../observe/kept-forecast.ts";
import { failure, NO_ACTION, type Outcome, type Report } from "../result.ts";
import type { Run } from "../run.ts";
import { addMountTarget, MountTargetCreationError } from "./add-mount-target.ts";

/** How it went. */
export interface Acted {
  readonly outcome: Outcome;
  /** As it is afterwards. */
  readonly account: Account;
  /** What the forecast remembers; undefined where it could not be kept. */
  readonly forecast: KeptForecast | undefined;
}

/**
 * That a forecast adds a mount target is kept first, so that it adds only one: where it can't be kept, or another run was
 * faster, none is added before the configured threshold is passed.
 *
 * @param memory what the forecast is to remember.
 */
export async function scaleOut(
  run: Run,
  before: KeptForecast,
  { observation, memory }: { readonly observation: Observation; readonly memory: ForecastMemory },
  decision: Exclude<Decision, ScaleInDecision>,
  report: Report,
): Promise<Acted> {
  report.created = null;
  report.creationFailed = false;
  if (decision.action === "none") {
    if (decision.cause === "no-place") sayNoPlace(run, report, decision.reason);
    return { outcome: NO_ACTION, account: observation, forecast: await saveForecast(run, before, memory) };
  }
  const now = Date.now();
  // How long one takes that somebody else has begun is not known.
  const begun = decision.action === "create" ? beginScaleOut(memory, now) : memory;
  const isAheadOfTime = report.thresholdPassed === false;
  const intended = isAheadOfTime ? raiseAlarm(begun, now, countMountTargets(observation)) : begun;
  const forecast = await saveForecast(run, before, intended);
  if (isAheadOfTime && forecast === undefined) {
    run.log.warn("No mount target is added ahead of time: the forecast's memory could not be written", {});
    return { outcome: NO_ACTION, account: observation, forecast };
  }
  if (isAheadOfTime) run.log.info("A mount target is added ahead of time", { reason: report.thresholdReason });
  const { outcome, account, isRefused } = await add(run, observation, decision, report);
  if (forecast === undefined || !isRefused) return { outcome, account, forecast };
  return { outcome, account, forecast: await saveForecast(run, forecast, memory) };
}

interface Addition {
  readonly outcome: Outcome;
  readonly account: Account;
  /** Whether none is being created: EFS took none. */
  readonly isRefused: boolean;
}

async function add(
  run: Run,
  observation: Observation,
  decision: Parameters<typeof addMountTarget>[2],
  report: Report,
): Promise<Addition> {
  try {
    const { added, account } = await addMountTarget(run, observation, decision);
    if (added === undefined) {
      sayNoPlace(run, report, "EFS supports no mount target in the Availability Zones that have none");
      return { outcome: NO_ACTION, account, isRefused: true };
    }
    report.created = added;
    const message = `Mount target ${added.mountTargetId} added in ${added.availabilityZone}`;
    return { outcome: { statusCode: 200, message }, account, isRefused: false };
  } catch (error) {
    run.log.error("No mount target could be added", { error });
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

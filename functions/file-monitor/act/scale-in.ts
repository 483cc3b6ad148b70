/**
 * Retires and deletes a mount target, in steps that each survive a crash.
 *
 * What is to be done is kept first, with a condition: of two runs at the same time one goes on. The mount table follows what
 * is kept. From the moment that a deletion is kept as final, every run finishes it, and none takes it back.
 */
import type { Decision, Observation } from "../decide/decide.ts";
import type { Marked } from "../decide/mount-table.ts";
import { retirementAfter, type ScaleInDecision } from "../decide/scale-in.ts";
import { withdrawAlarm } from "../forecast/alarms.ts";
import type { ForecastMemory } from "../forecast/memory.ts";
import { observeAccount } from "../observe/account.ts";
import { type KeptForecast, saveForecast } from "../observe/kept-forecast.ts";
import { type KeptStability, saveStability } from "../observe/kept-stability.ts";
import { failure, NO_ACTION, type Report } from "../result.ts";
import type { Run } from "../run.ts";
import { removeMountTarget } from "./delete-mount-target.ts";
import type { Acted } from "./scale-out.ts";

/**
 * Keeps which mount target is being retired, as decided: none by any other decision.
 *
 * @returns what the table has to say about it.
 */
export async function keepRetirement(
  run: Run,
  kept: KeptStability,
  { scaleIn }: Observation,
  decision: Decision,
): Promise<Marked> {
  if (run.settings.scaleIn === undefined) return undefined;
  if (kept === "unknown" || scaleIn === undefined) return "unknown";
  const { stability, now } = scaleIn;
  const retirement = run.settings.scaleIn.isObserved ? undefined : retirementAfter(decision, stability.retirement, now);
  const saved = await saveStability(run, kept, { ...stability, retirement });
  if (saved === undefined) return "unknown";
  const before = stability.retirement;
  if (before !== undefined && retirement === undefined && decision.action !== "delete") {
    run.log.info("A retirement ends", { mountTargetId: before.mountTargetId, reason: reasonOf(decision) });
  }
  return retirement;
}

function reasonOf(decision: Decision): string {
  return "reason" in decision ? decision.reason : "a mount target is wanted";
}

/** Carries out what was decided about taking a mount target away. */
export async function scaleIn(
  run: Run,
  kept: { readonly forecast: KeptForecast; readonly stability: KeptStability },
  seen: { readonly observation: Observation; readonly memory: ForecastMemory },
  decision: ScaleInDecision,
  report: Report,
): Promise<Acted & { readonly marked: Marked }> {
  const { log, settings } = run;
  const { observation } = seen;
  const { mountTarget, reason } = decision;
  const isDeletion = decision.action === "delete" && settings.scaleIn?.isObserved === false;
  // Forecasts may add another one once it is gone.
  const memory = isDeletion ? withdrawAlarm(seen.memory) : seen.memory;
  const forecast = await saveForecast(run, kept.forecast, memory);
  const marked = await keepRetirement(run, kept.stability, observation, decision);
  const unchanged = { outcome: NO_ACTION, account: observation, forecast, marked };
  if (settings.scaleIn?.isObserved) {
    log.info("With scaleIn on, a mount target would be retired", { ...mountTarget, reason });
    return unchanged;
  }
  if (!isDeletion && marked === "unknown") {
    log.warn("A mount target is not retired: that could not be kept", { ...mountTarget });
    return unchanged;
  }
  if (!isDeletion) {
    log.info("A mount target is retiring", { ...mountTarget, reason });
    return {
      ...unchanged,
      outcome: { statusCode: 200, message: `Mount target ${mountTarget.mountTargetId} is retiring` },
    };
  }
  report.deleted = null;
  report.deletionFailed = false;
  const isKept = forecast !== undefined || memory === seen.memory;
  if (marked === undefined || marked === "unknown" || !isKept) {
    log.warn("The retired mount target is not deleted: that could not be kept", { ...mountTarget });
    return unchanged;
  }
  try {
    const account = await removeMountTarget(run, mountTarget);
    report.deleted = mountTarget;
    const message = `Mount target ${mountTarget.mountTargetId} deleted in ${mountTarget.availabilityZone}`;
    log.info("A mount target is deleted", { ...mountTarget, reason });
    return { outcome: { statusCode: 200, message }, account, forecast, marked: undefined };
  } catch (error) {
    log.error("The retired mount target could not be deleted", { ...mountTarget, error });
    report.deletionFailed = true;
    return { outcome: failure(error), account: await observeAccount(run), forecast, marked };
  }
}

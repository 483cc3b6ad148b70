/** Says in a parameter what a run saw and did, for the routers' status page. Nothing depends on it. */
import {
  type MONITOR_EVENTS,
  type MonitorEvent,
  type MonitorStatus,
  parseMonitorStatus,
} from "@efs-mount-autoscaling/mount-table/monitor-status";
import { readParameter, writeParameter } from "../aws/parameter.ts";
import { AwsCallError } from "../aws/session.ts";
import type { Forecast } from "../forecast/forecast.ts";
import type { History } from "../forecast/history.ts";
import type { MonitorResult } from "../result.ts";
import type { Run } from "../run.ts";
import type { Roll } from "./roll-service.ts";

/** What a run knows besides its result. */
export interface Prospect {
  history?: History;
  forecast?: Forecast | undefined;
  /** How far the routers are in using the table; absent where the run failed before. */
  roll?: Roll;
}

/** A parameter of the standard tier, which is free, has 4,096 bytes at most. Where texts are long, there are fewer counts. */
const MAX_BYTES = 4_000;
const MAX_COUNTS = 48;
const MAX_TEXT = 400;
const MAX_EVENTS = 12;

/** A failure is a WARN: the run is over, and was what it was. */
export async function publishStatus(
  run: Pick<Run, "settings" | "aws" | "log" | "memory">,
  result: MonitorResult,
  prospect: Prospect,
): Promise<void> {
  const { settings, aws, log, memory } = run;
  const { statusParameterName: name } = settings;
  if (name === undefined) return;
  try {
    memory.status ??= await readStatus(run, name);
    const status = statusOf(result, prospect, Date.now(), memory.status);
    // Also where it cannot be written now: the next run does, with what this one did.
    memory.status = status;
    await writeParameter(aws, { name, value: JSON.stringify(status), type: "String", keyId: undefined });
  } catch (error) {
    if (!(error instanceof AwsCallError)) throw error;
    log.warn("The status of this run could not be published", { parameterName: name, error });
  }
}

/** That of the run before; undefined where there is none that can be read. */
async function readStatus({ aws, log }: Pick<Run, "aws" | "log">, name: string): Promise<MonitorStatus | undefined> {
  const parameter = await readParameter(aws, name);
  if (parameter === undefined) return undefined;
  try {
    return parseMonitorStatus(parameter.value);
  } catch (error) {
    log.warn("The status of the run before is not valid: what it remembers is lost", { parameterName: name, error });
    return undefined;
  }
}

/** @param before that of the run before. */
export function statusOf(
  result: MonitorResult,
  { history = [], forecast, roll }: Prospect,
  now: number,
  before?: MonitorStatus,
): MonitorStatus {
  const { countAge } = result;
  const status: MonitorStatus = {
    time: now,
    succeeded: result.statusCode === 200,
    outcome: short(result.statusCode === 200 ? result.message : result.error),
    threshold: result.threshold,
    effectiveThreshold: result.effectiveThreshold,
    thresholdReason: result.thresholdReason && short(result.thresholdReason),
    fileCount: result.fileCount,
    countComplete: result.countComplete,
    changedDirectories: result.changedDirectories,
    countedAt: countAge === undefined ? undefined : now - countAge,
    counts: history.slice(-MAX_COUNTS).map(({ time, files }) => [time, files]),
    forecast: forecast && {
      time: Math.round(forecast.time),
      q05: Math.round(forecast.q05),
      q50: Math.round(forecast.q50),
      q90: Math.round(forecast.q90),
      q95: Math.round(forecast.q95),
    },
    createdIn: result.created?.availabilityZone,
    deletedIn: result.deleted?.availabilityZone,
    retiring: result.retiring ?? undefined,
    scaleInReason: result.scaleIn && short(result.scaleIn.reason),
    deployed: result.deployed,
    availabilityZonesLeft: result.availabilityZonesLeft,
    events: [...(before?.events ?? []), ...eventsOf(result, roll, now, before)].slice(-MAX_EVENTS),
  };
  let { counts } = status;
  while (counts.length > 0 && Buffer.byteLength(JSON.stringify({ ...status, counts })) > MAX_BYTES) {
    counts = counts.slice(1);
  }
  return { ...status, counts };
}

function eventsOf(
  { statusCode, created, deleted, retiring, deployed }: MonitorResult,
  roll: Roll | undefined,
  time: number,
  before: MonitorStatus | undefined,
): MonitorEvent[] {
  const event = (kind: (typeof MONITOR_EVENTS)[number], subject?: string) => ({ time, kind, subject });
  const lastRoll = before?.events?.findLast(({ kind }) => kind.startsWith("deployment-"))?.kind;
  return [
    ...(lastRoll === "deployment-started" && roll === "done" ? [event("deployment-completed")] : []),
    ...(created ? [event("mount-target-added", created.availabilityZone)] : []),
    ...(deleted ? [event("mount-target-deleted", deleted.availabilityZone)] : []),
    ...(retiring && retiring !== before?.retiring ? [event("mount-target-retiring", retiring)] : []),
    ...(deployed ? [event("deployment-started")] : []),
    ...(statusCode !== 200 && before?.succeeded !== false ? [event("run-failed")] : []),
  ];
}

function short(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

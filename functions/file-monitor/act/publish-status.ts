/** Says in a parameter what a run saw and did, for the routers' status page. Nothing depends on it. */
import type { MonitorStatus } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { writeParameter } from "../aws/parameter.ts";
import { AwsCallError } from "../aws/session.ts";
import type { Forecast } from "../forecast/forecast.ts";
import type { History } from "../forecast/history.ts";
import type { MonitorResult } from "../result.ts";
import type { Run } from "../run.ts";

/** What a run knows besides its result. */
export interface Prospect {
  history?: History;
  forecast?: Forecast | undefined;
}

/** A parameter of the standard tier, which is free, has 4,096 bytes at most: that many counts and characters fit. */
const MAX_COUNTS = 48;
const MAX_TEXT = 400;

/** A failure is a WARN: the run is over, and was what it was. */
export async function publishStatus(
  { settings: { statusParameterName: name }, aws, log }: Pick<Run, "settings" | "aws" | "log">,
  result: MonitorResult,
  prospect: Prospect,
): Promise<void> {
  if (name === undefined) return;
  const value = JSON.stringify(statusOf(result, prospect, Date.now()));
  try {
    await writeParameter(aws, { name, value, type: "String", keyId: undefined });
  } catch (error) {
    if (!(error instanceof AwsCallError)) throw error;
    log.warn("The status of this run could not be published", { parameterName: name, error });
  }
}

export function statusOf(result: MonitorResult, { history = [], forecast }: Prospect, now: number): MonitorStatus {
  const { countAge } = result;
  return {
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
  };
}

function short(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/**
 * How many mount targets there should be, given what is: the monitor's only decision about them, in one pure function.
 *
 * Every run decides anew from what AWS says now, so a run that died half-way is finished by the next one.
 */
import type { Account } from "../observe/account.ts";
import type { Settings } from "../settings.ts";
import { decideScaleIn, type ScaleInDecision, type ScaleInObservation } from "./scale-in.ts";
import { decideScaleOut, type PlacementSettings, type ScaleOutDecision } from "./scale-out.ts";

/** Everything that a decision goes by. */
export interface Observation extends Account {
  /** Files counted; a lower bound where the time for counting ran out. */
  readonly fileCount: number;
  /** Where a forecast asks for a mount target before the configured threshold is passed: the number of files to pass. */
  readonly effectiveThreshold?: number | undefined;
  /** What there is to know before a mount target is taken away; absent where none ever is. */
  readonly scaleIn?: ScaleInObservation | undefined;
}

export type ScalingSettings = Pick<Settings, "fileCountThreshold"> &
  Partial<Pick<Settings, "scaleIn">> &
  PlacementSettings;

/** At most one mount target is changed at a time. Whatever carries decisions out must handle every action. */
export type Decision =
  | ScaleOutDecision
  | ScaleInDecision
  /** In words, for people. */
  | { readonly action: "none"; readonly cause: "threshold-not-passed"; readonly reason: string };

/** Decides what a run does about mount targets. */
export function decide(observation: Observation, settings: ScalingSettings): Decision {
  const { fileCount, effectiveThreshold = settings.fileCountThreshold } = observation;
  // The configured threshold always counts: a forecast can only make a mount target come earlier.
  const threshold = Math.min(effectiveThreshold, settings.fileCountThreshold);
  const isPassed = isThresholdPassed(fileCount, threshold);
  const scaleIn = decideScaleIn(observation, settings.scaleIn);
  // A deletion that has begun is finished before anything else.
  if (scaleIn.action === "delete" && scaleIn.isFinal) return scaleIn;
  if (isPassed) return decideScaleOut(observation, settings);
  if (scaleIn.action !== "none") return scaleIn;
  const why = scaleIn.reason === undefined ? "" : `; no mount target is retired: ${scaleIn.reason}`;
  const reason = `${fileCount} files do not pass the threshold of ${threshold}${why}`;
  return { action: "none", cause: "threshold-not-passed", reason };
}

export function isThresholdPassed(fileCount: number, threshold: number): boolean {
  return fileCount > threshold;
}

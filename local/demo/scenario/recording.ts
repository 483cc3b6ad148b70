/** What was seen while a scenario went by, and what that says. */
import { round } from "../figures.ts";
import type { TargetsInUse } from "../target-report.ts";

/** What was seen in one look. */
export interface Moment extends TargetsInUse {
  /** Since the demo began. */
  readonly second: number;
  readonly files: number;
  /** Mount targets that EFS has, in any state. */
  readonly mountTargets: number;
  /** How many files the monitor's last run takes for possible by when a mount target could be there, where it forecasts. */
  readonly possibleFiles: number | undefined;
  /** Above how many files that run adds a mount target. */
  readonly effectiveThreshold: number;
}

/** The first moment at which each of these was so; undefined for what was never so. */
export interface Milestones {
  readonly thresholdPassed: Moment | undefined;
  readonly thirdTargetCreated: Moment | undefined;
  /** Every task uses it. */
  readonly thirdTargetInUse: Moment | undefined;
  readonly retiring: Moment | undefined;
  /** It is gone again. */
  readonly retired: Moment | undefined;
}

/** @param moments In order. */
export function milestonesOf(moments: readonly Moment[], threshold: number): Milestones {
  const thirdTargetInUse = moments.find(({ serving }) => serving > 2);
  const since = thirdTargetInUse?.second ?? Number.POSITIVE_INFINITY;
  return {
    thresholdPassed: moments.find(({ files }) => files > threshold),
    thirdTargetCreated: moments.find(({ mountTargets }) => mountTargets > 2),
    thirdTargetInUse,
    retiring: moments.find(({ retiring }) => retiring > 0),
    retired: moments.find(({ second, mountTargets }) => second > since && mountTargets < 3),
  };
}

/** How often EFS got or lost a mount target. */
export function countChanges(moments: readonly Moment[]): number {
  return moments.filter(({ mountTargets }, index) => index > 0 && mountTargets !== moments[index - 1]?.mountTargets)
    .length;
}

/** How many mount targets every task used, at the end of each second. */
export function targetsBySecond(moments: readonly Moment[]): number[] {
  const seconds = Math.ceil(moments.at(-1)?.second ?? 0);
  return Array.from(
    { length: seconds },
    (_, second) => moments.findLast((moment) => moment.second <= second + 1)?.serving ?? 0,
  );
}

/** To a tenth; null for what did not happen. */
export function secondOf(moment: Moment | undefined): number | null {
  return moment === undefined ? null : round(moment.second, 1);
}

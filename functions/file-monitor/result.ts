/**
 * The result of a run: what the function returns, and the source of its metrics.
 */
import type { DollarBounds } from "@efs-mount-autoscaling/metering";
import type { ChangedDirectories } from "@efs-mount-autoscaling/mount-table/monitor-status";
import type { MountTargetDescription } from "./aws/file-system.ts";
import type { Skipped, WrongDirectories } from "./observe/count/count-tree.ts";

export type MonitorResult = Outcome & Report;

/** 500 when the count, the creation of a mount target or a call to AWS failed. */
export type Outcome =
  | { readonly statusCode: 200; readonly message: string }
  | { readonly statusCode: 500; readonly error: string };

export const NO_ACTION: Outcome = { statusCode: 200, message: "No action needed" };

export function failure(error: unknown): Outcome {
  return { statusCode: 500, error: error instanceof Error ? error.message : String(error) };
}

/** What the run saw and did. A member is absent when the run failed before it was known. */
export interface Report {
  /** A lower bound unless `countComplete`. */
  fileCount?: number;
  threshold?: number;
  thresholdPassed?: boolean;
  /** The number of files above which the run adds a mount target: the threshold, or less by the forecast. */
  effectiveThreshold?: number;
  /** Why, in words. */
  thresholdReason?: string;
  /** Absent with `thresholdMode: fixed`, and while there is too little history. */
  forecast?: ForecastReport | undefined;
  /** How many of the last mount targets that a forecast added were not needed, one after the other. */
  forecastFalseAlarms?: number;
  /** False when the time for counting ran out. */
  countComplete?: boolean;
  /** Milliseconds that the count took. */
  countDuration?: number;
  /** Milliseconds since the count began; 0 where this run has counted. */
  countAge?: number;
  /** Bytes that EFS meters of the count with elastic throughput, at least and at most. Estimated, where a mount is read. */
  countMeteredBytes?: { readonly lower: number; readonly upper: number };
  /** What these bytes cost, in US dollars; absent in regions whose prices are not known here. */
  countDollars?: DollarBounds | undefined;
  /** Whether the count read every directory; otherwise only those that had changed since the count before. */
  fullCount?: boolean;
  /** Directories that the count has read. */
  directoriesRead?: number;
  /** Directories of which the count before said something else, though they have not changed: an error of ours. */
  wrongDirectories?: WrongDirectories;
  /** The directory that holds most files directly, as a path inside the file system. */
  largestDirectory?: { readonly path: string; readonly files: number };
  /** Directories in which the count found names changed since the count before, whoever changed them. */
  changedDirectories?: ChangedDirectories;
  /** What could not be read, with the paths of the first few. */
  skipped?: Skipped;
  /** The mount targets at the end of the run, whatever their state. */
  mountTargets?: readonly MountTargetDescription[];
  /** How many more mount targets the file system could get. */
  availabilityZonesLeft?: number;
  /** Whether the threshold may be passed within seven days; absent while there is a place left, or nothing is forecast. */
  endInSight?: boolean | undefined;
  /** The mount target that became available in this run; null when none was wanted, or it failed. */
  created?: MountTargetDescription | null;
  /** Whether one was wanted but could not be added. */
  creationFailed?: boolean;
  /** What was decided about taking a mount target away, and why; with `scaleIn: observe`, what would be done. */
  scaleIn?: ScaleInReport;
  /** The mount target that the table marks as retiring; null for none. */
  retiring?: string | null;
  /** The mount target that was deleted in this run; null when that failed. */
  deleted?: MountTargetDescription | null;
  deletionFailed?: boolean;
  /** Milliseconds since the replica was complete, where the file system is replicated. */
  replicaLag?: number | undefined;
  tableUpdated?: boolean;
  deployed?: boolean;
}

export interface ScaleInReport {
  readonly action: "none" | "retire" | "delete";
  readonly mountTarget?: MountTargetDescription;
  /** In words. */
  readonly reason: string;
}

/** What is expected, and what `thresholdMode: forecast` makes of it. */
export interface ForecastReport {
  /** With a probability of 90 % there are no more files at the horizon. */
  readonly fileCount: number;
  /** Milliseconds from now. */
  readonly horizon: number;
  /** The number of files above which a mount target is added; with `observe`, would be added. */
  readonly threshold: number;
  readonly thresholdPassed: boolean;
}

/** What a count says. */
export type CountReport = Required<
  Pick<
    Report,
    | "fileCount"
    | "countComplete"
    | "countDuration"
    | "countAge"
    | "fullCount"
    | "directoriesRead"
    | "wrongDirectories"
    | "changedDirectories"
    | "largestDirectory"
    | "skipped"
  >
> &
  Pick<Report, "countMeteredBytes" | "countDollars">;

/** What there is to say about the threshold. */
export type ThresholdReport = Required<
  Pick<
    Report,
    "threshold" | "thresholdPassed" | "effectiveThreshold" | "thresholdReason" | "forecast" | "forecastFalseAlarms"
  >
>;

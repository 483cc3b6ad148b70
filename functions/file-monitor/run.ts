import type { MonitorStatus } from "@efs-mount-autoscaling/mount-table/monitor-status";
import type { TlsOptions } from "nfs-client";
import type { AwsSession } from "./aws/session.ts";
import type { Deadline } from "./deadline.ts";
import type { PastCounts } from "./decide/count-schedule.ts";
import type { Stability } from "./decide/stability.ts";
import type { CountReport } from "./result.ts";
import type { Settings } from "./settings.ts";

/** What the steps of one run share. */
export interface Run {
  /** Whether to count even where the last count is recent enough. */
  readonly mustCount: boolean;
  readonly memory: Memory;
  readonly settings: Settings;
  readonly aws: AwsSession;
  readonly deadline: Deadline;
  readonly log: Log;
}

/** What a process keeps from one run for the next. Losing it costs two counts and a refused call, and nothing else. */
export interface Memory {
  lastCount?: RememberedCount;
  /** The number of files above which the last run would have added a mount target. */
  effectiveThreshold?: number;
  /** What the last run said of itself. */
  status?: MonitorStatus | undefined;
  /** When a run last warned that the threshold will be passed with no Availability Zone left: milliseconds since 1970. */
  capacityWarnedAt?: number;
  /** Where no bucket keeps it. */
  stability?: Stability;
  /** Of the tree in the bucket, since it was last read or written. */
  treeEtag?: string | undefined;
  /** To mount targets. */
  tls?: Promise<TlsOptions>;
  /** Availability Zones in which EFS has refused this file system a mount target, and will again. */
  readonly unsupportedZones: Set<string>;
}

export interface RememberedCount {
  readonly past: PastCounts;
  readonly report: CountReport;
}

/** The part of the Powertools logger that a run uses. */
export interface Log {
  info(message: string, fields: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
  error(message: string, fields: Readonly<Record<string, unknown>>): void;
}

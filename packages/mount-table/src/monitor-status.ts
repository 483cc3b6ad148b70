/**
 * What the file monitor last saw and did, for people: it writes it to an SSM parameter of its own, and routers show it.
 * Nothing depends on it.
 *
 * By zod's small variant: browsers read it, too. Times are milliseconds since 1970.
 */
import * as z from "zod/mini";

const changedDirectoriesSchema = z.object({
  /** When the count began that found them. */
  foundAt: z.number(),
  /** Paths as those of the file API; `recursive`: of directories below it. */
  directories: z.array(z.object({ path: z.string(), recursive: z.boolean() })),
});

export type ChangedDirectories = z.infer<typeof changedDirectoriesSchema>;

const monitorEventSchema = z.object({
  /** When the run ended that did or saw it. */
  time: z.number(),
  /** One of {@link MONITOR_EVENTS}, or what a later version calls it. */
  kind: z.string(),
  /** An Availability Zone or the id of a mount target. */
  subject: z.optional(z.string()),
});

export type MonitorEvent = z.infer<typeof monitorEventSchema>;

/** What is remembered of runs. `run-failed`: the first one that failed after one that did not. */
export const MONITOR_EVENTS = [
  "mount-target-added",
  "mount-target-retiring",
  "mount-target-deleted",
  "deployment-started",
  "deployment-completed",
  "run-failed",
] as const;

export const monitorStatusSchema = z.object({
  /** When the run ended. */
  time: z.number(),
  succeeded: z.boolean(),
  /** What it did or why it failed, in words. */
  outcome: z.string(),
  threshold: z.optional(z.number()),
  /** The number of files above which a mount target is added now: the threshold, or less by the forecast. */
  effectiveThreshold: z.optional(z.number()),
  /** Why, in words. */
  thresholdReason: z.optional(z.string()),
  fileCount: z.optional(z.number()),
  countComplete: z.optional(z.boolean()),
  countedAt: z.optional(z.number()),
  /** In which the last count found names changed since the one before, whoever changed them. */
  changedDirectories: z.optional(changedDirectoriesSchema),
  /** Time and number of files, oldest first. */
  counts: z.array(z.tuple([z.number(), z.number()])),
  /** Quantiles of the number of files at a time to come. */
  forecast: z.optional(
    z.object({ time: z.number(), q05: z.number(), q50: z.number(), q90: z.number(), q95: z.number() }),
  ),
  /** The Availability Zone of the mount target that was added. */
  createdIn: z.optional(z.string()),
  /** Of the mount target that was deleted. */
  deletedIn: z.optional(z.string()),
  /** The id of the mount target that is retiring. */
  retiring: z.optional(z.string()),
  /** Why a mount target is retired or deleted, or why none is, in words. Absent without scale-in. */
  scaleInReason: z.optional(z.string()),
  deployed: z.optional(z.boolean()),
  availabilityZonesLeft: z.optional(z.number()),
  /** What this run and those before it did, oldest first. */
  events: z.optional(z.array(monitorEventSchema)),
});

export type MonitorStatus = z.infer<typeof monitorStatusSchema>;

/** The value of the parameter before the first run. */
export const NO_MONITOR_STATUS = "{}";

/** Undefined before the first run. @throws where the text is something else. */
export function parseMonitorStatus(text: string): MonitorStatus | undefined {
  return text === NO_MONITOR_STATUS ? undefined : monitorStatusSchema.parse(JSON.parse(text));
}

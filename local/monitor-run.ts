/** What a run of the monitor did, in a line for people. */
import { z } from "zod";
import type { Invocation } from "./lambda/messages.ts";

const zoned = z.object({ availabilityZone: z.string() });

const resultSchema = z.object({
  statusCode: z.number(),
  message: z.string().optional(),
  error: z.string().optional(),
  fileCount: z.number().optional(),
  created: zoned.nullish(),
  deleted: zoned.nullish(),
  scaleIn: z.object({ action: z.string(), mountTarget: zoned.optional() }).optional(),
  tableUpdated: z.boolean().optional(),
  deployed: z.boolean().optional(),
});

/** How a run ended, for people. */
export interface LastRun {
  /** When it ended, in milliseconds since 1970. */
  readonly time: number;
  readonly succeeded: boolean;
  readonly text: string;
}

export function summarizeMonitorRun(invocation: Invocation): LastRun {
  const time = Date.now();
  if (invocation.outcome === "failed") return { time, succeeded: false, text: invocation.errorMessage };
  const { statusCode, message, error, fileCount = 0 } = resultSchema.parse(invocation.payload);
  const files = fileCount === 1 ? "file" : "files";
  const text = `${fileCount.toLocaleString("en-US")} ${files}: ${message ?? error ?? ""}`;
  return { time, succeeded: statusCode === 200, text };
}

/** One line for a run that changed something or failed, none for the others. */
export function describeMonitorRun(invocation: Invocation): string[] {
  if (invocation.outcome === "failed") {
    return [`The monitor failed: ${invocation.errorType}: ${invocation.errorMessage}`];
  }
  const result = resultSchema.parse(invocation.payload);
  const { statusCode, error, fileCount = 0, created, deleted, scaleIn, tableUpdated, deployed } = result;
  const retiring = scaleIn?.action === "retire" && tableUpdated ? scaleIn.mountTarget : undefined;
  if (statusCode !== 200) return [`The monitor failed: ${error}`];
  const actions = [
    ...(created ? [`created a mount target in ${created.availabilityZone}`] : []),
    ...(retiring ? [`began to retire the mount target in ${retiring.availabilityZone}`] : []),
    ...(deleted ? [`deleted the mount target in ${deleted.availabilityZone}`] : []),
    ...(deployed ? ["started a deployment"] : []),
  ];
  if (actions.length === 0) return [];
  return [`The monitor counted ${fileCount.toLocaleString("en-US")} files, and ${actions.join(" and ")}`];
}

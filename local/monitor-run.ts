/** What a run of the monitor did, in a line for people. */
import { z } from "zod";
import type { Invocation } from "./lambda/messages.ts";

const resultSchema = z.object({
  statusCode: z.number(),
  error: z.string().optional(),
  fileCount: z.number().optional(),
  created: z.object({ availabilityZone: z.string() }).nullish(),
  deployed: z.boolean().optional(),
});

/** One line for a run that changed something or failed, none for the others. */
export function describeMonitorRun(invocation: Invocation): string[] {
  if (invocation.outcome === "failed") {
    return [`The monitor failed: ${invocation.errorType}: ${invocation.errorMessage}`];
  }
  const { statusCode, error, fileCount = 0, created, deployed } = resultSchema.parse(invocation.payload);
  if (statusCode !== 200) return [`The monitor failed: ${error}`];
  const actions = [
    ...(created ? [`created a mount target in ${created.availabilityZone}`] : []),
    ...(deployed ? ["started a deployment"] : []),
  ];
  if (actions.length === 0) return [];
  return [`The monitor counted ${fileCount.toLocaleString("en-US")} files, and ${actions.join(" and ")}`];
}

/** `/targets`: the mount targets, for operators. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import * as z from "zod";
import type { RoutedFiles } from "../../router/routed-files.ts";
import type { Target } from "../../router/target.ts";
import { TARGET_STATES } from "../../router/target-state.ts";

interface TargetRoutesOptions {
  readonly files: RoutedFiles;
}

const milliseconds = z.number().describe("Milliseconds.");

export const targetList = z.object({
  targets: z.array(
    z.object({
      id: z.string(),
      ipAddress: z.string(),
      port: z.number(),
      availabilityZone: z.string(),
      state: z.enum(TARGET_STATES),
      since: z.iso.datetime().describe("When the state last changed."),
      reason: z.string().optional().describe("Why the target failed."),
      inFlight: z.number().describe("Operations in flight."),
      requests: z.number(),
      errors: z.number().describe("Requests that failed through the target; no such file is none of these."),
      bytesRead: z.number(),
      bytesWritten: z.number(),
      compounds: z.number().describe("NFSv4.1 COMPOUNDs sent."),
      latency: z.object({ mean: milliseconds, p50: milliseconds, p99: milliseconds }),
    }),
  ),
});

export const targetRoutes: FastifyPluginAsyncZod<TargetRoutesOptions> = async (app, { files }) => {
  app.route({
    method: "GET",
    url: "/targets",
    schema: {
      tags: ["operations"],
      summary: "The mount targets, and what was done at each since the start",
      response: { 200: targetList },
    },
    handler: async () => ({ targets: files.targets.map(describe) }),
  });
};

function describe(target: Target): z.infer<typeof targetList>["targets"][number] {
  const { id, mountTarget, port, state, since, reason, connection, statistics, compounds } = target;
  const { requests, errors, bytesRead, bytesWritten, latency } = statistics;
  return {
    id,
    ipAddress: mountTarget.ip_address,
    port,
    availabilityZone: mountTarget.availability_zone,
    state,
    since: new Date(since).toISOString(),
    reason,
    inFlight: connection?.active ?? 0,
    requests,
    errors,
    bytesRead,
    bytesWritten,
    compounds,
    latency,
  };
}

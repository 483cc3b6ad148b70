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
      retiring: z.boolean().describe("Whether it is going to be deleted, and gets nothing new while others are there."),
      inOwnZone: z.boolean().optional().describe("Whether it is in this router's zone, where that is known."),
      share: z.number().describe("Of the requests of all these targets, from 0 to 1."),
      inFlight: z.number().describe("Operations in flight."),
      load: z.number().describe("Operations in flight, each weighted by its bytes: what routing by load looks at."),
      recentLatency: milliseconds.optional().describe("Mean of reads lately, in milliseconds; absent before a few."),
      requests: z.number(),
      errors: z.number().describe("Requests that failed through the target; no such file is none of these."),
      bytesRead: z.number(),
      bytesWritten: z.number(),
      bytesAcrossZones: z.number().optional().describe("Read and written, if it is in another zone: they are billed."),
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
    handler: async () => {
      const requests = files.targets.reduce((sum, { statistics }) => sum + statistics.requests, 0);
      return { targets: files.targets.map((target) => describe(target, requests, files)) };
    },
  });
};

type TargetDescription = z.infer<typeof targetList>["targets"][number];

function describe(target: Target, allRequests: number, files: RoutedFiles): TargetDescription {
  const { id, mountTarget, port, zone, state, since, reason, isRetiring, connection, statistics, meter, compounds } =
    target;
  const { requests, errors, bytesRead, bytesWritten, latency } = statistics;
  return {
    id,
    ipAddress: mountTarget.ip_address,
    port,
    availabilityZone: zone,
    state,
    since: new Date(since).toISOString(),
    reason,
    retiring: isRetiring,
    inOwnZone: files.ownZone === undefined ? undefined : zone === files.ownZone,
    share: allRequests === 0 ? 0 : requests / allRequests,
    inFlight: connection?.active ?? 0,
    load: meter.inFlight,
    recentLatency: meter.latency.mean,
    requests,
    errors,
    bytesRead,
    bytesWritten,
    bytesAcrossZones: files.bytesAcrossZonesAt(target),
    compounds,
    latency,
  };
}

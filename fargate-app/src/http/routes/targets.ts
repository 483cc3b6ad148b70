/** `/targets`: the mount targets, for operators. */
import {
  addCounts,
  type Latency,
  percentile,
  type RoutedFiles,
  TARGET_STATES,
  type Target,
} from "@efs-mount-autoscaling/routed-files";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import * as z from "zod";
import { severityOf } from "../../status/severity.ts";
import type { WorkerGroup } from "../../workers/group.ts";

interface TargetRoutesOptions {
  readonly group: WorkerGroup;
}

const milliseconds = z.number().describe("Milliseconds.");

const targetDescription = z.object({
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
});

export const targetList = z.object({ targets: z.array(targetDescription) });

/** As one worker sees them, with what the latencies of several workers can be added by. */
export const targetAnswer = z.array(
  targetDescription.omit({ share: true }).extend({ latencies: z.record(z.string(), z.number()) }),
);

type TargetOfWorker = z.infer<typeof targetAnswer>[number];

export const targetRoutes: FastifyPluginAsyncZod<TargetRoutesOptions> = async (app, { group }) => {
  app.route({
    method: "GET",
    url: "/targets",
    schema: {
      tags: ["operations"],
      operationId: "getTargets",
      summary: "The mount targets, and what was done at each since the start",
      response: { 200: targetList },
    },
    handler: async () => {
      const targets = mergeTargets(await group.ask("targets"));
      const all = targets.reduce((sum, { requests }) => sum + requests, 0);
      return { targets: targets.map((target) => ({ ...target, share: all === 0 ? 0 : target.requests / all })) };
    },
  });
};

/** What one worker answers. */
export function describeTargets(files: RoutedFiles): TargetOfWorker[] {
  return files.targets.map((target) => describe(target, files));
}

function describe(target: Target, files: RoutedFiles): TargetOfWorker {
  const { id, mountTarget, port, zone, state, since, reason, isRetiring, connection, statistics, meter, compounds } =
    target;
  const { requests, errors, bytesRead, bytesWritten, latency, latencies } = statistics;
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
    latencies: latencies.counts,
  };
}

/** As all workers together see them: what is counted adds up, and of states the worst counts. */
function mergeTargets(answers: readonly TargetOfWorker[][]): TargetOfWorker[] {
  const byId = new Map<string, [TargetOfWorker, ...TargetOfWorker[]]>();
  for (const target of answers.flat()) {
    const same = byId.get(target.id);
    if (same === undefined) byId.set(target.id, [target]);
    else same.push(target);
  }
  return [...byId.values()].map(mergeTarget);
}

function mergeTarget(seen: [TargetOfWorker, ...TargetOfWorker[]]): TargetOfWorker {
  if (seen.length === 1) return seen[0];
  const worst = seen.reduce((a, b) => (severityOf(b.state) < severityOf(a.state) ? b : a));
  const sum = (of: (target: TargetOfWorker) => number) => seen.reduce((total, target) => total + of(target), 0);
  const latencies = addCounts(seen.map((target) => target.latencies));
  return {
    ...worst,
    // It gets nothing new only when all of them know.
    retiring: seen.every(({ retiring }) => retiring),
    inFlight: sum(({ inFlight }) => inFlight),
    load: sum(({ load }) => load),
    recentLatency: mean(seen.flatMap(({ recentLatency }) => recentLatency ?? [])),
    requests: sum(({ requests }) => requests),
    errors: sum(({ errors }) => errors),
    bytesRead: sum(({ bytesRead }) => bytesRead),
    bytesWritten: sum(({ bytesWritten }) => bytesWritten),
    bytesAcrossZones:
      worst.bytesAcrossZones === undefined ? undefined : sum(({ bytesAcrossZones = 0 }) => bytesAcrossZones),
    compounds: sum(({ compounds }) => compounds),
    latency: latencyOf(seen, latencies),
    latencies,
  };
}

function latencyOf(seen: readonly TargetOfWorker[], latencies: TargetOfWorker["latencies"]): Latency {
  const requests = seen.reduce((sum, target) => sum + target.requests, 0);
  const total = seen.reduce((sum, target) => sum + target.requests * target.latency.mean, 0);
  return {
    mean: requests === 0 ? 0 : total / requests,
    p50: percentile(latencies, 0.5) ?? 0,
    p99: percentile(latencies, 0.99) ?? 0,
  };
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** What operators, load balancers and scrapers ask a router. */
import * as z from "zod";
import type { RoutedFiles } from "../router/routed-files.ts";
import { TARGET_STATES } from "../router/target-state.ts";
import type { App } from "./app.ts";
import { NO_SECURITY } from "./authentication/bearer.ts";
import type { Metrics } from "./metrics.ts";

const tags = ["operations"];

const status = z.object({ status: z.string() });

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
      inFlight: z.number().describe("Operations under way."),
      requests: z.number(),
      errors: z.number().describe("Requests that failed through the target; no such file is none of these."),
      bytesRead: z.number(),
      bytesWritten: z.number(),
      compounds: z.number().describe("NFSv4.1 COMPOUNDs sent."),
      latency: z.object({ mean: milliseconds, p50: milliseconds, p99: milliseconds }),
    }),
  ),
});

/** @param isStopping The router finishes what is under way, and wants nothing new. */
export function addOperationRoutes(app: App, router: RoutedFiles, metrics: Metrics, isStopping: () => boolean): void {
  app.route({
    method: "GET",
    url: "/healthz",
    config: { access: "probe" },
    schema: { tags, security: NO_SECURITY, summary: "The process lives", response: { 200: status } },
    handler: async () => ({ status: "alive" }),
  });

  app.route({
    method: "GET",
    url: "/readyz",
    config: { access: "probe" },
    schema: {
      tags,
      security: NO_SECURITY,
      summary: "Requests can be answered: a mount target is connected, and the router is not stopping",
      response: { 200: status, 503: status },
    },
    handler: async (_request, reply) => {
      if (isStopping()) return reply.code(503).send({ status: "stopping" });
      if (!router.ready) return reply.code(503).send({ status: "no mount target is connected" });
      return { status: "ready" };
    },
  });

  app.route({
    method: "GET",
    url: "/targets",
    schema: {
      tags,
      summary: "The mount targets, and what was done at each since the start",
      response: { 200: targetList },
    },
    handler: async () => ({ targets: router.targets.map(describe) }),
  });

  app.route({
    method: "GET",
    url: "/metrics",
    schema: { tags, summary: "Metrics for Prometheus", produces: [metrics.registry.contentType] },
    handler: async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  });
}

function describe({
  id,
  mountTarget,
  port,
  state,
  since,
  reason,
  connection,
  statistics,
  compounds,
}: RoutedFiles["targets"][number]) {
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

/** `/livez`, `/healthz` and `/readyz`: what health checks and load balancers ask. */
import type { RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import * as z from "zod";
import type { WorkerGroup } from "../../workers/group.ts";
import { NO_SECURITY } from "../plugins/openapi.ts";

interface HealthRoutesOptions {
  readonly files: RoutedFiles;
  readonly group: Pick<WorkerGroup, "complete">;
  /** The router finishes what is in flight, and wants no new requests. */
  readonly isStopping: () => boolean;
}

const status = z.object({ status: z.string() });

export const healthRoutes: FastifyPluginAsyncZod<HealthRoutesOptions> = async (app, { files, group, isStopping }) => {
  app.route({
    method: "GET",
    url: "/livez",
    config: { access: "probe" },
    schema: {
      tags: ["operations"],
      operationId: "getLiveness",
      security: NO_SECURITY,
      summary: "The process lives",
      response: { 200: status },
    },
    handler: async () => ({ status: "alive" }),
  });

  app.route({
    method: "GET",
    url: "/healthz",
    config: { access: "probe" },
    schema: {
      tags: ["operations"],
      operationId: "getHealth",
      security: NO_SECURITY,
      summary: "The process lives, and has connected to a mount target once",
      response: { 200: status, 503: status },
    },
    handler: async (_request, reply) =>
      group.complete ? { status: "alive" } : reply.code(503).send({ status: "starting" }),
  });

  app.route({
    method: "GET",
    url: "/readyz",
    config: { access: "probe" },
    schema: {
      tags: ["operations"],
      operationId: "getReadiness",
      security: NO_SECURITY,
      summary: "Requests can be answered: a mount target is connected, or stalls, and the router is not stopping",
      response: { 200: status, 503: status },
    },
    handler: async (_request, reply) => {
      if (isStopping()) return reply.code(503).send({ status: "stopping" });
      if (!group.complete || !files.ready) return reply.code(503).send({ status: "no mount target is connected" });
      return { status: "ready" };
    },
  });
};

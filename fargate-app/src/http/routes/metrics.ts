/** `/metrics`: for Prometheus. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import * as z from "zod";
import { type Metrics, metricsText } from "../../metrics.ts";
import type { WorkerGroup } from "../../workers/group.ts";

interface MetricsRoutesOptions {
  readonly metrics: Metrics;
  readonly group: WorkerGroup;
}

export const metricsRoutes: FastifyPluginAsyncZod<MetricsRoutesOptions> = async (app, { metrics, group }) => {
  const { registry } = metrics;
  app.route({
    method: "GET",
    url: "/metrics",
    schema: {
      tags: ["operations"],
      operationId: "getMetrics",
      summary: "Metrics for Prometheus",
      response: { 200: { description: "Metrics", content: { [registry.contentType]: { schema: z.string() } } } },
    },
    handler: async (_request, reply) => {
      const text = group.size === 1 ? await registry.metrics() : await metricsText(await group.ask("metrics"));
      return reply.type(registry.contentType).send(text);
    },
  });
};

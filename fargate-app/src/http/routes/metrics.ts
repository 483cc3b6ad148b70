/** `/metrics`: for Prometheus. */
import type { FastifyPluginAsync } from "fastify";
import type { Metrics } from "../../metrics.ts";

interface MetricsRoutesOptions {
  readonly metrics: Metrics;
}

export const metricsRoutes: FastifyPluginAsync<MetricsRoutesOptions> = async (app, { metrics: { registry } }) => {
  app.route({
    method: "GET",
    url: "/metrics",
    schema: { tags: ["operations"], summary: "Metrics for Prometheus", produces: [registry.contentType] },
    handler: async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  });
};

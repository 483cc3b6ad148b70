/** Counts and logs every request, and names it in its response. */
import type { FastifyReply } from "fastify";
import fp from "fastify-plugin";
import type { Metrics } from "../../metrics.ts";

interface ObservationOptions {
  readonly metrics: Metrics;
  /** Log every request, not only those that fail. */
  readonly accessLog: boolean;
}

/** The status, in logs and metrics, of a response that was not sent in full: HTTP has none for that. */
const UNFINISHED = 499;

export const observation = fp<ObservationOptions>(
  async (app, { metrics, accessLog }) => {
    app.addHook("onRequest", (request, reply, done) => {
      reply.header("x-request-id", request.id);
      // Fastify does not call onResponse when the client goes away.
      reply.raw.once("close", () => {
        const { method, routeOptions, originalUrl: url } = request;
        const { elapsedTime } = reply;
        const status = isFinished(reply) ? reply.statusCode : UNFINISHED;
        metrics.observeExchange({ method, route: routeOptions.url ?? "none", status, seconds: elapsedTime / 1000 });
        if (accessLog)
          request.log.info({ method, url, status, milliseconds: elapsedTime }, `${method} ${url} ${status}`);
      });
      done();
    });
  },
  { name: "observation", fastify: "5.x" },
);

/** Whether the response was sent in full. Node counts bytes as written that it could not send: the connection was lost. */
export function isFinished({ raw, request }: FastifyReply): boolean {
  return raw.writableFinished && !request.raw.socket.destroyed;
}

/**
 * Closes a connection after many requests, where several workers share the port: its client, which may be a load balancer
 * that keeps connections for days, opens another one, which goes to a worker that has time for it.
 */
import type { Socket } from "node:net";
import fp from "fastify-plugin";

/** Requests over one connection: a new one costs little beside so many. */
const MAX_REQUESTS = 1_000;

export const connectionRenewal = fp(
  async (app) => {
    const requests = new WeakMap<Socket, number>();
    app.addHook("onRequest", ({ socket }, reply, done) => {
      const count = (requests.get(socket) ?? 0) + 1;
      requests.set(socket, count);
      if (count >= MAX_REQUESTS) reply.raw.setHeader("connection", "close");
      done();
    });
  },
  { name: "connection-renewal", fastify: "5.x" },
);

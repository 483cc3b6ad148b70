/** Refuses connections beyond the limit, and closes those that keep sending a body whose request is already answered. */
import type { Socket } from "node:net";
import fp from "fastify-plugin";
import type { HttpLimits } from "../limits.ts";

/** Milliseconds for the rest of a body when its request is already answered. */
const LINGER = 5_000;

/** Milliseconds between two lines about refused connections. */
const WARNING_INTERVAL = 60_000;

/**
 * Not by the server's `maxConnections`: a worker that refuses a connection by that has node:cluster offer it to the other
 * workers, and when all refuse, again and again.
 */
export const connectionLimits = fp<Pick<HttpLimits, "maxConnections">>(
  async ({ log, server }, { maxConnections }) => {
    let open = 0;
    let warnedAt = Number.NEGATIVE_INFINITY;
    server.on("connection", (socket: Socket) => {
      open += 1;
      socket.once("close", () => {
        open -= 1;
      });
      if (open <= maxConnections) return;
      socket.destroy();
      const now = performance.now();
      if (now - warnedAt < WARNING_INTERVAL) return;
      warnedAt = now;
      log.warn(`${maxConnections} connections are open (MAX_CONNECTIONS): more are refused`);
    });
    server.on("request", (request, response) => {
      response.once("finish", () => {
        if (request.complete) return;
        const timer = setTimeout(() => request.socket.destroy(), LINGER).unref();
        request.once("close", () => clearTimeout(timer));
      });
    });
  },
  { name: "connection-limits", fastify: "5.x" },
);

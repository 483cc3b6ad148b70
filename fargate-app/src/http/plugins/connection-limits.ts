/** Refuses connections beyond the limit, and closes those that keep sending a body whose request is already answered. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import fp from "fastify-plugin";
import type { WorkerGroup } from "../../workers/group.ts";
import type { HttpLimits } from "../limits.ts";

/** Milliseconds for the rest of a body when its request is already answered. */
const LINGER = 5_000;

/** Milliseconds between two lines about refused connections. */
const WARNING_INTERVAL = 60_000;

interface ConnectionLimitsOptions extends Pick<HttpLimits, "maxConnections"> {
  readonly group: Pick<WorkerGroup, "takePlace" | "giveBackPlace">;
}

/** Whether the framing of a request announces one (RFC 9112 §6.3). */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}

/** Not by the server's own `maxConnections`: the limit is for all workers that share the port. */
export const connectionLimits = fp<ConnectionLimitsOptions>(
  async (app, { maxConnections, group }) => {
    const { log, server } = app;
    let warnedAt = Number.NEGATIVE_INFINITY;
    const refuse = (socket: Socket) => {
      socket.destroy();
      const now = performance.now();
      if (now - warnedAt < WARNING_INTERVAL) return;
      warnedAt = now;
      log.warn(`${maxConnections} connections are open (MAX_CONNECTIONS): more are refused`);
    };
    const admit = (socket: Socket, isTaken: boolean) => {
      if (!isTaken) refuse(socket);
      else if (socket.destroyed) group.giveBackPlace("connection");
      else socket.once("close", () => group.giveBackPlace("connection"));
    };
    /** Of connections that the other workers are being asked about. */
    const admissions = new Map<Socket, Promise<void>>();
    const admitLater = async (socket: Socket, taken: Promise<boolean>) => {
      // While nobody can be asked, this worker is about to end.
      admit(socket, await taken.catch(() => false));
      admissions.delete(socket);
    };
    server.on("connection", (socket: Socket) => {
      const taken = group.takePlace("connection", maxConnections);
      if (typeof taken === "boolean") admit(socket, taken);
      else admissions.set(socket, admitLater(socket, taken));
    });
    app.addHook("onRequest", ({ socket }, _reply, done) => {
      const admission = admissions.get(socket);
      if (admission === undefined) done();
      // No request of a connection that is refused is processed.
      else void admission.then(() => socket.destroyed || done());
    });
    server.on("request", (request, response) => {
      if (!hasBody(request)) return;
      response.once("finish", () => {
        if (request.complete) return;
        const timer = setTimeout(() => request.socket.destroy(), LINGER).unref();
        request.once("close", () => clearTimeout(timer));
      });
    });
  },
  { name: "connection-limits", fastify: "5.x" },
);

/**
 * Keeps the effects of pipelined requests in the order of their connection: they are processed in parallel only where
 * all of them have safe methods (RFC 9112 §9.3.2).
 */
import type { ServerResponse } from "node:http";
import fp from "fastify-plugin";
import { closed } from "./in-flight-responses.ts";

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

export const pipelining = fp(
  async (app) => {
    app.addHook("onRequest", ({ socket }, { raw }, done) => {
      // Behind a response that ends the connection, no request is processed (RFC 9112 §9.6).
      const proceed = () => {
        if (socket.writable) done();
      };
      const blocking = blockingOf(raw, app.inFlight.of(socket));
      if (blocking.length === 0) proceed();
      else void Promise.all(blocking.map(closed)).then(proceed);
    });
  },
  { name: "pipelining", fastify: "5.x", dependencies: ["in-flight-responses"] },
);

/** The responses of a connection that must be sent before the request of `own` is processed. */
function blockingOf(own: ServerResponse, responses: ReadonlySet<ServerResponse>): ServerResponse[] {
  const before: ServerResponse[] = [];
  for (const response of responses) {
    if (response === own) break;
    before.push(response);
  }
  return isSafe(own) ? before.filter((response) => !isSafe(response)) : before;
}

function isSafe({ req }: ServerResponse): boolean {
  return SAFE_METHODS.has(req.method ?? "");
}

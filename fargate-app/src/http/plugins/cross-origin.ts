/**
 * Refuses changes that a page from elsewhere makes the browser of its reader send (cross-site request forgery): the
 * browser would add the cookie, or the API is open. A bearer token is different: browsers add none by themselves, as
 * they do with Basic credentials (RFC 7617) that they know.
 */
import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { ProblemError } from "../semantics/problem.ts";
import { bearerTokenOf, hasSession } from "../session.ts";

export const crossOrigin = fp(
  async (app) => {
    app.addHook("onRequest", (request, _reply, done) => {
      done(mayBeForged(request) ? new ProblemError(403, "Pages of other origins may change nothing here") : undefined);
    });
  },
  { name: "cross-origin", fastify: "5.x", dependencies: ["problems"] },
);

/** Browsers send Sec-Fetch-Site over HTTPS and to localhost, and Origin with whatever is neither GET nor HEAD. */
function mayBeForged(request: FastifyRequest): boolean {
  const { method, headers } = request;
  if (method === "GET" || method === "HEAD" || bearerTokenOf(request) !== undefined) return false;
  const { "sec-fetch-site": site, origin, host } = headers;
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  if (origin !== undefined) return hostOf(origin) !== host?.toLowerCase();
  // Programs send neither, and no cookie.
  return hasSession(request);
}

/** Without the scheme: behind a load balancer, the router sees another one than the browser does. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** Bearer tokens in requests (RFC 6750 §2.1). */
import fp from "fastify-plugin";
import type { ApiTokens } from "../../authentication/api-tokens.ts";
import { isOpen, takesCookie } from "../route-access.ts";
import { ProblemError } from "../semantics/problem.ts";
import { bearerTokenOf, tokenOf } from "../session.ts";

interface BearerTokenOptions {
  readonly tokens: ApiTokens;
}

/**
 * Lets in who has a token, and everyone where a route says so.
 *
 * Not `@fastify/bearer-auth`: it compares with the keys of its start, and ours rotate.
 */
export const bearerToken = fp<BearerTokenOptions>(
  async (app, { tokens }) => {
    app.addHook("onRequest", (request, _reply, done) => {
      if (isOpen(request)) return done();
      const token = takesCookie(request) ? tokenOf(request) : bearerTokenOf(request);
      if (token !== undefined && tokens.accepts(token)) return done();
      const challenge = token === undefined ? "Bearer" : 'Bearer error="invalid_token"';
      const detail = token === undefined ? "A token is needed: Authorization: Bearer …" : "The token is not valid";
      done(new ProblemError(401, detail, { headers: { "www-authenticate": challenge } }));
    });
  },
  // Whoever tries tokens is limited in how many.
  { name: "bearer-token", fastify: "5.x", dependencies: ["problems", "rate-limit"] },
);

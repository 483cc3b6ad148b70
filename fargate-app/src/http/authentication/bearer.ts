/** Bearer tokens in requests (RFC 6750 §2.1). */
import type { App } from "../app.ts";
import { ProblemError } from "../problem.ts";
import { isOpen } from "../route-access.ts";
import type { ApiTokens } from "./api-tokens.ts";

/** How the OpenAPI document says it. */
export const BEARER_SECURITY = {
  components: { securitySchemes: { bearerAuth: { type: "http" as const, scheme: "bearer" } } },
  security: [{ bearerAuth: [] }],
};

/** For the schema of a route that is open to everyone. */
export const NO_SECURITY = [];

/**
 * Lets in who has a token, and everyone where a route says so.
 *
 * Not `@fastify/bearer-auth`: the keys it compares are those of its start, and ours rotate.
 */
export function requireToken(app: App, tokens: ApiTokens): void {
  app.addHook("onRequest", (request, reply, done) => {
    if (isOpen(request)) return done();
    const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "") ?? [];
    if (token !== undefined && tokens.accepts(token)) return done();
    reply.header("www-authenticate", token === undefined ? "Bearer" : 'Bearer error="invalid_token"');
    const detail = token === undefined ? "A token is needed: Authorization: Bearer …" : "The token is not valid";
    done(new ProblemError(401, detail));
  });
}

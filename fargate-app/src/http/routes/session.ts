/** Signing in and out, for the pages. */
import type { FastifyPluginAsync } from "fastify";
import type { ApiTokens } from "../../authentication/api-tokens.ts";
import { clearSession, isSignedIn, setSession } from "../session.ts";

interface SessionRoutesOptions {
  readonly tokens: ApiTokens | undefined;
}

const SESSION_URL = "/session";

const PUBLIC = { schema: { hide: true }, config: { access: "public" } } as const;

export const sessionRoutes: FastifyPluginAsync<SessionRoutesOptions> = async (app, { tokens }) => {
  app.get(SESSION_URL, PUBLIC, async (request, reply) => {
    const needsToken = tokens !== undefined;
    return reply
      .header("cache-control", "no-store")
      .send({ needsToken, signedIn: !needsToken || isSignedIn(request, tokens) });
  });
  // With the token in the Authorization header: who cannot send that cannot sign in.
  app.post(SESSION_URL, { schema: { hide: true } }, async (request, reply) => {
    setSession(request, reply);
    return reply.code(204).send();
  });
  app.delete(SESSION_URL, PUBLIC, async (request, reply) => {
    clearSession(request, reply);
    return reply.code(204).send();
  });
};

/** Signing in and out, for the pages, and what may be done there. */
import type { FastifyPluginAsync } from "fastify";
import type { ApiTokens } from "../../authentication/api-tokens.ts";
import type { Region } from "../../region/region.ts";
import { reportOn } from "../../region/report.ts";
import type { Session } from "../../status/document.ts";
import { clearSession, isSignedIn, setSession } from "../session.ts";

interface SessionRoutesOptions {
  readonly tokens: ApiTokens | undefined;
  /** Undefined where there is one region. */
  readonly region: Region | undefined;
}

const SESSION_URL = "/session";

const PUBLIC = { schema: { hide: true }, config: { access: "public" } } as const;

export const sessionRoutes: FastifyPluginAsync<SessionRoutesOptions> = async (app, { tokens, region }) => {
  app.get(SESSION_URL, PUBLIC, async (request, reply) => {
    const needsToken = tokens !== undefined;
    const signedIn = !needsToken || isSignedIn(request, tokens);
    const session: Session = { needsToken, signedIn, readOnly: region && readOnlyBecause(region) };
    return reply.header("cache-control", "no-store").send(session);
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

function readOnlyBecause(region: Region): Session["readOnly"] {
  const { reason, peer } = reportOn(region);
  if (reason === undefined) return undefined;
  return { reason, primary: reason === "standby" || reason === "superseded" ? peer?.url : undefined };
}

/**
 * The token of a request: in its Authorization header (RFC 6750 §2.1), or in the cookie of the status page, which the
 * browser keeps for it until it is closed. The cookie goes to the page's own URLs only, and from no other site.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ApiTokens } from "../authentication/api-tokens.ts";

const COOKIE = "efs-status-token";

/** In the Authorization header. */
export function bearerTokenOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
}

/** In the header, or else in the cookie. */
export function tokenOf(request: FastifyRequest): string | undefined {
  return bearerTokenOf(request) ?? cookieTokenOf(request);
}

export function isSignedIn(request: FastifyRequest, tokens: ApiTokens): boolean {
  const token = tokenOf(request);
  return token !== undefined && tokens.accepts(token);
}

/** Keeps the token that the request was let in with. */
export function setSession(request: FastifyRequest, reply: FastifyReply): void {
  const token = bearerTokenOf(request);
  if (token !== undefined) reply.header("set-cookie", cookie(request, encodeURIComponent(token)));
}

export function clearSession(request: FastifyRequest, reply: FastifyReply): void {
  reply.header("set-cookie", `${cookie(request, "")}; Max-Age=0`);
}

function cookie({ protocol }: FastifyRequest, value: string): string {
  const secure = protocol === "https" ? "; Secure" : "";
  return `${COOKIE}=${value}; Path=/status; HttpOnly; SameSite=Strict${secure}`;
}

function cookieTokenOf({ headers }: FastifyRequest): string | undefined {
  for (const pair of headers.cookie?.split(";") ?? []) {
    const [name, value] = pair.trim().split("=", 2);
    if (name !== COOKIE || value === undefined) continue;
    try {
      return decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/**
 * The token of a request: in its Authorization header (RFC 6750 §2.1), or in the cookie of the pages, which the browser
 * keeps for them until it is closed. No script can read the cookie, and requests from other sites do not have it.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ApiTokens } from "../authentication/api-tokens.ts";

const COOKIE = "efs-router-token";

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

/** Whether the request would be let in by nothing but what its browser sends with every request. */
export function hasSession(request: FastifyRequest): boolean {
  return bearerTokenOf(request) === undefined && cookieTokenOf(request) !== undefined;
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
  return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict${secure}`;
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

/** Who may use a route. */
import type { FastifyRequest } from "fastify";

/**
 * `probe`: what load balancers and health checks ask. Open to everyone, never limited, never shed: a router that is
 * busy is not one that is broken. `public`: open to everyone. `viewer`: clients with a token, which may be in the cookie
 * of the status page. Default: clients with a token.
 */
type RouteAccess = "probe" | "public" | "viewer";

declare module "fastify" {
  interface FastifyContextConfig {
    readonly access?: RouteAccess;
  }
}

export function isProbe({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.access === "probe";
}

/** Whether a request needs no token. */
export function isOpen({ routeOptions }: FastifyRequest): boolean {
  const { access } = routeOptions.config;
  return access === "probe" || access === "public";
}

/** Whether the cookie of the status page will do. */
export function takesCookie({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.access === "viewer";
}

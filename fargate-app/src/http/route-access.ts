/** Who may use a route. */
import type { FastifyRequest } from "fastify";

/**
 * `probe`: what load balancers and health checks ask. Open to everyone, never limited, never shed: a router that is
 * busy is not one that is broken. `public`: open to everyone. `session`: clients with a token, which may be in the cookie
 * of the pages. Default: clients with a token.
 */
type RouteAccess = "probe" | "public" | "session";

declare module "fastify" {
  interface FastifyContextConfig {
    readonly access?: RouteAccess;
    /** Whether the service's routers ask each other for it. Default: false. */
    readonly isForRouters?: boolean;
  }
}

export function isProbe({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.access === "probe";
}

/** Whether a request is one that routers send to each other. */
export function isForRouters({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.isForRouters === true;
}

/** Whether a request needs no token. */
export function isOpen({ routeOptions }: FastifyRequest): boolean {
  const { access } = routeOptions.config;
  return access === "probe" || access === "public";
}

/** Whether the cookie of the pages will do. */
export function takesCookie({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.access === "session";
}

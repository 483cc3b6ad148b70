/** Who may use a route. */
import type { FastifyRequest } from "fastify";

/**
 * `probe`: what load balancers and health checks ask. Open to everyone, never limited, never shed: a router that is
 * busy is not one that is broken. `public`: open to everyone. Default: clients with a token.
 */
type RouteAccess = "probe" | "public";

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
  return routeOptions.config.access !== undefined;
}

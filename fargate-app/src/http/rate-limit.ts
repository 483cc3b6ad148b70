/** So many requests a minute, for each client by itself. */
import rateLimit from "@fastify/rate-limit";
import type { App } from "./app.ts";
import type { HttpLimits } from "./limits.ts";
import { ProblemError } from "./problem.ts";
import { isProbe } from "./route-access.ts";

const WINDOW = 60_000;

/** Counts requests by their client's address, in this process; clients that were not seen for longest are forgotten. */
export async function limitRate(app: App, { requestsPerMinute }: HttpLimits): Promise<void> {
  if (requestsPerMinute === 0) return;
  await app.register(rateLimit, {
    global: false,
    max: requestsPerMinute,
    timeWindow: WINDOW,
    allowList: isProbe,
    errorResponseBuilder: (_request, { after }) =>
      new ProblemError(429, `More than ${requestsPerMinute} requests in a minute: try again in ${after}`),
  });
  // Also what has no route, and before anybody is asked for a token.
  app.addHook("onRequest", app.rateLimit());
}

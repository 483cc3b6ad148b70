/** Limits how many requests each client may send in a minute. */
import fastifyRateLimit from "@fastify/rate-limit";
import fp from "fastify-plugin";
import type { HttpLimits } from "../limits.ts";
import { isProbe } from "../route-access.ts";
import { ProblemError } from "../semantics/problem.ts";

/** Milliseconds. */
const WINDOW = 60_000;

/** Counts by the client's address, in this process. The clients that were not seen for longest are forgotten. */
export const rateLimit = fp<Pick<HttpLimits, "requestsPerMinute">>(
  async (app, { requestsPerMinute }) => {
    if (requestsPerMinute === 0) return;
    await app.register(fastifyRateLimit, {
      global: false,
      max: requestsPerMinute,
      timeWindow: WINDOW,
      allowList: isProbe,
      errorResponseBuilder: (_request, { after }) =>
        new ProblemError(429, `More than ${requestsPerMinute} requests in a minute: retry in ${after}`),
    });
    // For all requests, also those that no route takes, and before a token is asked for.
    app.addHook("onRequest", app.rateLimit());
  },
  { name: "rate-limit", fastify: "5.x", dependencies: ["problems"] },
);

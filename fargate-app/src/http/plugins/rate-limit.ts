/** Limits how many requests each client may send in a minute. */
import fastifyRateLimit, { type FastifyRateLimitStore, type FastifyRateLimitStoreCtor } from "@fastify/rate-limit";
import fp from "fastify-plugin";
import type { WorkerGroup } from "../../workers/group.ts";
import type { HttpLimits } from "../limits.ts";
import { isForRouters, isProbe } from "../route-access.ts";
import { ProblemError } from "../semantics/problem.ts";

/** Milliseconds. */
const WINDOW = 60_000;

/** While somebody looks at a router's status page, it asks each of the others once a second, and for each new viewer. */
const MIN_REQUESTS_OF_ROUTERS = 300;

interface RateLimitOptions extends Pick<HttpLimits, "requestsPerMinute"> {
  readonly group: Pick<WorkerGroup, "countRequest">;
  /** Each counts for itself. */
  readonly api: "files" | "s3";
}

/** Counts by the client's address, for all workers of the task. The clients that were not seen for longest are forgotten. */
export const rateLimit = fp<RateLimitOptions>(
  async (app, { requestsPerMinute, group: { countRequest }, api }) => {
    if (requestsPerMinute === 0) return;
    await app.register(fastifyRateLimit, {
      global: false,
      max: requestsPerMinute,
      timeWindow: WINDOW,
      allowList: isProbe,
      errorResponseBuilder: (_request, { after, max }) =>
        new ProblemError(429, `More than ${max} requests in a minute: retry in ${after}`),
      ...(countRequest && { store: storeOf(countRequest, api) }),
    });
    const ofClients = app.rateLimit();
    // Counted apart: a viewer's one request to a router makes it ask all the others.
    const ofRouters = app.rateLimit({ max: Math.max(requestsPerMinute, MIN_REQUESTS_OF_ROUTERS) });
    // For all requests, also those that no route takes, and before a token is asked for.
    app.addHook("onRequest", function (request, reply) {
      return (isForRouters(request) ? ofRouters : ofClients).call(this, request, reply);
    });
  },
  { name: "rate-limit", fastify: "5.x", dependencies: ["problems"] },
);

/** Where the plugin counts: with a store for each limit, in the same order in all workers. */
function storeOf(
  countRequest: NonNullable<WorkerGroup["countRequest"]>,
  api: RateLimitOptions["api"],
): FastifyRateLimitStoreCtor {
  let stores = 0;
  return class Store implements FastifyRateLimitStore {
    readonly #number = stores++;

    incr(client: string, callback: Parameters<FastifyRateLimitStore["incr"]>[1], window: number): void {
      countRequest(`${api} ${this.#number} ${client}`, window).then(({ requests, remaining }) => {
        callback(null, { current: requests, ttl: remaining });
      }, callback);
    }

    child(): FastifyRateLimitStore {
      return new Store();
    }
  };
}

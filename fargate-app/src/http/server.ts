/** The HTTP server: its plugins and routes, and its orderly end. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import type { FastifyInstance } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { Logger } from "pino";
import type { ApiTokens } from "../authentication/api-tokens.ts";
import type { ChangeFeed } from "../feed/change-feed.ts";
import type { Metrics } from "../metrics.ts";
import type { Region } from "../region/region.ts";
import type { Tracing } from "../tracing/tracing.ts";
import type { WorkerGroup } from "../workers/group.ts";
import type { HttpLimits } from "./limits.ts";
import { newServer } from "./new-server.ts";
import { bearerToken } from "./plugins/bearer-token.ts";
import { connectionLimits } from "./plugins/connection-limits.ts";
import { connectionRenewal } from "./plugins/connection-renewal.ts";
import { crossOrigin } from "./plugins/cross-origin.ts";
import { inFlightResponses } from "./plugins/in-flight-responses.ts";
import { loadShedding } from "./plugins/load-shedding.ts";
import { observation } from "./plugins/observation.ts";
import { openApi } from "./plugins/openapi.ts";
import { pipelining } from "./plugins/pipelining.ts";
import { problems, sendProblem } from "./plugins/problems.ts";
import { protocolChecks } from "./plugins/protocol-checks.ts";
import { rateLimit } from "./plugins/rate-limit.ts";
import { replicaLag } from "./plugins/replica-lag.ts";
import { securityHeaders } from "./plugins/security-headers.ts";
import { twoRegions } from "./plugins/two-regions.ts";
import { batchRoutes } from "./routes/batch.ts";
import { BROWSER_PAGE_URL, browserRoutes, wantsBrowserPage } from "./routes/browser/routes.ts";
import { costRoutes } from "./routes/costs.ts";
import { type DocsAssets, docsRoutes } from "./routes/docs/routes.ts";
import { eventRoutes } from "./routes/events.ts";
import { readRoutes } from "./routes/files/read.ts";
import type { WholeBodyMemory } from "./routes/files/request-body.ts";
import { routedTarget } from "./routes/files/resource.ts";
import { writeRoutes } from "./routes/files/write.ts";
import { healthRoutes } from "./routes/health.ts";
import { hotSpotRoutes } from "./routes/hot-spots.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import type { PageAssets } from "./routes/pages/assets.ts";
import { pageRoutes } from "./routes/pages/routes.ts";
import { regionRoutes } from "./routes/region.ts";
import { sessionRoutes } from "./routes/session.ts";
import { type StatusPageOptions, statusRoutes } from "./routes/status/routes.ts";
import { targetRoutes } from "./routes/targets.ts";

export interface ServerOptions {
  readonly files: RoutedFiles;
  readonly metrics: Metrics;
  /** The workers that this one answers for, its own answers among theirs. */
  readonly group: WorkerGroup;
  /** The AWS region, whose prices count. */
  readonly region?: string | undefined;
  /** What may be done as one of two regions. Everything where undefined: there is one. */
  readonly ownRegion?: Region | undefined;
  /** Undefined where it is off. */
  readonly feed?: ChangeFeed | undefined;
  readonly log: Logger;
  /** Log every request, not only those that fail. */
  readonly accessLog: boolean;
  readonly limits: HttpLimits;
  readonly wholeBodies: WholeBodyMemory;
  /** Who may use the API. Everyone where undefined. */
  readonly tokens?: ApiTokens | undefined;
  /** Undefined where nothing is traced. */
  readonly traceRequests?: Tracing["traceRequests"] | undefined;
  readonly isStopping: () => boolean;
  readonly loadDocsAssets: () => Promise<DocsAssets>;
  readonly loadPageAssets: () => Promise<PageAssets>;
  readonly statusPage: StatusPageOptions;
}

/** Names of requests that clients may choose; others get one of ours. */
const REQUEST_ID = /^[\w.:=-]{1,128}$/;

/** Characters; more than any path has: a long one is refused by our own rules, with our own words. */
const MAX_URL_LENGTH = 2 ** 16;

/** Milliseconds between two polls of what is in flight, while the server closes. */
const CLOSE_POLL_INTERVAL = 20;

/** The hooks of the plugins run in the order in which the plugins are registered. */
export function createServer(options: ServerOptions): FastifyInstance {
  const { files, metrics, group, region, ownRegion, feed, accessLog, limits, wholeBodies, tokens, isStopping } =
    options;
  const app = newServer(options.log, limits, {
    genReqId: requestId,
    rewriteUrl: (request) => (wantsBrowserPage(request) ? BROWSER_PAGE_URL : routedTarget(request.url)),
    routerOptions: { maxParamLength: MAX_URL_LENGTH },
    frameworkErrors: sendProblem,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  // Fastify refuses what is no media type.
  app.addHook("onRequest", ({ headers }, _reply, done) => {
    if (headers["content-type"] !== undefined) headers["content-type"] = "application/octet-stream";
    done();
  });

  const { maxConnections, maxMemory, maxEventLoopDelay, requestsPerMinute } = limits;
  app.register(inFlightResponses);
  options.traceRequests?.(app);
  app.register(connectionLimits, { maxConnections, group });
  if (group.size > 1) app.register(connectionRenewal);
  // Before anything refuses a request.
  if (ownRegion !== undefined) app.register(replicaLag, { region: ownRegion });
  app.register(problems);
  app.register(observation, { metrics, accessLog });
  app.register(securityHeaders);
  app.register(rateLimit, { requestsPerMinute, group, api: "files" });
  app.register(loadShedding, { maxMemory, maxEventLoopDelay });
  app.register(crossOrigin);
  if (tokens !== undefined) app.register(bearerToken, { tokens });
  app.register(protocolChecks);
  app.register(pipelining);
  app.register(openApi, { needsToken: tokens !== undefined });
  if (ownRegion !== undefined) app.register(twoRegions, { region: ownRegion });

  app.register(readRoutes, { files });
  app.register(writeRoutes, { files, limits, wholeBodies, region: ownRegion });
  app.register(batchRoutes, { files, limits, wholeBodies, region: ownRegion });
  app.register(eventRoutes, { feed, group });
  app.register(healthRoutes, { files, group, isStopping });
  app.register(targetRoutes, { group });
  app.register(hotSpotRoutes, { group });
  app.register(costRoutes, { group, region });
  if (ownRegion !== undefined) app.register(regionRoutes, { region: ownRegion });
  app.register(metricsRoutes, { metrics, group });
  app.register(docsRoutes, { loadAssets: options.loadDocsAssets });
  app.register(pageRoutes, { loadAssets: options.loadPageAssets });
  app.register(sessionRoutes, { tokens, region: ownRegion });
  app.register(statusRoutes, { ...options.statusPage, files, group, hasRegion: ownRegion !== undefined });
  app.register(browserRoutes, { files });
  return app;
}

/**
 * Takes no new connections, waits for the responses in flight, and closes all connections: also those that clients
 * opened and never used, which Node's own close() waits for.
 *
 * @param timeout Milliseconds, after which the responses that are still in flight are cut off.
 * @returns How many were cut off.
 */
export async function closeServer(app: FastifyInstance, timeout: number): Promise<number> {
  const { inFlight } = app;
  const deadline = performance.now() + timeout;
  const closed = app.close();
  inFlight.close();
  while ((inFlight.count > 0 || inFlight.keepsOpen) && performance.now() < deadline) await sleep(CLOSE_POLL_INTERVAL);
  const cutOff = inFlight.count;
  app.server.closeAllConnections();
  await closed;
  return cutOff;
}

/** Of a UUID, what all ids of this process have: a UUID for each request would cost as much as finding its route. */
const PROCESS_ID = randomUUID().slice(0, 24);
const COUNT_DIGITS = 12;
let requests = 0;

function requestId({ headers }: IncomingMessage): string {
  const { "x-request-id": given } = headers;
  if (typeof given === "string" && REQUEST_ID.test(given)) return given;
  requests += 1;
  return PROCESS_ID + requests.toString(16).padStart(COUNT_DIGITS, "0");
}

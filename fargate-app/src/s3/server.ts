/**
 * The S3 API: a server beside that of the file API, over the same files, with the same limits, metrics and logs.
 *
 * Each operation of S3 is a route of its own, by the operation's name.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { HttpLimits } from "../http/limits.ts";
import { newServer } from "../http/new-server.ts";
import { connectionLimits } from "../http/plugins/connection-limits.ts";
import { connectionRenewal } from "../http/plugins/connection-renewal.ts";
import { inFlightResponses } from "../http/plugins/in-flight-responses.ts";
import { loadShedding } from "../http/plugins/load-shedding.ts";
import { observation } from "../http/plugins/observation.ts";
import { pipelining } from "../http/plugins/pipelining.ts";
import { protocolChecks } from "../http/plugins/protocol-checks.ts";
import { rateLimit } from "../http/plugins/rate-limit.ts";
import { securityHeaders } from "../http/plugins/security-headers.ts";
import type { WholeBodyMemory } from "../http/routes/files/request-body.ts";
import type { Metrics } from "../metrics.ts";
import type { Region } from "../region/region.ts";
import type { Tracing } from "../tracing/tracing.ts";
import type { WorkerGroup } from "../workers/group.ts";
import type { AccessKeys } from "./access-keys.ts";
import { authentication, s3RequestOf } from "./authentication.ts";
import type { S3Context } from "./context.ts";
import type { Objects } from "./objects/objects.ts";
import { operationOf } from "./operation.ts";
import { aclRoutes } from "./routes/acl.ts";
import { attributeRoutes } from "./routes/attributes.ts";
import { bucketRoutes } from "./routes/buckets.ts";
import { completeRoutes } from "./routes/complete.ts";
import { copyRoutes } from "./routes/copy.ts";
import { deleteRoutes } from "./routes/delete.ts";
import { errorDocuments, sendError } from "./routes/error-documents.ts";
import { getRoutes } from "./routes/get.ts";
import { listRoutes } from "./routes/list.ts";
import { putRoutes } from "./routes/put.ts";
import { refuseExpectedOwner } from "./routes/request.ts";
import { uploadRoutes } from "./routes/uploads.ts";
import { bucketOfHost, parseTarget } from "./target.ts";
import { Uploads } from "./uploads/uploads.ts";

export interface S3ServerOptions {
  readonly files: RoutedFiles;
  readonly objects: Objects;
  readonly metrics: Metrics;
  /** The workers of the task, which share its limits. */
  readonly group: WorkerGroup;
  readonly accessKeys: Pick<AccessKeys, "of">;
  /** The AWS region that buckets say they are in. */
  readonly region: string | undefined;
  /** What follows the bucket in the host of a virtual-hosted-style request; all are path-style where undefined. */
  readonly domain?: string | undefined;
  /** What may be done as one of two regions. Everything where undefined: there is one. */
  readonly ownRegion?: Region | undefined;
  readonly log: Logger;
  /** Log every request, not only those that fail. */
  readonly accessLog: boolean;
  /** Undefined where nothing is traced. */
  readonly traceRequests?: Tracing["traceRequests"] | undefined;
  readonly limits: HttpLimits;
  /** That of the file API, too: it is one router's memory. */
  readonly wholeBodies: WholeBodyMemory;
}

/** Where requests go that ask for nothing that is here. */
const NOT_IMPLEMENTED_URL = "/NotImplemented";

/** The hooks of the plugins run in the order in which the plugins are registered. */
export function createS3Server(options: S3ServerOptions): FastifyInstance {
  const { objects, metrics, group, accessKeys, region, domain, ownRegion, accessLog, limits, wholeBodies } = options;
  const app = newServer(options.log, limits, {
    genReqId: () => randomUUID(),
    rewriteUrl: (request) => routeOf(request, domain),
    exposeHeadRoutes: false,
    frameworkErrors: sendError,
  });

  const { maxConnections, maxMemory, maxEventLoopDelay, requestsPerMinute } = limits;
  app.register(inFlightResponses);
  options.traceRequests?.(app);
  app.register(connectionLimits, { maxConnections, group });
  if (group.size > 1) app.register(connectionRenewal);
  app.register(errorDocuments);
  app.register(observation, { metrics, accessLog });
  app.register(securityHeaders);
  app.register(rateLimit, { requestsPerMinute, group, api: "s3" });
  app.register(loadShedding, { maxMemory, maxEventLoopDelay, isForFiles: () => true });
  // As S3 does.
  app.register(protocolChecks, { unknownExpectations: "ignored" });
  app.register(authentication, { accessKeysOf: accessKeys.of, domain });
  app.addHook("preHandler", async (request) => refuseExpectedOwner(request));
  app.register(pipelining);

  const change: S3Context["change"] = (each) => (ownRegion === undefined ? each() : ownRegion.write(each));
  const objectsOf: S3Context["objectsOf"] = (request) => {
    const { user } = s3RequestOf(request).authenticated.accessKey;
    return user === undefined ? objects : objects.as(user);
  };
  const context: S3Context = { objectsOf, uploads: new Uploads(objects), limits, wholeBodies, region, change };
  app.register(bucketRoutes, context);
  app.register(aclRoutes, context);
  app.register(listRoutes, context);
  app.register(getRoutes, context);
  app.register(attributeRoutes, context);
  app.register(putRoutes, context);
  app.register(copyRoutes, context);
  app.register(deleteRoutes, context);
  app.register(uploadRoutes, context);
  app.register(completeRoutes, context);
  return app;
}

function routeOf({ method = "", url, headers }: IncomingMessage, domain: string | undefined): string {
  try {
    const target = parseTarget(url, bucketOfHost(headers.host, domain));
    const operation = operationOf(method, target, headers["x-amz-copy-source"] !== undefined);
    return operation === undefined ? NOT_IMPLEMENTED_URL : `/${operation}`;
  } catch {
    // The URL cannot be read: the authentication says so.
    return NOT_IMPLEMENTED_URL;
  }
}

/** The HTTP server: the file API, and what operators ask. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import swagger from "@fastify/swagger";
import Fastify, { type FastifyBaseLogger, type FastifyReply, type FastifyRequest, LogController } from "fastify";
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import type { Logger } from "pino";
import type { RoutedFiles } from "../router/routed-files.ts";
import { AnswersUnderWay } from "./answers-under-way.ts";
import type { App } from "./app.ts";
import type { ApiTokens } from "./authentication/api-tokens.ts";
import { BEARER_SECURITY, requireToken } from "./authentication/bearer.ts";
import { addDocsRoutes, type DocsAssets } from "./docs-routes.ts";
import { addFileRoutes } from "./file-routes.ts";
import { type HttpLimits, limitConnections, serverOptions } from "./limits.ts";
import { shedLoad } from "./load-shedding.ts";
import { MalformedRequests } from "./malformed-request.ts";
import type { Metrics } from "./metrics.ts";
import { addOperationRoutes } from "./operation-routes.ts";
import { PROBLEM_TYPE, ProblemError, problemOf, retryAfter } from "./problem.ts";
import { limitRate } from "./rate-limit.ts";
import { FILES_PREFIX } from "./request-path.ts";
import { addSecurityHeaders } from "./security-headers.ts";

export interface ServerOptions {
  readonly router: RoutedFiles;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Log every request, not only those that fail. */
  readonly accessLog: boolean;
  readonly limits: HttpLimits;
  /** Who may use the API. Everyone where undefined. */
  readonly tokens?: ApiTokens | undefined;
  readonly isStopping: () => boolean;
  readonly loadDocsAssets: () => Promise<DocsAssets>;
}

interface HttpServer {
  readonly app: App;
  readonly underWay: AnswersUnderWay;
}

/** Names of requests that clients may choose; others get one of ours. */
const REQUEST_ID = /^[\w.:=-]{1,128}$/;

const DESCRIPTION = "Files on one file system, over all of its mount targets.";

const PATH_PARAMETER = {
  type: "object",
  properties: { path: { type: "string", description: "Names separated by `/`, each percent-encoded by itself." } },
  required: ["path"],
};

const FILE_METHODS = "GET, HEAD, PUT, POST, DELETE";

/** Headers that describe a file, which a problem must not have. */
const FILE_HEADERS = ["content-length", "content-type", "last-modified"] as const;

/** The status of an answer that was not finished, for logs and metrics; there is none for that in HTTP. */
const UNFINISHED = 499;

/** Longer than any path: a long one is refused by our own rules, with our own words. */
const MAXIMUM_URL = 2 ** 16;

export async function createServer(options: ServerOptions): Promise<HttpServer> {
  const { router, metrics, limits, tokens, isStopping } = options;
  const logger: FastifyBaseLogger = options.log;
  const app = Fastify({
    ...serverOptions(limits),
    // What comes over a connection that is still open is answered like everything else, and ends the connection.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => malformedRequests.answer(error, socket),
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    routerOptions: { maxParamLength: MAXIMUM_URL },
    frameworkErrors: answerError,
  }).withTypeProvider<ZodTypeProvider>();
  const underWay = new AnswersUnderWay(app.server);
  const malformedRequests = new MalformedRequests(underWay);
  limitConnections(app, limits, options.log);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  // Bodies are never parsed, whatever they are said to be.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    // Fastify's onResponse does not come where the client goes away.
    reply.raw.once("close", () => observe(request, reply, options));
    done();
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(answerNotFound);

  addSecurityHeaders(app);
  await limitRate(app, limits);
  await shedLoad(app, limits, underWay);
  if (tokens !== undefined) requireToken(app, tokens);
  await app.register(swagger, {
    openapi: {
      ...(tokens === undefined ? {} : BEARER_SECURITY),
      info: { title: "efs-mount-autoscaling router", description: DESCRIPTION, version: "1" },
      tags: [{ name: "files" }, { name: "operations" }],
    },
    transform: nameWildcard,
    exposeHeadRoutes: true,
  });
  addFileRoutes(app, router, limits);
  addOperationRoutes(app, router, metrics, isStopping);
  addDocsRoutes(app, options.loadDocsAssets);
  return { app, underWay };
}

function requestId({ headers }: IncomingMessage): string {
  const { "x-request-id": given } = headers;
  return typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error);
  const line = { err: error, method: request.method, url: request.url, status: problem.status };
  if (request.raw.destroyed && !request.raw.complete) request.log.info(line, "The client went away");
  else if (problem.status === 503 || problem.status === 504) request.log.warn(line, problem.detail);
  else if (problem.status >= 500) request.log.error(line, problem.detail);

  for (const name of FILE_HEADERS) reply.removeHeader(name);
  const seconds = retryAfter(problem);
  if (seconds !== undefined) reply.header("retry-after", seconds);
  // What is left of a body that is too large, or too slow, is not waited for.
  if (problem.status === 413 || problem.status === 408) reply.header("connection", "close");
  const body = JSON.stringify({ ...problem, requestId: request.id });
  reply.code(problem.status).type(PROBLEM_TYPE).send(Buffer.from(body));
}

function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  if (!request.url.startsWith(FILES_PREFIX)) throw new ProblemError(404, `There is nothing at ${request.url}`);
  reply.header("allow", FILE_METHODS);
  throw new ProblemError(405, `Files do not know ${request.method}, but ${FILE_METHODS}`);
}

function observe(request: FastifyRequest, reply: FastifyReply, { metrics, accessLog }: ServerOptions): void {
  const { method, routeOptions, url } = request;
  const { elapsedTime } = reply;
  const status = isFinished(reply) ? reply.statusCode : UNFINISHED;
  metrics.observeExchange({ method, route: routeOptions.url ?? "none", status, seconds: elapsedTime / 1000 });
  if (accessLog) request.log.info({ method, url, status, milliseconds: elapsedTime }, `${method} ${url} ${status}`);
}

/** What Node could not write counts as written when the connection is lost with it. */
function isFinished({ raw, request }: FastifyReply): boolean {
  return raw.writableFinished && !request.raw.socket.destroyed;
}

/** OpenAPI has no wildcards: what is `*` in a route is the parameter `path` in the document. */
const nameWildcard: typeof jsonSchemaTransform = (route) => {
  const { schema, url } = jsonSchemaTransform(route);
  if (!url.endsWith("*")) return { schema, url };
  return { schema: { ...schema, params: PATH_PARAMETER }, url: url.replace("*", ":path") };
};

/** A server of the router, without its routes: what the file API and the S3 API have in common. */
import type { Server } from "node:http";
import Fastify, { type FastifyBaseLogger, type FastifyHttpOptions, type FastifyInstance, LogController } from "fastify";
import { type HttpLimits, serverOptions } from "./limits.ts";
import { answerMalformedRequest } from "./malformed-request.ts";

type Specifics = Pick<
  FastifyHttpOptions<Server>,
  "genReqId" | "rewriteUrl" | "routerOptions" | "exposeHeadRoutes" | "frameworkErrors"
>;

export function newServer(log: FastifyBaseLogger, limits: HttpLimits, specifics: Specifics): FastifyInstance {
  const app = Fastify({
    ...serverOptions(limits),
    ...specifics,
    // Requests on open connections are served until the end, and each response announces it.
    return503OnClosing: false,
    clientErrorHandler: (error, connection) => answerMalformedRequest(error, connection, app.inFlight),
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
  });
  // A client that has closed its side may still want its responses (RFC 9112 §9.6). Node documents no way to say so.
  Object.assign(app.server, { httpAllowHalfOpen: true });
  // Bodies are never parsed, whatever they are said to be.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
  return app;
}

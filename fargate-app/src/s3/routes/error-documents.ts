/** Answers errors, and requests that no route takes, with S3's XML. */
import type { FastifyReply, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { logFailure } from "../../http/plugins/problems.ts";
import { ProblemError, problemOf, retryAfter } from "../../http/semantics/problem.ts";
import { S3Error, s3ErrorOf } from "../errors.ts";
import { toXml } from "../xml.ts";

/** By the name that other plugins ask for: it stands in for the problem documents of the file API. */
export const errorDocuments = fp(
  async (app) => {
    app.setErrorHandler(sendError);
    app.setNotFoundHandler(() => {
      throw new S3Error("NotImplemented");
    });
    app.addHook("onRequest", (request, reply, done) => {
      reply.header("x-amz-request-id", request.id);
      done();
    });
  },
  { name: "problems", fastify: "5.x" },
);

/** Headers that describe an object, which an error must not have. */
const OBJECT_HEADERS = ["content-length", "content-type", "last-modified", "etag", "content-encoding"] as const;

export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { code, status, message } = s3ErrorOf(error);
  logFailure(error, status, request);
  for (const name of OBJECT_HEADERS) reply.removeHeader(name);
  if (error instanceof ProblemError) reply.headers(error.headers);
  const seconds = retryAfter(problemOf(error), error) ?? (status === 503 ? 1 : undefined);
  if (seconds !== undefined) reply.header("retry-after", seconds);
  // The rest of a body that was not taken is not waited for.
  if (!request.raw.complete) reply.header("connection", "close");
  reply.code(status);
  if (request.method === "HEAD") reply.send();
  else reply.type("application/xml").send(errorDocument({ code, message }, request));
}

export function errorDocument({ code, message }: Pick<S3Error, "code" | "message">, request: FastifyRequest): string {
  const content = { Code: code, Message: message.toWellFormed(), Resource: request.originalUrl, RequestId: request.id };
  return toXml("Error", content, { namespace: false });
}

/** Answers errors, and requests that no route takes, with problem documents. */
import type { FastifyReply, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { messageOf } from "nfs-client";
import { FILES_PREFIX, FILES_URL, partsOf } from "../routes/files/resource.ts";
import { PROBLEM_TYPE, ProblemError, problemOf, retryAfter } from "../semantics/problem.ts";

export const problems = fp(
  async (app) => {
    /** Of the routes, by their URLs: of what clients send, Fastify would make patterns. */
    const methods = new Map<string, Set<string>>();
    app.addHook("onRoute", ({ method, url }) => {
      for (const each of [method].flat()) methods.set(url, (methods.get(url) ?? new Set()).add(each));
    });
    app.setErrorHandler(sendProblem);
    app.setNotFoundHandler((request) => refuse(request, methods));
  },
  { name: "problems", fastify: "5.x" },
);

/** Headers that describe a file, which a problem must not have. */
const FILE_HEADERS = ["content-length", "content-type", "last-modified"] as const;

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error);
  logFailure(error, problem.status, request);
  for (const name of FILE_HEADERS) reply.removeHeader(name);
  if (error instanceof ProblemError) reply.headers(error.headers);
  const seconds = retryAfter(problem, error);
  if (seconds !== undefined) reply.header("retry-after", seconds);
  // The rest of a body that is too large or too slow is not waited for.
  if (problem.status === 413 || problem.status === 408) reply.header("connection", "close");
  const body = JSON.stringify({ ...problem, requestId: request.id });
  reply.code(problem.status).type(PROBLEM_TYPE).send(Buffer.from(body));
}

/** Logs what is not the client's fault, and clients that went away. */
export function logFailure(error: unknown, status: number, request: FastifyRequest): void {
  const line = { err: error, method: request.method, url: request.originalUrl, status };
  if (request.raw.destroyed && !request.raw.complete) request.log.info(line, "The client went away");
  else if (status === 501) request.log.info(line, messageOf(error));
  else if (status === 503 || status === 504) request.log.warn(line, messageOf(error));
  else if (status >= 500) request.log.error(line, messageOf(error));
}

function refuse({ method, originalUrl }: FastifyRequest, methods: ReadonlyMap<string, ReadonlySet<string>>): void {
  const { encodedPath } = partsOf(originalUrl);
  const known = methods.get(encodedPath.startsWith(FILES_PREFIX) ? FILES_URL : encodedPath);
  if (known === undefined) throw new ProblemError(404, `There is nothing at ${originalUrl}`);
  const allowed = [...known].join(", ");
  throw new ProblemError(405, `${encodedPath} does not know ${method}, but ${allowed}`, {
    headers: { allow: allowed },
  });
}

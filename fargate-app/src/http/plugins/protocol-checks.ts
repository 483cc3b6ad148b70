/** Refuses requests that HTTP/1.1 says to refuse, and that Node lets pass. */
import type { IncomingMessage } from "node:http";
import fp from "fastify-plugin";
import { ProblemError } from "../semantics/problem.ts";

export const protocolChecks = fp(
  async (app) => {
    app.addHook("onRequest", (request, _reply, done) => {
      done(transferCodingProblem(request.raw));
    });
  },
  { name: "protocol-checks", fastify: "5.x", dependencies: ["problems"] },
);

/**
 * Node decodes the chunks and leaves all other codings in the body (RFC 9112 §6.1). Where the chunks are not the last
 * coding, it answers 400 itself (§6.3).
 */
function transferCodingProblem({ headers }: IncomingMessage): ProblemError | undefined {
  const codings = headers["transfer-encoding"]?.toLowerCase().split(/[ \t]*,[ \t]*/) ?? [];
  const others = codings.slice(0, -1).filter((coding) => coding !== "");
  if (codings.at(-1) !== "chunked" || others.length === 0) return undefined;
  return new ProblemError(501, `The transfer coding ${others.join(", ")} is not implemented: only chunked is`);
}

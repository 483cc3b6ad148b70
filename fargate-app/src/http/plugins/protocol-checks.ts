/**
 * Refuses requests that HTTP/1.1 says to refuse. Node lets some of them pass, and answers others itself, without a
 * problem document and the id of the request.
 */
import type { IncomingMessage } from "node:http";
import fp from "fastify-plugin";
import { ProblemError } from "../semantics/problem.ts";

interface ProtocolChecksOptions {
  /** Whether expectations that nobody here knows are refused, or ignored: RFC 9110 §10.1.1 leaves that to the server. */
  readonly unknownExpectations?: "refused" | "ignored";
}

export const protocolChecks = fp<ProtocolChecksOptions>(
  async (app, { unknownExpectations = "refused" }) => {
    const { server } = app;
    // Node would refuse the one, and answer the other with 100 before anybody looked at the request.
    for (const event of ["checkExpectation", "checkContinue"] as const) {
      server.on(event, (request, response) => server.emit("request", request, response));
    }
    app.addHook("onRequest", ({ raw }, _reply, done) => {
      const ofExpectation = unknownExpectations === "refused" ? expectationProblem(raw) : undefined;
      done(hostProblem(raw) ?? ofExpectation ?? transferCodingProblem(raw));
    });
  },
  { name: "protocol-checks", fastify: "5.x", dependencies: ["problems"] },
);

/** A host and perhaps a port (RFC 9110 §7.2); nothing where the target has no authority. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/;

/** RFC 9112 §3.2. */
function hostProblem({ httpVersion, headers, rawHeaders }: IncomingMessage): ProblemError | undefined {
  const { host } = headers;
  if (host === undefined) {
    return httpVersion === "1.1" ? malformed("A request of HTTP/1.1 must have a Host header") : undefined;
  }
  if (!HOST.test(host)) return malformed(`The Host header is not a host: ${JSON.stringify(host)}`);
  // Names and values in turn. Node keeps the first of several hosts.
  const hosts = rawHeaders.filter(
    (text, index) => index % 2 === 0 && text.length === 4 && text.toLowerCase() === "host",
  );
  return hosts.length > 1 ? malformed("A request must not have more than one Host header") : undefined;
}

/** RFC 9110 §10.1.1. HTTP/1.0 has no expectations. */
function expectationProblem({ httpVersion, headers: { expect } }: IncomingMessage): ProblemError | undefined {
  if (expect === undefined || httpVersion !== "1.1" || expect.trim().toLowerCase() === "100-continue") return undefined;
  return new ProblemError(417, `The expectation ${JSON.stringify(expect)} cannot be met: only 100-continue can`);
}

/**
 * RFC 9112 §6.1. Node decodes chunks, and leaves other codings in the body; where the chunks are not the last coding,
 * it reports a malformed request (§6.3).
 */
function transferCodingProblem({ httpVersion, headers }: IncomingMessage): ProblemError | undefined {
  const header = headers["transfer-encoding"];
  if (header === undefined) return undefined;
  if (httpVersion === "1.0") return malformed("HTTP/1.0 has no Transfer-Encoding");
  const codings = header.toLowerCase().split(/[ \t]*,[ \t]*/);
  const others = codings.slice(0, -1).filter((coding) => coding !== "");
  if (codings.at(-1) !== "chunked" || others.length === 0) return undefined;
  return new ProblemError(501, `The transfer coding ${others.join(", ")} is not implemented: only chunked is`);
}

/** What else the connection brings may be misunderstood. */
function malformed(detail: string): ProblemError {
  return new ProblemError(400, detail, { headers: { connection: "close" } });
}

/**
 * Responses to bytes that Node's HTTP parser rejects, and to requests that do not arrive in time. Node reports these on
 * the connection: there is no request yet that a route could answer.
 */
import type { Socket } from "node:net";
import { closed, type InFlightResponses } from "./plugins/in-flight-responses.ts";
import { PROBLEM_TYPE, ProblemError, problemOf } from "./semantics/problem.ts";

type ClientError = Error & { readonly code?: string };

/** The connections that will be closed: whatever else they bring is malformed, too. */
const closing = new WeakSet<Socket>();

/**
 * Closes the connection with a problem document. The responses in flight to complete requests are sent first, because
 * a client matches responses to requests by their order; and nothing is written into the middle of a response.
 *
 * @param inFlight The responses of the server that the connection belongs to.
 */
export function answerMalformedRequest(error: ClientError, connection: Socket, inFlight: InFlightResponses): void {
  if (error.code === "ECONNRESET") connection.destroy();
  if (connection.destroyed || closing.has(connection)) return;
  closing.add(connection);
  const responses = inFlight.of(connection);
  const complete = [...responses].filter(({ req }) => req.complete);
  void Promise.all(complete.map(closed)).then(() => {
    const isAnswered = [...responses].some(({ headersSent }) => headersSent);
    if (connection.writable && !isAnswered) connection.write(serialize(problemFor(error)));
    connection.destroy();
  });
}

function problemFor({ code, message }: ClientError): ProblemError {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new ProblemError(408, "The request did not come in time");
    case "HPE_HEADER_OVERFLOW":
      return new ProblemError(431, "The line and the headers of the request are too long");
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new ProblemError(413, "The chunk extensions of the body are too long");
    default:
      return new ProblemError(400, `The request is not valid HTTP/1.1: ${message}`);
  }
}

/** The bytes of a response. */
function serialize(error: ProblemError): string {
  const problem = problemOf(error);
  const body = JSON.stringify(problem);
  return [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
    "",
    body,
  ].join("\r\n");
}

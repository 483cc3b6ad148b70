/** Answers to what is no HTTP request, or not one in time: Node tells of it before there is a request to answer. */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { AnswersUnderWay } from "./answers-under-way.ts";
import { PROBLEM_TYPE, ProblemError, problemOf } from "./problem.ts";

type ClientError = Error & { readonly code?: string };

/** The `clientErrorHandler` of a server. */
export class MalformedRequests {
  readonly #underWay: AnswersUnderWay;
  readonly #ending = new WeakSet<Socket>();

  /** @param underWay What that server is answering. */
  constructor(underWay: AnswersUnderWay) {
    this.#underWay = underWay;
  }

  /**
   * Nothing may be written into the middle of an answer; and what came before the broken request gets its own answer
   * first, or its client would take the wrong one for it.
   */
  answer(error: ClientError, socket: Socket): void {
    if (error.code === "ECONNRESET") socket.destroy();
    // What else comes over the connection is broken, too.
    if (socket.destroyed || this.#ending.has(socket)) return;
    this.#ending.add(socket);
    const before = this.#answersOf(socket).filter(({ req }) => req.complete);
    const closed = before.map((response) => new Promise((resolve) => response.once("close", resolve)));
    void Promise.all(closed).then(() => this.#end(error, socket));
  }

  #end(error: ClientError, socket: Socket): void {
    const isAnswered = this.#answersOf(socket).some(({ headersSent }) => headersSent);
    if (socket.writable && !isAnswered) socket.write(rawAnswer(problemFor(error)));
    socket.destroy();
  }

  #answersOf(socket: Socket): ServerResponse[] {
    return [...this.#underWay.of(socket)];
  }
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

function rawAnswer(error: ProblemError): string {
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

/** The answers that a server owes, until each is sent or cannot be sent any more. */
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

const NONE: ReadonlySet<ServerResponse> = new Set();

export class AnswersUnderWay {
  readonly #byConnection = new Map<Socket, Set<ServerResponse>>();
  #count = 0;

  constructor(server: Server) {
    server.on("request", ({ socket }, response) => {
      const answers = this.#byConnection.get(socket) ?? this.#watch(socket);
      answers.add(response);
      this.#count += 1;
      response.once("close", () => {
        answers.delete(response);
        this.#count -= 1;
      });
    });
  }

  get count(): number {
    return this.#count;
  }

  /** In the order of their requests, which is the order in which they are sent. */
  of(connection: Socket): ReadonlySet<ServerResponse> {
    return this.#byConnection.get(connection) ?? NONE;
  }

  /** Says in the last answer of each connection that it is the last: a request after it would meet a closed one. */
  announceEnd(): void {
    for (const answers of this.#byConnection.values()) {
      const last = [...answers].at(-1);
      if (last !== undefined && !last.headersSent) last.setHeader("connection", "close");
    }
  }

  #watch(connection: Socket): Set<ServerResponse> {
    const answers = new Set<ServerResponse>();
    this.#byConnection.set(connection, answers);
    connection.once("close", () => {
      this.#byConnection.delete(connection);
      for (const answer of answers) endUnsent(answer);
    });
    return answers;
  }
}

/** Node closes the answer that is being sent over a lost connection, but forgets those that wait for it to be sent. */
function endUnsent(answer: ServerResponse): void {
  if (answer.socket !== null) return;
  answer.destroy();
  answer.emit("close");
}

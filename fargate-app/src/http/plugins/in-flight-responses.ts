/** Knows which responses are in flight: their requests have arrived, and they are neither sent nor given up. */
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import fp from "fastify-plugin";

declare module "fastify" {
  interface FastifyInstance {
    readonly inFlight: InFlightResponses;
  }
}

export const inFlightResponses = fp(
  async (app) => {
    app.decorate("inFlight", new InFlightResponses(app.server));
  },
  { name: "in-flight-responses", fastify: "5.x" },
);

const NONE: ReadonlySet<ServerResponse> = new Set();

export class InFlightResponses {
  readonly #byConnection = new Map<Socket, Set<ServerResponse>>();
  #count = 0;

  constructor(server: Server) {
    // Before Fastify's own listener: its hooks find the response in here.
    server.prependListener("request", ({ socket }, response) => {
      const responses = this.#byConnection.get(socket) ?? this.#track(socket);
      responses.add(response);
      this.#count += 1;
      response.once("close", () => this.release(response));
    });
  }

  /** Counts a response no more: it is over, or nobody is to wait for its end. */
  release(response: ServerResponse): void {
    if (this.#byConnection.get(response.req.socket)?.delete(response)) this.#count -= 1;
  }

  get count(): number {
    return this.#count;
  }

  /** In the order of their requests, which is the order in which they are sent. */
  of(connection: Socket): ReadonlySet<ServerResponse> {
    return this.#byConnection.get(connection) ?? NONE;
  }

  /** Announces in the last response of each connection that the connection closes after it. */
  announceClose(): void {
    for (const responses of this.#byConnection.values()) {
      const last = [...responses].at(-1);
      if (last !== undefined && !last.headersSent) last.setHeader("connection", "close");
    }
  }

  #track(connection: Socket): Set<ServerResponse> {
    const responses = new Set<ServerResponse>();
    this.#byConnection.set(connection, responses);
    connection.once("close", () => {
      this.#byConnection.delete(connection);
      for (const response of responses) closeQueued(response);
    });
    return responses;
  }
}

/** Resolves when the response is sent or given up. */
export function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once("close", resolve));
}

/** When a connection is lost, Node closes the response that is being sent, but not those that are queued behind it. */
function closeQueued(response: ServerResponse): void {
  if (response.socket !== null) return;
  response.destroy();
  response.emit("close");
}

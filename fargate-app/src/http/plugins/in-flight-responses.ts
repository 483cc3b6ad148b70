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

/** Milliseconds that a stream without an end of its own has to send the rest of its body, when the server closes. */
const STREAM_END_TIMEOUT = 1_000;

export class InFlightResponses {
  readonly #byConnection = new Map<Socket, Set<ServerResponse>>();
  /** Streams that last as long as the client wants, and how to end each of them. */
  readonly #lasting = new Map<ServerResponse, () => void>();
  #count = 0;

  constructor(server: Server) {
    // Before Fastify's own listener: its hooks find the response in here.
    server.prependListener("request", ({ socket }, response) => {
      const responses = this.#byConnection.get(socket) ?? this.#track(socket);
      responses.add(response);
      this.#count += 1;
      response.once("close", () => this.#remove(response));
    });
  }

  /**
   * Counts a response no more that lasts as long as the client wants: load shedding and the end of the server are not to
   * wait for that.
   *
   * @param end lets its body end soon, when the server closes.
   */
  keepOpen(response: ServerResponse, end: () => void): void {
    this.#remove(response);
    this.#lasting.set(response, end);
    // The server serves also those who send no more: here that is how a client says that it is gone.
    const { socket } = response.req;
    const leave = () => response.destroy();
    socket.once("end", leave);
    response.once("close", () => {
      socket.off("end", leave);
      this.#lasting.delete(response);
    });
  }

  /** The server closes: each connection closes after its last response, and those that last end. */
  close(): void {
    this.#announceClose();
    for (const [response, end] of this.#lasting) {
      end();
      // Whoever takes nothing is not waited for.
      setTimeout(() => response.destroy(), STREAM_END_TIMEOUT).unref();
    }
  }

  /** Whether a response is left that lasts. Browsers report one that is cut off, instead of ended, as an error. */
  get keepsOpen(): boolean {
    return this.#lasting.size > 0;
  }

  get count(): number {
    return this.#count;
  }

  /** In the order of their requests, which is the order in which they are sent. */
  of(connection: Socket): ReadonlySet<ServerResponse> {
    return this.#byConnection.get(connection) ?? NONE;
  }

  #remove(response: ServerResponse): void {
    if (this.#byConnection.get(response.req.socket)?.delete(response)) this.#count -= 1;
  }

  /** Announces in the last response of each connection that the connection closes after it. */
  #announceClose(): void {
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

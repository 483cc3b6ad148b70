/** A TCP server that does what a test says with every connection, for servers that no real one would be. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

export class ScriptedServer {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      // a client that gives up on us may reset the connection
      socket.on("error", () => {});
    });
  }

  static async start(onConnection: (socket: Socket) => void): Promise<ScriptedServer> {
    const server = createServer(onConnection).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("A TCP server has an address with a port");
    return new ScriptedServer(server, address.port);
  }

  /** Cuts every connection that is open now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}

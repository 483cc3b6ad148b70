/** The network in front of a mount target: open, shut as when the target is dead, or frozen as when it hangs. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export type GateState = "open" | "shut" | "frozen";

export class Gate {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server;
  #state: GateState = "open";

  private constructor(server: Server, port: number, target: { readonly host: string; readonly port: number }) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on("connection", this.#relay);
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<Gate> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("A TCP server has an address with a port");
    return new Gate(server, address.port, target);
  }

  /** Connections of clients that are not closed yet, and their ways on to the target. */
  get sockets(): number {
    return this.#sockets.size;
  }

  /**
   * `shut`: connections are cut, new ones refused. `frozen`: connections stay and are accepted, but nothing passes in
   * either direction; what was sent passes when the gate is opened again, even if the sender has gone.
   */
  async set(state: GateState): Promise<void> {
    const before = this.#state;
    this.#state = state;
    if (state === "shut") {
      for (const socket of this.#sockets) socket.destroy();
      this.#server.close();
      await once(this.#server, "close");
    } else if (before === "shut") {
      this.#server = createServer(this.#relay).listen(this.port, this.host);
      await once(this.#server, "listening");
    }
    for (const socket of this.#sockets) {
      if (state === "frozen") socket.pause();
      else socket.resume();
    }
  }

  async close(): Promise<void> {
    if (this.#state !== "shut") await this.set("shut");
  }

  readonly #relay = (client: Socket): void => {
    const server = connect(this.#target);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on("data", (chunk: Buffer) => other.write(chunk));
      socket.on("end", () => other.end());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.end();
      });
      socket.on("error", () => {});
      if (this.#state === "frozen") socket.pause();
    }
  };
}

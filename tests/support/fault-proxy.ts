/** A TCP proxy that understands RPC records, and does to them what networks and dying servers do. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { RecordAssembler, recordHeader } from "nfs-client/wire";

export const FAULTS = [
  /** The request is lost with the connection. */
  "cut before request",
  /** The server has the request, the client never gets the reply. */
  "cut before reply",
  "cut inside reply",
  "cut after reply",
  "stall reply",
  /** The reply arrives a byte at a time. */
  "dribble reply",
  /** Both sides believe that the connection lives, and nothing arrives any more. */
  "half-open",
  /** The reply's RPC header is damaged. */
  "corrupt reply",
] as const;

export type Fault = (typeof FAULTS)[number];

/** Says what happens to the next request and its reply; nothing means that it passes. */
export type FaultChooser = () => Fault | undefined;

const STALL = 30;
const MAXIMUM_RECORD = 4 * 1024 * 1024;

export class FaultProxy {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly injected: Record<Fault, number>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #choose: FaultChooser;
  readonly #onReply: (record: Buffer) => void;

  private constructor(
    server: Server,
    port: number,
    target: { host: string; port: number },
    choose: FaultChooser,
    onReply: (record: Buffer) => void,
  ) {
    this.#server = server;
    this.port = port;
    this.#choose = choose;
    this.#onReply = onReply;
    this.injected = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;
    server.on("connection", (client) => this.#relay(client, connect(target)));
  }

  /** @param onReply Called with each reply of the server, before anything happens to it. */
  static async start(
    target: { host: string; port: number },
    choose: FaultChooser = () => undefined,
    onReply: (record: Buffer) => void = () => {},
  ) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("A TCP server has an address with a port");
    return new FaultProxy(server, address.port, target, choose, onReply);
  }

  /** From now on, faults are chosen like this. */
  set faults(choose: FaultChooser) {
    this.#choose = choose;
  }

  get totalInjected(): number {
    return Object.values(this.injected).reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #relay(client: Socket, server: Socket): void {
    /** The faults of the replies that are due, by xid: a reply may overtake another. */
    const due = new Map<number, Fault>();
    let halfOpen = false;
    let replies: Promise<void> = Promise.resolve();
    const cut = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        cut();
      });
      socket.on("error", () => {});
    }
    const requests = new RecordAssembler(MAXIMUM_RECORD, (record) => {
      const fault = this.#choose();
      if (fault !== undefined) this.injected[fault] += 1;
      if (fault === "cut before request") return cut();
      if (fault === "half-open") halfOpen = true;
      else if (fault !== undefined) due.set(record.readUInt32BE(0), fault);
      if (!server.destroyed) server.write(framed(record));
    });
    const answers = new RecordAssembler(MAXIMUM_RECORD, (record) => {
      this.#onReply(record);
      const copy = framed(record);
      const xid = record.readUInt32BE(0);
      const fault = due.get(xid);
      due.delete(xid);
      replies = replies.then(async () => {
        if (halfOpen || client.destroyed) return;
        await this.#deliver(client, copy, fault, cut);
      });
    });
    client.on("data", (chunk: Buffer) => {
      if (!halfOpen) requests.push(chunk);
    });
    server.on("data", (chunk: Buffer) => answers.push(chunk));
  }

  async #deliver(client: Socket, reply: Buffer, fault: Fault | undefined, cut: () => void): Promise<void> {
    switch (fault) {
      case "cut before reply":
        return cut();
      case "cut inside reply":
        client.write(reply.subarray(0, Math.floor(reply.length / 2)));
        await sleep(1);
        return cut();
      case "cut after reply":
        client.write(reply);
        await sleep(1);
        return cut();
      case "stall reply":
        await sleep(STALL);
        break;
      case "dribble reply":
        for (const byte of reply.subarray(0, 100)) client.write(Buffer.from([byte]));
        client.write(reply.subarray(100));
        return;
      case "corrupt reply":
        // message type, reply status, verifier and accept status: what follows the xid
        for (let at = 8; at < 28; at += 4) reply.writeUInt32BE(0xdead_beef, at);
        break;
    }
    client.write(reply);
  }
}

function framed(record: Buffer): Buffer {
  return Buffer.concat([recordHeader(record.length), record]);
}

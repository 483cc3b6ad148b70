/** RPC calls over one TCP or TLS connection: each message is a record, and replies find their call by its xid. */
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Deadline } from "./deadline.ts";
import { ConnectionError, type NfsError, ProtocolError } from "./errors.ts";
import { RecordAssembler, recordHeader } from "./wire/record.ts";
import { XdrError, XdrReader } from "./wire/xdr.ts";

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: ConnectionOptions | undefined;
}

/** Bytes moved, shared by all the connections of a client. */
export interface TrafficCounters {
  bytesSent: number;
  bytesReceived: number;
}

interface PendingCall {
  readonly resolve: (reply: XdrReader) => void;
  readonly reject: (error: NfsError) => void;
}

const KEEP_ALIVE_DELAY = 10_000;

/** @throws {ConnectionError} when the server cannot be reached, or its certificate is not right. */
export async function openConnection(
  address: ServerAddress,
  maximumReply: number,
  counters: TrafficCounters,
  deadline: Deadline,
): Promise<RpcConnection> {
  const { host, port, tls } = address;
  const socket = tls === undefined ? connectTcp({ host, port }) : connectTls({ ...tls, host, port });
  const connected = new Promise<void>((resolve, reject) => {
    socket.once(tls === undefined ? "connect" : "secureConnect", resolve);
    socket.once("error", reject);
  });
  try {
    await deadline.race(connected);
  } catch (cause) {
    socket.destroy();
    throw new ConnectionError(`Cannot connect to ${host}:${port}: ${messageOf(cause)}`, { cause });
  }
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY);
  return new RpcConnection(socket, `${host}:${port}`, maximumReply, counters);
}

export class RpcConnection {
  readonly #socket: Socket;
  readonly #counters: TrafficCounters;
  readonly #pending = new Map<number, PendingCall>();
  #failure: NfsError | undefined;
  #corked = false;

  #heardAt = performance.now();

  constructor(socket: Socket, peer: string, maximumReply: number, counters: TrafficCounters) {
    this.#socket = socket;
    this.#counters = counters;
    const assembler = new RecordAssembler(maximumReply, (record) => this.#receive(record));
    socket.on("data", (chunk: Buffer) => {
      this.#heardAt = performance.now();
      counters.bytesReceived += chunk.length;
      try {
        assembler.push(chunk);
      } catch (cause) {
        this.destroy(new ProtocolError(`${peer} sent what is not an RPC record: ${messageOf(cause)}`, { cause }));
      }
    });
    socket.on("error", (cause) => {
      this.destroy(new ConnectionError(`The connection to ${peer} failed: ${cause.message}`, { cause }));
    });
    socket.on("close", () => this.destroy(new ConnectionError(`${peer} closed the connection`)));
  }

  get alive(): boolean {
    return this.#failure === undefined;
  }

  /** Milliseconds for which calls have been waiting without a byte from the server. */
  get silence(): number {
    return this.#pending.size === 0 ? 0 : performance.now() - this.#heardAt;
  }

  /**
   * Sends one RPC message and waits for the reply with its xid; the caller bounds the wait.
   *
   * @throws {ConnectionError | ProtocolError} when the connection is lost before the reply.
   */
  call(xid: number, message: readonly Buffer[]): Promise<XdrReader> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#pending.size === 0) this.#heardAt = performance.now();
    return new Promise((resolve, reject) => {
      this.#pending.set(xid, { resolve, reject });
      this.#send(message);
    });
  }

  /** Ends the connection; every call under way fails with `reason`. */
  destroy(reason: NfsError): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#socket.destroy();
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }

  /** Calls of the same tick leave in one system call. */
  #send(message: readonly Buffer[]): void {
    const socket = this.#socket;
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    const length = message.reduce((sum, part) => sum + part.length, 0);
    const header = recordHeader(length);
    this.#counters.bytesSent += header.length + length;
    socket.write(header);
    for (const part of message) socket.write(part);
  }

  #receive(record: Buffer): void {
    const reader = new XdrReader(record);
    const xid = reader.uint32();
    const call = this.#pending.get(xid);
    if (call === undefined) throw new XdrError(`a reply to call ${xid}, which was not made`);
    this.#pending.delete(xid);
    call.resolve(reader);
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

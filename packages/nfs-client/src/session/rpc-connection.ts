/** RPC calls over one TCP or TLS connection: each message is a record, and replies find their call by its xid. */
import { connect as connectTcp, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Deadline } from "../deadline.ts";
import { ConnectionError, DeadlineError, messageOf, type NfsError, ProtocolError } from "../errors.ts";
import type { TlsOptions } from "../types.ts";
import { Procedure, RecordAssembler, recordOf, writeCallHeader } from "../wire/rpc.ts";
import { XdrError, XdrReader } from "../wire/xdr.ts";

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** Plain TCP when absent. */
  readonly tls?: TlsOptions | undefined;
}

/** Bytes sent and received over all the connections of a client. */
export interface TrafficCounters {
  bytesSent: number;
  bytesReceived: number;
}

/** When a server that sends nothing is silent, and what happens then. */
export interface SilenceWatch {
  /** Milliseconds without a byte from the server. */
  readonly limit: number;
  /** Whether an operation is in flight, even one that waits for no reply at the moment. */
  readonly isInUse: () => boolean;
  /** `wait`: the connection stays. Otherwise it ends, and the calls in flight fail with the reason. */
  readonly onSilence: (reason: ConnectionError) => unknown;
  /** A server that was silent has sent something. */
  readonly onHeard: () => void;
}

export interface ConnectionSettings {
  readonly address: ServerAddress;
  /** Bytes of the longest reply that is accepted. */
  readonly maximumReply: number;
  readonly watch: SilenceWatch;
  readonly counters: TrafficCounters;
  /** Unique among the calls of the connection. */
  readonly nextXid: () => number;
  /** Called once, when a connection that was made ends. */
  readonly onEnd: (reason: NfsError) => void;
}

interface PendingCall {
  readonly resolve: (reply: XdrReader) => void;
  readonly reject: (error: NfsError) => void;
}

const KEEP_ALIVE_DELAY = 10_000;

/** How often, within the limit, a connection is checked for silence. */
const CHECKS_PER_LIMIT = 8;

/** @throws {ConnectionError} when the server cannot be reached, or TLS fails; the message says what was wrong. */
export async function openConnection(settings: ConnectionSettings, deadline: Deadline): Promise<RpcConnection> {
  const { host, port, tls } = settings.address;
  let socket: Socket | undefined;
  let inHandshake = false;
  let connection: RpcConnection | undefined;
  const records = new RecordAssembler(settings.maximumReply, (record) => connection?.receive(record));
  // Bytes go from the socket straight to their record: no buffer for each read, and no copy of long records.
  const onread: OnReadOpts = {
    buffer: () => records.space(),
    callback: (count) => {
      connection?.received(count, records);
      return true;
    },
  };
  try {
    const options = typeof tls === "function" ? await deadline.race(Promise.resolve(tls())) : tls;
    const peer = { host, port, onread };
    socket = options === undefined ? connectTcp(peer) : connectTls({ ...options, ...peer });
    socket.once("connect", () => {
      inHandshake = options !== undefined;
    });
    await deadline.race(opened(socket, options === undefined ? "connect" : "secureConnect"));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY);
    connection = new RpcConnection(socket, settings);
    return connection;
  } catch (cause) {
    socket?.destroy();
    const reason = inHandshake ? handshakeFailure(cause) : messageOf(cause);
    throw new ConnectionError(`Cannot connect to ${host}:${port}: ${reason}`, { cause });
  }
}

function opened(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once("error", reject);
  });
}

export class RpcConnection {
  readonly #socket: Socket;
  readonly #settings: ConnectionSettings;
  readonly #peer: string;
  readonly #pending = new Map<number, PendingCall>();
  readonly #silenceTimer: NodeJS.Timeout;
  #whenIdle: (() => void)[] = [];
  #failure: NfsError | undefined;
  #corked = false;
  /** Until then the server is not watched: see {@link setUp}. */
  #isSetUp = false;
  /** Checks in a row that found an operation in flight and no byte received. */
  #silentChecks = 0;

  constructor(socket: Socket, settings: ConnectionSettings) {
    this.#socket = socket;
    this.#settings = settings;
    this.#peer = `${settings.address.host}:${settings.address.port}`;
    this.#silenceTimer = setInterval(() => this.#checkSilence(), settings.watch.limit / CHECKS_PER_LIMIT).unref();
    socket.on("error", (cause) => {
      this.destroy(new ConnectionError(`The connection to ${this.#peer} failed: ${tlsFailure(cause)}`, { cause }));
    });
    socket.on("close", () => this.destroy(new ConnectionError(`${this.#peer} closed the connection`)));
  }

  get alive(): boolean {
    return this.#failure === undefined;
  }

  get callsInFlight(): number {
    return this.#pending.size;
  }

  /**
   * Sends one RPC message, as a record, and waits for the reply with its xid; the caller bounds the wait.
   *
   * @throws {ConnectionError | ProtocolError} when the connection is lost before the reply.
   */
  call(xid: number, message: readonly Buffer[]): Promise<XdrReader> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#pending.size === 0 && !this.isSilent) this.#silentChecks = 0;
    return new Promise((resolve, reject) => {
      this.#pending.set(xid, { resolve, reject });
      this.#send(message);
    });
  }

  /** Calls NULL, the procedure that does nothing: the reply says only that the connection works. */
  async ping(): Promise<void> {
    const xid = this.#settings.nextXid();
    await this.call(xid, encodeNullCall(xid));
  }

  /** Resolves when no call is in flight. */
  async idle(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  /** Ends the connection; every call in flight fails with `reason`. */
  destroy(reason: NfsError): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    clearInterval(this.#silenceTimer);
    this.#socket.destroy();
    this.#settings.onEnd(reason);
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
    this.#notifyIdle();
  }

  /** `count` bytes have been read into the space of `records`, which finds the replies in them. */
  received(count: number, records: RecordAssembler): void {
    const wasSilent = this.isSilent;
    this.#silentChecks = 0;
    if (wasSilent) this.#settings.watch.onHeard();
    this.#settings.counters.bytesReceived += count;
    try {
      records.filled(count);
    } catch (cause) {
      this.destroy(new ProtocolError(`${this.#peer} sent what is not an RPC record: ${messageOf(cause)}`, { cause }));
    }
  }

  /** Passes a reply to its call. */
  receive(record: Buffer): void {
    const reader = new XdrReader(record);
    const xid = reader.uint32();
    const call = this.#pending.get(xid);
    if (call === undefined) throw new XdrError(`a reply to call ${xid}, which was not made`);
    this.#pending.delete(xid);
    call.resolve(reader);
    if (this.#pending.size === 0) this.#notifyIdle();
  }

  /** From now on silence is watched for. Before, whoever makes the connection bounds the waits. */
  setUp(): void {
    this.#isSetUp = true;
  }

  /** Calls are in flight, and nothing was received for the silence limit. */
  get isSilent(): boolean {
    return this.#silentChecks >= CHECKS_PER_LIMIT;
  }

  #notifyIdle(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /**
   * Pings a server that has sent nothing for half of the limit: one that is slow replies, one that is gone does not.
   * Checks are counted, not milliseconds, because a process that was paused has not read what the server sent.
   */
  #checkSilence(): void {
    const { limit, isInUse, onSilence } = this.#settings.watch;
    if (!this.#isSetUp || this.isSilent || (this.#pending.size === 0 && !isInUse())) return;
    this.#silentChecks += 1;
    if (this.isSilent) {
      const reason = new ConnectionError(`${this.#peer} has been silent for ${limit} ms`);
      if (onSilence(reason) !== "wait") this.destroy(reason);
    } else if (this.#silentChecks === CHECKS_PER_LIMIT / 2) {
      // What matters is that a byte arrives.
      this.ping().catch(() => {});
    }
  }

  /**
   * Calls of the same turn of the event loop are sent in one system call: in a busy router, those of many requests. One
   * that is alone in flight is sent sooner, at the end of what made it.
   */
  #send(message: readonly Buffer[]): void {
    const socket = this.#socket;
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      const schedule = this.#pending.size === 1 ? process.nextTick : setImmediate;
      schedule(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    for (const part of message) {
      this.#settings.counters.bytesSent += part.length;
      socket.write(part);
    }
  }
}

function encodeNullCall(xid: number): Buffer[] {
  return recordOf((writer) => writeCallHeader(writer, xid, Procedure.NULL, undefined));
}

/** Why a TLS handshake failed, although the server accepted the TCP connection. */
function handshakeFailure(error: unknown): string {
  const { code, reason } = partsOf(error);
  if (error instanceof DeadlineError) {
    return `the server did not answer the TLS handshake, it may speak plain text only: ${reason}`;
  }
  if (code === "ECONNRESET" || code === "EPIPE") {
    return `the server hung up in the TLS handshake, it may speak plain text only: ${reason}`;
  }
  return tlsFailure(error);
}

/** Why an error ended a connection, in words: name, trust, validity, or a server that does not speak TLS. */
function tlsFailure(error: unknown): string {
  const { code, reason } = partsOf(error);
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the server's certificate is for another name: ${reason}`;
    case "CERT_HAS_EXPIRED":
      return "the server's certificate has expired";
    case "CERT_NOT_YET_VALID":
      return "the server's certificate is not valid yet";
    case "CERT_SIGNATURE_FAILURE":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return `the server's certificate is not from a trusted certificate authority: ${reason}`;
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return `the server speaks plain text, not TLS: ${reason}`;
  }
  return code.startsWith("ERR_SSL_") ? `TLS failed: ${reason}` : reason;
}

function partsOf(error: unknown): { code: string; reason: string } {
  if (!(error instanceof Error)) return { code: "", reason: String(error) };
  // OpenSSL's message names a place in its source code; its reason does not.
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  return { code: String(code ?? ""), reason: typeof reason === "string" ? reason : error.message };
}

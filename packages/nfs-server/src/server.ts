/** An NFSv4.1 server (RFC 8881): one mount target of a file system. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { AcceptStatus, PARTITION_PROGRAM, Procedure, type StatusName, XdrError } from "nfs-client/wire";
import { Bandwidth } from "./bandwidth.ts";
import { bindToPartition } from "./bind-to-partition.ts";
import { Connection, type ConnectionOptions } from "./client-connection.ts";
import { type Dialect, MAX_MESSAGE_BYTES } from "./dialect/dialect.ts";
import { PROFILES, type Profile } from "./dialect/profiles.ts";
import { MountTarget } from "./mount-target.ts";
import { beginReply, readCall, replyWith } from "./rpc.ts";
import { runCompound } from "./run-compound.ts";
import { acquireFileSystem } from "./shared-file-system.ts";
import { Stall } from "./stall.ts";

export interface NfsServerOptions {
  /** The directory that clients see as `/`. Servers of one process that export the same one share all state. */
  readonly directory: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: one that the operating system picks. */
  readonly port?: number;
  /** What it refuses, and where its limits are. Default `full`. */
  readonly profile?: Profile;
  /** What is different from the profile. */
  readonly dialect?: Partial<Dialect>;
  /** Milliseconds from the start in which connections are refused, as a new mount target does. Default 0. */
  readonly refuseConnectionsMs?: number;
  /** What the mount target's network interface lets through, both directions together. Default: no limit. */
  readonly bytesPerSecond?: number | undefined;
  /** Milliseconds that every request takes longer, without getting in the way of others. Default 0. */
  readonly operationDelayMs?: number;
  /**
   * Seconds until a silent client loses its state; the first server of a directory decides. Default 90, as traces of
   * Amazon EFS show (nfs-ganesha issue 613).
   */
  readonly leaseSeconds?: number;
  /** Whether what NFS calls stable is on the disk before the reply. False is for speed where files may be lost. Default true. */
  readonly durable?: boolean;
  /** Asked before every WRITE: the status that it fails with, such as that of a full disk. Default: none. */
  readonly refuseWrite?: () => StatusName | undefined;
  /** Told of defects of the server itself, which clients see as RPC's SYSTEM_ERR. Default: printed as errors. */
  readonly onError?: (error: unknown) => void;
}

export interface NfsServer {
  readonly host: string;
  readonly port: number;
  readonly dialect: Dialect;
  statistics(): NfsServerStatistics;
  /** Changes the dialect: from the next COMPOUND on, for open connections too. @throws {RangeError} */
  setDialect(changes: Partial<Dialect>): void;
  /**
   * Executes and answers nothing for so many milliseconds from now. What is in flight then, and what is sent meanwhile,
   * is executed afterwards, even when its connection is gone by then. 0 ends a stall.
   */
  stall(milliseconds: number): void;
  /** Every request takes so many milliseconds longer from now on. */
  delayOperations(milliseconds: number): void;
  /** Refuses new connections for so many milliseconds from now; open ones stay. */
  refuseConnections(milliseconds: number): void;
  /** Stops listening and breaks all connections; resolves when nothing runs any more. */
  close(): Promise<void>;
}

/** What there is now, and what has been since the server was started. */
export interface NfsServerStatistics {
  /** Now. */
  readonly connections: number;
  /** Files that somebody has open or locked now, through any server of the directory: one for each owner. */
  readonly opens: number;
  readonly locks: number;
  /** Since the start, like all that follows. */
  readonly requests: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

const MAX_CONNECTIONS = 1024;

/** @throws when the directory cannot be exported or the address cannot be listened on; {RangeError} for the dialect. */
export async function startNfsServer(options: NfsServerOptions): Promise<NfsServer> {
  const { fileSystem, release } = acquireFileSystem(options.directory, { leaseSeconds: options.leaseSeconds ?? 90 });
  try {
    const { durable = true, refuseWrite = () => undefined, profile = "full" } = options;
    const dialect = { ...PROFILES[profile], ...options.dialect };
    const mountTarget = new MountTarget(fileSystem, { durable, refuseWrite }, dialect);
    const server = new TcpServer(mountTarget, options, release);
    await server.start(options.refuseConnectionsMs ?? 0);
    return server;
  } catch (error) {
    release();
    throw error;
  }
}

class TcpServer implements NfsServer {
  readonly host: string;
  readonly #mountTarget: MountTarget;
  readonly #onError: (error: unknown) => void;
  readonly #onClosed: () => void;
  readonly #connections = new Map<Socket, Connection>();
  readonly #connectionOptions: ConnectionOptions;
  readonly #stall = new Stall();
  readonly #counts = { requests: 0, bytesReceived: 0, bytesSent: 0 };
  #port: number;
  #listener: Server | undefined;
  #refusal: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(mountTarget: MountTarget, options: NfsServerOptions, onClosed: () => void) {
    this.host = options.host ?? "127.0.0.1";
    this.#port = options.port ?? 0;
    this.#mountTarget = mountTarget;
    this.#onError = options.onError ?? console.error;
    this.#onClosed = onClosed;
    this.#connectionOptions = {
      answer: (message, connection) => this.#answer(message, connection),
      maximumMessage: MAX_MESSAGE_BYTES,
      bandwidth: options.bytesPerSecond === undefined ? undefined : new Bandwidth(options.bytesPerSecond),
      operationDelayMs: options.operationDelayMs ?? 0,
      stall: this.#stall,
      onBytes: (received, sent) => {
        this.#counts.bytesReceived += received;
        this.#counts.bytesSent += sent;
      },
    };
  }

  get port(): number {
    return this.#port;
  }

  get dialect(): Dialect {
    return this.#mountTarget.dialect;
  }

  async start(refuseConnectionsMs: number): Promise<void> {
    await this.#listen();
    if (refuseConnectionsMs > 0) this.refuseConnections(refuseConnectionsMs);
  }

  statistics(): NfsServerStatistics {
    const { opens, locks } = this.#mountTarget.fileSystem.state.files.count();
    return { connections: this.#connections.size, opens, locks, ...this.#counts };
  }

  setDialect(changes: Partial<Dialect>): void {
    const before = this.dialect;
    this.#mountTarget.speak({ ...before, ...changes }, this.#connections.values());
    if (this.dialect.connectionLifetimeMs === before.connectionLifetimeMs) return;
    for (const connection of this.#connections.values()) connection.limitLifetime(this.dialect.connectionLifetimeMs);
  }

  delayOperations(milliseconds: number): void {
    this.#connectionOptions.operationDelayMs = milliseconds;
  }

  stall(milliseconds: number): void {
    this.#stall.begin(milliseconds);
  }

  refuseConnections(milliseconds: number): void {
    if (this.#closed !== undefined) return;
    this.#listener?.close();
    this.#listener = undefined;
    clearTimeout(this.#refusal);
    this.#refusal = setTimeout(() => this.#listen().catch(this.#onError), milliseconds);
  }

  close(): Promise<void> {
    this.#closed ??= this.#stop().finally(this.#onClosed);
    return this.#closed;
  }

  async #listen(): Promise<void> {
    const listener = createServer((socket) => this.#accept(socket));
    listener.listen(this.#port, this.host);
    this.#listener = listener;
    await once(listener, "listening");
    this.#port = portOf(listener);
    if (this.#closed !== undefined) listener.close();
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    const { connectionBytesPerSecond: own } = this.dialect;
    const connection = new Connection(socket, this.#connectionOptions, own > 0 ? new Bandwidth(own) : undefined);
    connection.limitLifetime(this.dialect.connectionLifetimeMs);
    this.#connections.set(socket, connection);
    socket.once("close", () => this.#connections.delete(socket));
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#refusal);
    const stopped = this.#listener?.listening ? once(this.#listener, "close") : undefined;
    this.#listener?.close();
    const closing = [...this.#connections.values()].map((connection) => connection.close());
    this.stall(0);
    await Promise.all([stopped, ...closing]);
  }

  async #answer(message: Buffer, connection: object): Promise<readonly Buffer[]> {
    this.#counts.requests++;
    const call = readCall(message);
    if ("refusal" in call) return [call.refusal];
    try {
      if (call.program === PARTITION_PROGRAM.program) return bindToPartition(this.#mountTarget, call, connection);
      if (call.procedure === Procedure.NULL) return beginReply(call.xid).segments();
      if (call.procedure !== Procedure.COMPOUND) return replyWith(call.xid, AcceptStatus.PROC_UNAVAIL).segments();
      return await runCompound(this.#mountTarget, call, message, connection);
    } catch (error) {
      if (error instanceof XdrError) return replyWith(call.xid, AcceptStatus.GARBAGE_ARGS).segments();
      this.#onError(error);
      return replyWith(call.xid, AcceptStatus.SYSTEM_ERR).segments();
    }
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server does not listen on a TCP port");
  return address.port;
}

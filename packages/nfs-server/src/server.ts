/** An NFSv4.1 server (RFC 8881): one mount target of a file system. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { AcceptStatus, Procedure, type StatusName, XdrError } from "nfs-client/wire";
import { Bandwidth } from "./bandwidth.ts";
import type { ServerSettings } from "./compound.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { beginReply, readCall, replyWith } from "./rpc.ts";
import { runCompound } from "./run-compound.ts";
import { acquireFileSystem, type SharedFileSystem } from "./shared-file-system.ts";

export interface NfsServerOptions {
  /** The directory that clients see as `/`. Servers of one process that export the same one share all state. */
  readonly directory: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: one that the operating system picks. */
  readonly port?: number;
  /** What the mount target's network interface lets through, both directions together. Default: no limit. */
  readonly bytesPerSecond?: number;
  /** Milliseconds that every request takes longer, without getting in the way of others. Default 0. */
  readonly operationDelayMs?: number;
  /** Seconds until a silent client loses its state; the first server of a directory decides. Default 90. */
  readonly leaseSeconds?: number;
  /** Whether what NFS calls stable is on the disk before the reply. False is for speed where files may be lost. Default true. */
  readonly durable?: boolean;
  /** Requests that a session may have in flight. Default 64. */
  readonly maximumSlots?: number;
  /** Operations in one COMPOUND. Default 64. */
  readonly maximumOperations?: number;
  /** Asked before every WRITE: the status that it fails with, such as that of a full disk. Default: none. */
  readonly refuseWrite?: () => StatusName | undefined;
  /** Told of defects of the server itself, which clients see as RPC's SYSTEM_ERR. Default: printed as errors. */
  readonly onError?: (error: unknown) => void;
}

export interface NfsServer {
  readonly host: string;
  readonly port: number;
  statistics(): NfsServerStatistics;
  /** Stops listening and breaks all connections; resolves when nothing runs any more. */
  close(): Promise<void>;
}

/** Since the server was started. */
export interface NfsServerStatistics {
  /** Connections that are open now. */
  readonly connections: number;
  readonly requests: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

const MEBIBYTE = 1024 * 1024;

/** What Amazon EFS transfers at most in one READ or WRITE. */
const MAX_TRANSFER = MEBIBYTE;

/** The rest of a COMPOUND around the data of one READ or WRITE. */
const AROUND_TRANSFER = 16 * 1024;

/** A message that is somewhat longer than any session allows is still read, so that it can be told so. */
const MAX_MESSAGE = MAX_TRANSFER + 4 * AROUND_TRANSFER;

const MAX_CACHED_RESPONSE = 8 * 1024;
const MAX_CONNECTIONS = 1024;

/** @throws when the directory cannot be exported or the address cannot be listened on. */
export async function startNfsServer(options: NfsServerOptions): Promise<NfsServer> {
  const { directory, host = "127.0.0.1", port = 0, leaseSeconds = 90 } = options;
  const { fileSystem, release } = acquireFileSystem(directory, { leaseSeconds });
  const counts = { requests: 0, bytesReceived: 0, bytesSent: 0 };
  const connections = new Map<Socket, Connection>();
  const connectionOptions = {
    answer: createAnswer(fileSystem, options, () => counts.requests++),
    maximumMessage: MAX_MESSAGE,
    bandwidth: options.bytesPerSecond === undefined ? undefined : new Bandwidth(options.bytesPerSecond),
    operationDelayMs: options.operationDelayMs ?? 0,
    onBytes: (received: number, sent: number) => {
      counts.bytesReceived += received;
      counts.bytesSent += sent;
    },
  };
  const server = createServer((socket) => {
    connections.set(socket, new Connection(socket, connectionOptions));
    socket.once("close", () => connections.delete(socket));
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    release();
    throw error;
  }
  let closed: Promise<void> | undefined;
  return {
    host,
    port: portOf(server),
    statistics: () => ({ connections: connections.size, ...counts }),
    close: () => {
      closed ??= stop(server, connections).finally(release);
      return closed;
    },
  };
}

async function stop(server: Server, connections: ReadonlyMap<Socket, Connection>): Promise<void> {
  const stopped = once(server, "close");
  server.close();
  await Promise.all([...connections.values()].map((connection) => connection.close()));
  await stopped;
}

function createAnswer(
  fileSystem: SharedFileSystem,
  options: NfsServerOptions,
  onRequest: () => void,
): ConnectionOptions["answer"] {
  const { durable = true, maximumSlots = 64, maximumOperations = 64, onError = console.error } = options;
  const settings: ServerSettings = {
    durable,
    maximumTransfer: MAX_TRANSFER,
    refuseWrite: options.refuseWrite ?? (() => undefined),
    limits: {
      headerPadding: 0,
      maximumRequest: MAX_TRANSFER + AROUND_TRANSFER,
      maximumResponse: MAX_TRANSFER + AROUND_TRANSFER,
      maximumCachedResponse: MAX_CACHED_RESPONSE,
      maximumOperations,
      maximumRequests: maximumSlots,
    },
  };
  return async (message, connection) => {
    onRequest();
    const call = readCall(message);
    if ("refusal" in call) return [call.refusal];
    if (call.procedure === Procedure.NULL) return beginReply(call.xid).segments();
    if (call.procedure !== Procedure.COMPOUND) return replyWith(call.xid, AcceptStatus.PROC_UNAVAIL).segments();
    try {
      return await runCompound(fileSystem, settings, call, message, connection);
    } catch (error) {
      if (error instanceof XdrError) return replyWith(call.xid, AcceptStatus.GARBAGE_ARGS).segments();
      onError(error);
      return replyWith(call.xid, AcceptStatus.SYSTEM_ERR).segments();
    }
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server does not listen on a TCP port");
  return address.port;
}

/**
 * What happens inside a client, for those who operate it: messages on channels of `node:diagnostics_channel`. A channel
 * that nobody listens to costs one property access.
 */
import { type Channel, channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import { NfsError } from "./errors.ts";
import type { CompoundReply, Operations } from "./wire/compound.ts";
import { operationName, type StatusName } from "./wire/constants.ts";
import type { XdrReader } from "./wire/xdr.ts";

/** What every message has. */
export interface NfsMessage {
  /** {@link NfsClient.name}: which client it is about. */
  readonly client: string;
  /** `host:port`. */
  readonly server: string;
}

/** A connection was made, or could not be. */
export interface ConnectMessage extends NfsMessage {
  readonly tls: boolean;
  /** Milliseconds, with the TLS handshake. */
  readonly duration: number;
  /** Why it could not be made. */
  readonly error?: NfsError;
}

/** A connection ended: the client was closed, or lost it. */
export interface DisconnectMessage extends NfsMessage {
  readonly reason: NfsError;
}

/** A session was made, and is used from now on. */
export interface SessionCreatedMessage extends NfsMessage {
  /** Requests that may be in flight at once. */
  readonly slots: number;
  /** Seconds. */
  readonly leaseTime: number;
  /** Bytes in one READ and one WRITE. */
  readonly maximumRead: number;
  readonly maximumWrite: number;
  /** Milliseconds. */
  readonly duration: number;
}

/** The server no longer knows the session; the next operation makes another one. */
export interface SessionLostMessage extends NfsMessage {
  /** The status or flag that said so. */
  readonly reason: string;
}

/** One COMPOUND was sent, and its reply came, or will not come. */
export interface CompoundMessage extends NfsMessage {
  /** Names of the operations, for example `["SEQUENCE", "PUTROOTFH", "LOOKUP", "GETATTR", "READ"]`. */
  readonly operations: readonly string[];
  /** Of the whole COMPOUND: `NFS4_OK`, or that of the operation it stopped at. Absent when no reply came. */
  readonly status?: StatusName | number;
  /** The operation it stopped at. */
  readonly failedOperation?: string;
  /** Why no reply came, or none that could be read. */
  readonly error?: NfsError;
  /** When it was sent, on the clock of `performance.now()`. */
  readonly startTime: number;
  /** Milliseconds from sending to the reply. */
  readonly duration: number;
  /** Bytes of the request and of the reply, with their record headers. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** A COMPOUND is sent again, and not because the server asked for time. */
export interface RetryMessage extends NfsMessage {
  readonly operations: readonly string[];
  /**
   * `connection-lost`: the same request, over a new connection. `reply-lost`: as a new request, because the server did
   * not keep the reply to the first one. `session-lost`: as a new request, in a new session. `file-replaced`: the file
   * was replaced between being looked up and being used.
   */
  readonly reason: "connection-lost" | "reply-lost" | "session-lost" | "file-replaced";
}

/** The server asked for time: what it was asked is asked again. */
export interface DelayMessage extends NfsMessage {
  readonly operations: readonly string[];
  /** `NFS4ERR_GRACE`: the server restarted, and waits for its clients. */
  readonly status: "NFS4ERR_DELAY" | "NFS4ERR_GRACE";
  /** Milliseconds until then. */
  readonly wait: number;
}

/** The state of another client was ended, or could not be. */
export interface FenceMessage extends NfsMessage {
  /** The name of the other client. */
  readonly fenced: string;
  /** Milliseconds. */
  readonly duration: number;
  /** Why it could not be ended. */
  readonly error?: NfsError;
}

/** The channels, by name, and what their messages are. */
export interface NfsDiagnostics {
  readonly "nfs-client:connect": ConnectMessage;
  readonly "nfs-client:disconnect": DisconnectMessage;
  readonly "nfs-client:session:created": SessionCreatedMessage;
  readonly "nfs-client:session:lost": SessionLostMessage;
  readonly "nfs-client:compound": CompoundMessage;
  readonly "nfs-client:retry": RetryMessage;
  readonly "nfs-client:delay": DelayMessage;
  readonly "nfs-client:fence": FenceMessage;
}

/**
 * Listens to a channel with the type of its messages, like `subscribe` of `node:diagnostics_channel`. The listener runs
 * inside the client, synchronously: it should be quick.
 *
 * @returns a function that ends it.
 */
export function onDiagnostics<Name extends keyof NfsDiagnostics>(
  name: Name,
  listener: (message: NfsDiagnostics[Name]) => void,
): () => void {
  // Only this module publishes on these channels.
  const listen = (message: unknown) => listener(message as NfsDiagnostics[Name]);
  subscribe(name, listen);
  return () => {
    unsubscribe(name, listen);
  };
}

/** Bytes in front of where a reader of a reply begins: record header and xid. */
const REPLY_HEAD_SIZE = 8;

const CHANNELS: { readonly [Name in keyof NfsDiagnostics]: Channel } = {
  "nfs-client:connect": channel("nfs-client:connect"),
  "nfs-client:disconnect": channel("nfs-client:disconnect"),
  "nfs-client:session:created": channel("nfs-client:session:created"),
  "nfs-client:session:lost": channel("nfs-client:session:lost"),
  "nfs-client:compound": channel("nfs-client:compound"),
  "nfs-client:retry": channel("nfs-client:retry"),
  "nfs-client:delay": channel("nfs-client:delay"),
  "nfs-client:fence": channel("nfs-client:fence"),
};

/** The messages of one client about one server. */
export class Diagnostics {
  readonly #about: NfsMessage;

  constructor(about: NfsMessage) {
    this.#about = about;
  }

  /** @param message Makes a new object each time. Called only when somebody listens. */
  publish<Name extends keyof NfsDiagnostics>(
    name: Name,
    message: () => Omit<NfsDiagnostics[Name], keyof NfsMessage>,
  ): void {
    this.#publish(name, message);
  }

  #publish(name: keyof NfsDiagnostics, message: () => object): void {
    const to = CHANNELS[name];
    // Into the message itself: to copy a COMPOUND's takes as long as to encode and decode the COMPOUND.
    if (to.hasSubscribers) to.publish(Object.assign(message(), this.#about));
  }

  /** Does `task`, and publishes how long that took, or why it failed. */
  async timed<Name extends "nfs-client:connect" | "nfs-client:fence", Result>(
    name: Name,
    about: Omit<NfsDiagnostics[Name], keyof NfsMessage | "duration" | "error">,
    task: () => Promise<Result>,
  ): Promise<Result> {
    const begin = performance.now();
    const publish = (outcome: { error?: NfsError }) =>
      this.#publish(name, () => ({ ...about, duration: performance.now() - begin, ...outcome }));
    try {
      const result = await task();
      publish({});
      return result;
    } catch (error) {
      if (error instanceof NfsError) publish({ error });
      throw error;
    }
  }

  retry(operations: Operations, reason: RetryMessage["reason"]): void {
    this.publish("nfs-client:retry", () => ({ operations: namesOf(operations), reason }));
  }

  /** `reply` asks for time, and the COMPOUND is sent again in `wait` milliseconds. */
  delay(operations: Operations, reply: CompoundReply, wait: number): void {
    const status: DelayMessage["status"] = reply.failedWith("NFS4ERR_GRACE") ? "NFS4ERR_GRACE" : "NFS4ERR_DELAY";
    this.publish("nfs-client:delay", () => ({ operations: namesOf(operations), status, wait }));
  }

  /** Reads the reply to a COMPOUND that was just sent, and publishes what became of it. */
  observe(
    operations: Operations,
    message: readonly Buffer[],
    replied: Promise<XdrReader>,
    decode: (reader: XdrReader) => CompoundReply,
  ): Promise<CompoundReply> {
    return CHANNELS["nfs-client:compound"].hasSubscribers
      ? this.#observe(operations, message, replied, decode)
      : replied.then(decode);
  }

  #observe(
    operations: Operations,
    message: readonly Buffer[],
    replied: Promise<XdrReader>,
    decode: (reader: XdrReader) => CompoundReply,
  ): Promise<CompoundReply> {
    const startTime = performance.now();
    let bytesReceived = 0;
    const publish = (outcome: Pick<CompoundMessage, "status" | "failedOperation" | "error">) =>
      this.publish("nfs-client:compound", () => ({
        operations: namesOf(operations),
        startTime,
        duration: performance.now() - startTime,
        bytesSent: message.reduce((sum, { length }) => sum + length, 0),
        bytesReceived,
        ...outcome,
      }));
    const fail = (error: unknown): never => {
      if (error instanceof NfsError) publish({ error });
      throw error;
    };
    // Not as an async function: a router does this for every request.
    return replied.then((reader) => {
      bytesReceived = REPLY_HEAD_SIZE + reader.remaining;
      let reply: CompoundReply;
      try {
        reply = decode(reader);
      } catch (error) {
        return fail(error);
      }
      const { status, failure } = reply;
      publish(failure ? { status, failedOperation: operationName(failure.operation.code) } : { status });
      return reply;
    }, fail);
  }
}

function namesOf(operations: Operations): string[] {
  return operations.map(({ code }) => operationName(code));
}

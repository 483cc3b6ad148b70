/**
 * A client that sends exactly what a test says: single operations, wrong sequences, other people's state, broken bytes.
 * Its operations are the real client's where that has them.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { NfsServer } from "@efs-mount-autoscaling/nfs-server";
import {
  type AuthSys,
  type ChannelAttributes,
  type CompoundReply,
  createSession,
  decodeCompound,
  encodeCompound,
  exchangeId,
  type Operation,
  RecordAssembler,
  reclaimComplete,
  recordHeader,
  type StatusName,
  sequence,
  statusName,
  XdrReader,
} from "nfs-client/wire";

type Operations = readonly Operation<unknown>[];

const CREDENTIAL: AuthSys = { machineName: "test", uid: 0, gid: 0, gids: [] };

const CHANNEL: ChannelAttributes = {
  maximumRequestSize: 2 * 1024 * 1024,
  maximumResponseSize: 2 * 1024 * 1024,
  maximumCachedResponseSize: 4096,
  maximumOperations: 32,
  maximumRequests: 8,
};

export class RawConnection {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, { resolve: (reply: XdrReader) => void; reject: (error: Error) => void }>();
  #xid = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const assembler = new RecordAssembler(4 * 1024 * 1024, (record) => {
      const reader = new XdrReader(record);
      const xid = reader.uint32();
      this.#waiting.get(xid)?.resolve(reader);
      this.#waiting.delete(xid);
    });
    socket.on("data", (chunk: Buffer) => assembler.push(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("The server closed the connection"));
    });
  }

  static async open({ host, port }: Pick<NfsServer, "host" | "port">): Promise<RawConnection> {
    const socket = connect(port, host);
    await once(socket, "connect");
    return new RawConnection(socket);
  }

  /** Sends a message as it is, and returns the reply behind the xid, which the message must begin with. */
  async call(message: Buffer): Promise<XdrReader> {
    const reply = new Promise<XdrReader>((resolve, reject) => {
      this.#waiting.set(message.readUInt32BE(), { resolve, reject });
    });
    this.write(Buffer.concat([recordHeader(message.length), message]));
    return reply;
  }

  /** Sends bytes, whatever they are. */
  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  async compound(operations: Operations, credential = CREDENTIAL): Promise<CompoundReply> {
    const [, message] = splitRecord(Buffer.concat(encodeCompound(this.#xid++, credential, operations)));
    return decodeCompound(await this.call(message), operations);
  }

  /** Reads nothing more of what the server sends. */
  pause(): void {
    this.#socket.pause();
  }

  async closedByServer(): Promise<void> {
    if (!this.#socket.closed) await once(this.#socket, "close");
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A record's header, and the message behind it. */
export function splitRecord(record: Buffer): [header: Buffer, message: Buffer] {
  return [record.subarray(0, 4), record.subarray(4)];
}

export interface RawSessionOptions {
  readonly channel?: Partial<ChannelAttributes>;
  /** Makes another incarnation of the same client when it is given twice. Default: a client of its own. */
  readonly name?: string;
  /** Leaves out what a client must say before it may open files. */
  readonly skipReclaimComplete?: boolean;
  readonly connection?: RawConnection;
}

export interface Sent {
  readonly slotId?: number;
  /** Instead of the slot's next one. */
  readonly sequenceId?: number;
  readonly cacheThis?: boolean;
}

/** A client id and a session, over one connection. */
export class RawSession {
  readonly connection: RawConnection;
  readonly clientId: bigint;
  readonly id: Buffer;
  readonly channel: ChannelAttributes;
  readonly #sequenceIds = new Map<number, number>();

  private constructor(connection: RawConnection, clientId: bigint, id: Buffer, channel: ChannelAttributes) {
    this.connection = connection;
    this.clientId = clientId;
    this.id = id;
    this.channel = channel;
  }

  static async open(server: Pick<NfsServer, "host" | "port">, options: RawSessionOptions = {}): Promise<RawSession> {
    const connection = options.connection ?? (await RawConnection.open(server));
    const exchange = exchangeId({ name: options.name ?? randomBytes(8).toString("hex"), verifier: randomBytes(8) });
    const identity = (await connection.compound([exchange])).orThrow().of(exchange);
    const creation = createSession(identity, { ...CHANNEL, ...options.channel });
    const { sessionId, foreChannel } = (await connection.compound([creation])).orThrow().of(creation);
    const session = new RawSession(connection, identity.clientId, sessionId, foreChannel);
    if (options.skipReclaimComplete !== true) (await session.run([reclaimComplete()])).orThrow();
    return session;
  }

  /** Runs operations behind a SEQUENCE. */
  async run(operations: Operations, sent: Sent = {}): Promise<CompoundReply> {
    return this.connection.compound([this.sequence(sent), ...operations]);
  }

  /** Runs one operation after others, and returns its result. */
  async result<Result>(before: Operations, operation: Operation<Result>): Promise<Result> {
    return (await this.run([...before, operation])).orThrow().of(operation);
  }

  /** The status that a COMPOUND ends with. */
  async status(operations: Operations, sent: Sent = {}): Promise<StatusName> {
    return statusOf(await this.run(operations, sent));
  }

  /** The slot's next SEQUENCE, unless it is told to be another one. */
  sequence({ slotId = 0, sequenceId, cacheThis = false }: Sent = {}): Operation<unknown> {
    const next = sequenceId ?? (this.#sequenceIds.get(slotId) ?? 0) + 1;
    if (sequenceId === undefined) this.#sequenceIds.set(slotId, next);
    return sequence({ sessionId: this.id, sequenceId: next, slotId, highestSlotId: slotId, cacheThis });
  }

  close(): void {
    this.connection.close();
  }
}

export function statusOf({ failure }: CompoundReply): StatusName {
  return failure === undefined ? "NFS4_OK" : (statusName(failure.code) ?? "NFS4ERR_SERVERFAULT");
}

/**
 * Manages the one connection and the one session of a client: reconnects when the connection is lost, makes a new
 * session when the server has lost the session, and renews the lease (RFC 8881 §2.10, §8.4).
 */
import { randomInt } from "node:crypto";
import { Backoff, Deadline } from "../deadline.ts";
import { Diagnostics } from "../diagnostics.ts";
import {
  ClosedError,
  ConnectionError,
  DeadlineError,
  ignoreNfsError,
  NfsError,
  NfsStatusError,
  ProtocolError,
} from "../errors.ts";
import {
  type CompoundReply,
  decodeCompound,
  decodeFirstResult,
  encodeCompound,
  type Operation,
  type Operations,
} from "../wire/compound.ts";
import { SequenceFlag } from "../wire/constants.ts";
import {
  type ClientIdentity,
  type ClientOwner,
  exchangeId,
  type SequenceResult,
  sequence,
} from "../wire/operations/sessions.ts";
import type { AuthSys } from "../wire/rpc.ts";
import type { XdrReader } from "../wire/xdr.ts";
import { ExtraConnections } from "./extra-connections.ts";
import {
  openConnection,
  type RpcConnection,
  type ServerAddress,
  type SilenceWatch,
  type TrafficCounters,
} from "./rpc-connection.ts";
import { establishSession, fenceClient, MAX_RESPONSE_SIZE, newOwner, type Session, type Slot } from "./session.ts";

export interface SessionOptions {
  readonly address: ServerAddress;
  readonly credential: AuthSys;
  /** Unique among all the clients of the server. */
  readonly clientName: string;
  readonly slots: number;
  /** At most, where the server gives more to several. */
  readonly connections: number;
  /** Ends {@link SessionManager.open}, and nothing after it. */
  readonly signal: AbortSignal | undefined;
  /** Milliseconds within which a connection must be set up. */
  readonly connectTimeout: number;
  /** Milliseconds within which the session must be made over it. Doubles when the server does not answer in time. */
  readonly sessionTimeout: number;
  /** Milliseconds without a byte while operations are in flight; then the server is silent. */
  readonly silenceLimit: number;
  /** `wait`: the connection stays. Otherwise it is replaced. */
  readonly onSilence: (reason: ConnectionError) => unknown;
  readonly onHeard: () => void;
}

/** A client that is to be fenced: its name, and behind which client records it is known. */
export interface FencedClient {
  readonly name: string;
  readonly serverOwner: string | undefined;
}

/** How long to wait for a session, and whether to reconnect for it. */
export interface WaitOptions {
  readonly deadline: Deadline;
  readonly onConnectionLoss: "recover" | "fail";
}

export interface SessionStatistics extends TrafficCounters {
  compounds: number;
  reconnects: number;
}

const CLOSE_TIMEOUT = 1000;

/** Milliseconds that a server which was connected to has for its first answer, at most. */
const MAX_SESSION_TIMEOUT = 30_000;

/** Milliseconds until the next attempt to settle a slot whose request the server is still executing. */
const SETTLE_INTERVAL = 250;

const STATE_LOST =
  SequenceFlag.EXPIRED_ALL_STATE_REVOKED |
  SequenceFlag.EXPIRED_SOME_STATE_REVOKED |
  SequenceFlag.ADMIN_STATE_REVOKED |
  SequenceFlag.RESTART_RECLAIM_NEEDED;

export class SessionManager {
  readonly statistics: SessionStatistics = { compounds: 0, reconnects: 0, bytesSent: 0, bytesReceived: 0 };
  readonly diagnostics: Diagnostics;
  readonly #options: SessionOptions;
  #owner: ClientOwner;
  #connection: RpcConnection | undefined;
  /** Beside that one; `undefined` where there is to be no other, or the server hangs up on who asks for them. */
  #extra: ExtraConnections | undefined;
  #session: Session | undefined;
  /** Of the last session: its sequence id is that of the next CREATE_SESSION. */
  #identity: ClientIdentity | undefined;
  #establishing: Promise<Session> | undefined;
  #xid = randomInt(0x1_0000_0000);
  #closed = false;
  /** How many operations are in flight that do not always wait for a reply, such as streams that are read slowly. */
  #watchers = 0;
  #lastUsedAt = 0;
  /** Connecting again does not help with a server that stalls: see {@link SessionOptions.sessionTimeout}. */
  #sessionTimeout: number;
  /** Of all sessions so far: `undefined` where they differ. */
  #serverOwner: string | undefined;
  /** While the first session is made: see {@link SessionOptions.signal}. */
  #signal: AbortSignal | undefined;
  #leaseTimer: NodeJS.Timeout | undefined;
  #settleTimer: NodeJS.Timeout | undefined;

  private constructor(options: SessionOptions) {
    this.#options = options;
    const { host, port } = options.address;
    this.diagnostics = new Diagnostics({ client: options.clientName, server: `${host}:${port}` });
    this.#owner = newOwner(options.clientName);
    this.#signal = options.signal;
    this.#sessionTimeout = options.sessionTimeout;
    this.#extra = options.connections > 1 ? this.#extraConnections(options.connections) : undefined;
  }

  /** Connects and makes a session; does not retry. */
  static async open(options: SessionOptions): Promise<{ manager: SessionManager; session: Session }> {
    const manager = new SessionManager(options);
    const session = await manager.#establish();
    manager.#signal = undefined;
    return { manager, session };
  }

  /** The connection, while it is alive. */
  get connection(): RpcConnection | undefined {
    return this.#connection?.alive ? this.#connection : undefined;
  }

  /** The connection for the next request of the session. */
  get nextConnection(): RpcConnection | undefined {
    const { connection } = this;
    return connection && (this.#extra?.leastBusy(connection) ?? connection);
  }

  /** Behind which client records this client is known; `undefined` when its sessions were in several. */
  get serverOwner(): string | undefined {
    return this.#serverOwner;
  }

  /** The session, where it can be used now. */
  get readySession(): Session | undefined {
    return this.#closed || this.connection === undefined || this.#establishing !== undefined
      ? undefined
      : this.#session;
  }

  /** The session, over a live connection. Makes both where they are missing, and retries until the deadline. */
  async ready({ deadline, onConnectionLoss }: WaitOptions): Promise<Session> {
    const backoff = new Backoff();
    for (;;) {
      if (this.#closed) throw new ClosedError("The client was closed");
      deadline.check();
      const session = this.readySession;
      if (session !== undefined) return session;
      try {
        return await deadline.race(this.#establish());
      } catch (error) {
        if (!isTransient(error)) throw error;
        if (onConnectionLoss === "fail") {
          deadline.check();
          // The caller has time left: what is over is that of the connection.
          throw error instanceof DeadlineError ? unanswered(error) : error;
        }
        const delay = backoff.next();
        if (delay >= deadline.remaining) {
          throw new DeadlineError(`The server could not be reached in time: ${error.message}`, { cause: error });
        }
        await deadline.sleep(delay);
      }
    }
  }

  /** Watches the server for silence until the returned function is called, whether or not a reply is due. */
  watch(): () => void {
    this.#watchers += 1;
    return () => {
      this.#watchers -= 1;
    };
  }

  /** A COMPOUND in a slot of the session, as a message to send over any of its connections. */
  encode(xid: number, operations: Operations, credential = this.credential): Buffer[] {
    return encodeCompound(xid, credential, operations);
  }

  /** Whom the client itself speaks for: what it does for its session, too. */
  get credential(): AuthSys {
    return this.#options.credential;
  }

  nextXid(): number {
    this.#xid = (this.#xid + 1) >>> 0;
    return this.#xid;
  }

  sequence({ id, slots }: Session, slot: Slot, cacheThis: boolean): Operation<SequenceResult> {
    return sequence({
      sessionId: id,
      sequenceId: slot.sequenceId,
      slotId: slot.id,
      highestSlotId: slots.size - 1,
      cacheThis,
    });
  }

  /** Processes what the server says in every SEQUENCE. */
  noteSequence(session: Session, { targetHighestSlotId, statusFlags }: SequenceResult): void {
    session.slots.setTarget(targetHighestSlotId);
    this.#lastUsedAt = performance.now();
    if ((statusFlags & STATE_LOST) === 0) return;
    // A new verifier makes the server drop what is left of our state.
    this.#owner = newOwner(this.#options.clientName);
    this.forget(session, `SEQUENCE's status flags, 0x${statusFlags.toString(16)}`);
  }

  /** The server no longer knows the session. */
  forget(session: Session, reason: string): void {
    if (this.#session === session) {
      this.#session = undefined;
      this.diagnostics.publish("nfs-client:session:lost", () => ({ reason }));
    }
    session.slots.end();
  }

  /** Client and server disagree on the sequence id of one of the session's slots, which is not used again. */
  retireSlot(session: Session): void {
    session.slots.retire();
    if (session.slots.exhausted) this.forget(session, "no slot is left whose sequence both sides know");
  }

  /** The caller of the slot's request has gone, and nobody knows whether the request was executed. */
  leaveUnsettled(session: Session, slot: Slot): void {
    session.slots.leaveUnsettled(slot);
    this.#settleNow(session);
  }

  #settleNow(session: Session): void {
    const { connection } = this;
    if (this.#closed || connection === undefined || this.#session !== session) return;
    if (this.#establishing !== undefined) {
      // If that fails, the next connection settles them.
      this.#establishing.then(() => this.#settleNow(session)).catch(ignoreNfsError);
      return;
    }
    this.#settle(connection, session, new Deadline(this.#options.connectTimeout)).catch(ignoreNfsError);
  }

  /**
   * Resolves when the server says once more who we are. It answers NULL also when it takes nothing else from us any more,
   * and a SEQUENCE would wait for a slot. An EXCHANGE_ID like the last one changes nothing (RFC 8881 §18.35.4, case 2).
   */
  async ping(options: WaitOptions): Promise<void> {
    const { connection } = await this.#connected(options);
    (await this.#sendWhenReady(connection, [exchangeId(this.#owner)], options.deadline)).orThrow();
  }

  /**
   * Ends the session, opens and locks of another client.
   *
   * @returns Whether the server knows that client; where it does not, nothing was ended.
   */
  async fence({ name, serverOwner }: FencedClient, options: WaitOptions): Promise<boolean> {
    return this.diagnostics.timed("nfs-client:fence", { fenced: name }, async () => {
      const { connection, session } = await this.#connected(options);
      if (session.capabilities.serverOwner !== serverOwner) return false;
      await this.#fence(connection, name, options.deadline);
      return true;
    });
  }

  /**
   * Ends the session, and makes the server drop this client, so that opens and locks that are left do not stay until
   * the lease expires. DESTROY_SESSION and DESTROY_CLIENTID are not enough: a server refuses the latter while state is
   * left (RFC 8881 §18.50.3), and some keep the locks of a client that they no longer know.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#leaseTimer);
    clearTimeout(this.#settleTimer);
    const { connection } = this;
    try {
      if (connection === undefined) return;
      // A request that the server is still executing may be a LOCK.
      const idle = Promise.all([connection.idle(), this.#extra?.idle()]);
      await new Deadline(CLOSE_TIMEOUT).race(idle).catch(ignoreNfsError);
      await this.#fence(connection, this.#options.clientName, new Deadline(CLOSE_TIMEOUT));
    } catch (error) {
      ignoreNfsError(error);
    } finally {
      this.#connection?.destroy(new ClosedError("The client was closed"));
      this.#session?.slots.end();
    }
  }

  async #connected(options: WaitOptions): Promise<{ connection: RpcConnection; session: Session }> {
    const session = await this.ready(options);
    const { connection } = this;
    if (connection === undefined) throw new ConnectionError("The connection was lost");
    return { connection, session };
  }

  async #fence(connection: RpcConnection, clientName: string, deadline: Deadline): Promise<void> {
    await fenceClient((each) => this.#sendWhenReady(connection, each, deadline), newOwner(clientName));
  }

  /** One attempt at a live connection with a session, shared by all who wait for it. */
  #establish(): Promise<Session> {
    this.#establishing ??= this.#connectAndResume().finally(() => {
      this.#establishing = undefined;
    });
    return this.#establishing;
  }

  async #connectAndResume(): Promise<Session> {
    const connection =
      this.connection ?? (await this.#connect(new Deadline(this.#options.connectTimeout, this.#signal)));
    try {
      const deadline = new Deadline(this.#sessionTimeout, this.#signal);
      if (this.#session !== undefined) await this.#settle(connection, this.#session, deadline);
      this.#session ??= await this.#newSession(connection, deadline);
      this.#sessionTimeout = this.#options.sessionTimeout;
      if (this.#closed) throw new ClosedError("The client was closed");
      this.#keepLease(this.#session.capabilities.leaseTime);
      connection.setUp();
      return this.#session;
    } catch (cause) {
      if (cause instanceof DeadlineError) {
        this.#sessionTimeout = Math.min(MAX_SESSION_TIMEOUT, 2 * this.#sessionTimeout);
      }
      const error = sessionFailure(cause);
      connection.destroy(error);
      throw error;
    }
  }

  async #newSession(connection: RpcConnection, deadline: Deadline): Promise<Session> {
    const begin = performance.now();
    const send = (operations: Operations) => this.#sendWhenReady(connection, operations, deadline);
    const session = await establishSession(send, this.#owner, this.#options.slots, this.#identity);
    const { serverOwner } = session.capabilities;
    const knowsUs = this.#identity === undefined || serverOwner === this.#serverOwner;
    this.#serverOwner = knowsUs ? serverOwner : undefined;
    this.#identity = session.identity;
    this.diagnostics.publish("nfs-client:session:created", () => ({
      slots: session.slots.size,
      leaseTime: session.capabilities.leaseTime,
      maximumRead: session.capabilities.maximumRead,
      maximumWrite: session.capabilities.maximumWrite,
      duration: performance.now() - begin,
    }));
    return session;
  }

  async #connect(deadline: Deadline): Promise<RpcConnection> {
    const { onSilence, onHeard } = this.#options;
    if (this.#connection !== undefined) this.statistics.reconnects += 1;
    const open = () =>
      this.#open(deadline, { isInUse: () => this.#watchers > 0, onSilence, onHeard }, (_, reason) =>
        this.#extra?.end(reason),
      );
    let connection = await open();
    try {
      await this.#extra?.begin(connection, deadline);
    } catch (error) {
      if (error instanceof NfsError) connection.destroy(error);
      if (!isTransient(error)) throw error;
      deadline.check();
      // Perhaps the server hung up, or is silent, because it does not know the call.
      this.#extra = undefined;
      connection = await open();
    }
    this.#connection = connection;
    return connection;
  }

  #extraConnections(limit: number): ExtraConnections {
    const extra: ExtraConnections = new ExtraConnections({
      limit,
      silenceLimit: this.#options.silenceLimit,
      open: async (deadline, onFallingSilent) => {
        const onSilence = () => {
          onFallingSilent(connection);
          return "wait";
        };
        const watch = { isInUse: () => false, onSilence, onHeard: () => {} };
        const connection = await this.#open(deadline, watch, (ended) => extra.lost(ended));
        return connection;
      },
      nextXid: () => this.nextXid(),
      traffic: () => this.statistics.bytesSent + this.statistics.bytesReceived,
    });
    return extra;
  }

  async #open(
    deadline: Deadline,
    watch: Omit<SilenceWatch, "limit">,
    onEnd: (connection: RpcConnection, reason: NfsError) => void,
  ): Promise<RpcConnection> {
    const { address, silenceLimit: limit } = this.#options;
    let connection: RpcConnection | undefined;
    const settings = {
      address,
      maximumReply: MAX_RESPONSE_SIZE,
      watch: { ...watch, limit },
      counters: this.statistics,
      nextXid: () => this.nextXid(),
      onEnd: (reason: NfsError) => {
        if (connection !== undefined) onEnd(connection, reason);
        this.diagnostics.publish("nfs-client:disconnect", () => ({ reason }));
      },
    };
    connection = await this.diagnostics.timed("nfs-client:connect", { tls: address.tls !== undefined }, () =>
      openConnection(settings, deadline),
    );
    return connection;
  }

  /**
   * Settles the slots whose last request has no reply: sends a lone SEQUENCE with the same sequence id in each of them.
   * Whether or not the server has seen the lost request, it does not execute it after this, and client and server agree
   * on the slot's sequence id again.
   */
  async #settle(connection: RpcConnection, session: Session, deadline: Deadline): Promise<void> {
    const settling = session.slots.takeUnsettled().map(async (slot) => {
      try {
        const operation = this.sequence(session, slot, false);
        // The server may send the whole reply that it cached for the lost request.
        const decode = (reader: XdrReader) => decodeFirstResult(reader, operation);
        this.#settleSlot(session, slot, await this.#send(connection, [operation], deadline, decode));
      } catch (error) {
        this.#settleLater(session, slot);
        throw error;
      }
    });
    await Promise.all(settling);
  }

  #settleSlot(session: Session, slot: Slot, reply: CompoundReply): void {
    switch (settlementOf(reply)) {
      case "settled":
        session.slots.release(slot);
        break;
      case "in-flight":
        this.#settleLater(session, slot);
        break;
      case "session-lost":
        this.forget(session, String(reply.status));
        break;
      case "slot-lost":
        this.retireSlot(session);
    }
  }

  /** The server is still executing the slot's request, or does not answer. */
  #settleLater(session: Session, slot: Slot): void {
    session.slots.leaveUnsettled(slot);
    this.#settleTimer ??= setTimeout(() => {
      this.#settleTimer = undefined;
      this.#settleNow(session);
    }, SETTLE_INTERVAL).unref();
  }

  #keepLease(leaseTime: number): void {
    clearInterval(this.#leaseTimer);
    const interval = (leaseTime * 1000) / 3;
    this.#leaseTimer = setInterval(() => {
      if (performance.now() - this.#lastUsedAt >= interval) this.#renew(interval).catch(ignoreNfsError);
    }, interval).unref();
  }

  /** A failure is left to the next operation, which sees it too. */
  async #renew(timeout: number): Promise<void> {
    const deadline = new Deadline(timeout);
    const session = await this.ready({ deadline, onConnectionLoss: "fail" });
    const slot = await session.slots.acquire(deadline);
    this.leaveUnsettled(session, slot);
    this.#lastUsedAt = performance.now();
  }

  /**
   * The server no longer takes requests from us over this connection. The next one has new TLS credentials.
   *
   * @returns What those fail with whose requests were refused.
   */
  refused(connection: RpcConnection, reply: CompoundReply): ConnectionError {
    const { host, port } = this.#options.address;
    const error = new ConnectionError(`${host}:${port} no longer accepts this client: ${reply.status}`);
    connection.destroy(error);
    return error;
  }

  /** Sends a COMPOUND, and retries it while the server asks for time. */
  async #sendWhenReady(connection: RpcConnection, operations: Operations, deadline: Deadline): Promise<CompoundReply> {
    const backoff = new Backoff();
    for (;;) {
      const reply = await this.#send(connection, operations, deadline);
      if (!reply.delayed) return reply;
      const wait = backoff.next();
      this.diagnostics.delay(operations, reply, wait);
      await deadline.sleep(wait);
    }
  }

  async #send(
    connection: RpcConnection,
    operations: Operations,
    deadline: Deadline,
    decode = (reader: XdrReader) => decodeCompound(reader, operations),
  ): Promise<CompoundReply> {
    const xid = this.nextXid();
    const message = this.encode(xid, operations);
    const replied = deadline.race(connection.call(xid, message));
    const reply = await this.diagnostics.observe(operations, message, replied, decode);
    if (reply.unauthorized) throw this.refused(connection, reply);
    return reply;
  }
}

function unanswered(cause: DeadlineError): ConnectionError {
  return new ConnectionError(`The server did not answer over a new connection: ${cause.message}`, { cause });
}

/** A status of SEQUENCE after which the session cannot be used any more. */
export function isSessionLost(reply: CompoundReply): boolean {
  return reply.failedWith(
    "NFS4ERR_BADSESSION",
    "NFS4ERR_DEADSESSION",
    "NFS4ERR_CONN_NOT_BOUND_TO_SESSION",
    "NFS4ERR_STALE_CLIENTID",
    "NFS4ERR_EXPIRED",
  );
}

/**
 * What the reply to a lone SEQUENCE says about the slot whose last request may have been executed, or not. A SEQUENCE
 * that fails leaves the slot as it was (RFC 8881 §18.46.3), and so tells only what its status tells:
 *
 * - `settled`: it was executed, or its sequence id had been used before. NFS4ERR_SEQ_FALSE_RETRY says the latter: the
 *   server has the lost request's reply, and this one is not the same request (§2.10.6.1.3.1).
 * - `in-flight`: the server is still executing the lost request.
 * - `slot-lost`: nobody can tell which sequence id is the next one.
 */
export function settlementOf(reply: CompoundReply): "settled" | "in-flight" | "session-lost" | "slot-lost" {
  if (reply.succeeded || reply.failedWith("NFS4ERR_SEQ_FALSE_RETRY")) return "settled";
  if (reply.failedWith("NFS4ERR_DELAY")) return "in-flight";
  return isSessionLost(reply) ? "session-lost" : "slot-lost";
}

/** The operations that wait for the session must not see the status of a CREATE_SESSION as their own. */
function sessionFailure(cause: unknown): NfsError {
  if (cause instanceof NfsStatusError) {
    return new ConnectionError(`The session could not be made: ${cause.message}`, { cause });
  }
  return cause instanceof NfsError ? cause : new ProtocolError("The session could not be made", { cause });
}

function isTransient(error: unknown): error is ConnectionError | DeadlineError | ProtocolError {
  return error instanceof ConnectionError || error instanceof DeadlineError || error instanceof ProtocolError;
}

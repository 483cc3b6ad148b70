/**
 * COMPOUNDs over a session that is kept alive: reconnects after a lost connection, makes a new session after a lost
 * one, and repeats what may be repeated (RFC 8881 §2.10.6, §8.4).
 */
import { randomBytes, randomInt } from "node:crypto";
import { Backoff } from "../backoff.ts";
import { type CompoundReply, decodeCompound, encodeCompound, type Operations } from "../compound.ts";
import { openConnection, type RpcConnection, type ServerAddress, type TrafficCounters } from "../connection.ts";
import { Deadline } from "../deadline.ts";
import {
  ClosedError,
  ConnectionError,
  DeadlineError,
  NfsError,
  OutcomeUnknownError,
  ProtocolError,
} from "../errors.ts";
import type { Operation } from "../operations/operation.ts";
import {
  type ClientOwner,
  destroyClientId,
  destroySession,
  type SequenceResult,
  sequence,
} from "../operations/session.ts";
import { SequenceFlag, VERIFIER_SIZE } from "../wire/protocol.ts";
import type { AuthSys } from "../wire/rpc.ts";
import type { XdrReader } from "../wire/xdr.ts";
import { establishSession, MAXIMUM_RESPONSE, type Session, type SessionLimits } from "./session.ts";
import type { Slot } from "./slots.ts";

export interface ChannelOptions {
  readonly address: ServerAddress;
  readonly credential: AuthSys;
  /** Unique among all the clients of the server. */
  readonly clientName: string;
  readonly slots: number;
  /** Milliseconds for a connection and its session. */
  readonly connectTimeout: number;
}

export interface RunOptions {
  readonly deadline: Deadline;
  readonly onConnectionLoss: "recover" | "fail";
  /**
   * The COMPOUND must not be done twice: the server keeps its reply for a retry, and where that is not enough to tell
   * whether it was done, {@link OutcomeUnknownError} says so. Without it, it is repeated.
   */
  readonly once?: boolean;
}

export interface ChannelStatistics extends TrafficCounters {
  compounds: number;
  reconnects: number;
}

/** What became of one request. */
type Attempt =
  | { readonly kind: "answered"; readonly reply: CompoundReply }
  | { readonly kind: "not-executed" }
  | { readonly kind: "unknown"; readonly why: string };

/** A request that owns a slot until its fate is known. */
interface SlotRequest {
  readonly session: Session;
  readonly slot: Slot;
  readonly sequence: Operation<SequenceResult>;
  readonly operations: Operations;
  readonly xid: number;
  readonly message: readonly Buffer[];
  /** Its caller has gone; the slot is freed by the reply, or by the loss of the connection. */
  abandoned: boolean;
}

const FIRST_DELAY = 10;
const LONGEST_DELAY = 1000;
const CLOSE_TIMEOUT = 1000;

const STATE_LOST =
  SequenceFlag.EXPIRED_ALL_STATE_REVOKED |
  SequenceFlag.EXPIRED_SOME_STATE_REVOKED |
  SequenceFlag.ADMIN_STATE_REVOKED |
  SequenceFlag.RESTART_RECLAIM_NEEDED;

export class Channel {
  readonly #options: ChannelOptions;
  readonly statistics: ChannelStatistics = { compounds: 0, reconnects: 0, bytesSent: 0, bytesReceived: 0 };
  #owner: ClientOwner;
  #connection: RpcConnection | undefined;
  #session: Session | undefined;
  #establishing: Promise<Session> | undefined;
  #limits: SessionLimits | undefined;
  #xid = randomInt(0x1_0000_0000);
  #closed = false;
  #lastUsedAt = 0;
  #leaseTimer: NodeJS.Timeout | undefined;

  private constructor(options: ChannelOptions) {
    this.#options = options;
    this.#owner = newOwner(options.clientName);
  }

  /** Connects and makes a session; does not retry. */
  static async open(options: ChannelOptions): Promise<Channel> {
    const channel = new Channel(options);
    await channel.#establish();
    return channel;
  }

  /** What the newest session allows. */
  get limits(): SessionLimits {
    if (this.#limits === undefined) throw new ClosedError("The client has no session");
    return this.#limits;
  }

  /** Waits for the session and tells the client id, which owners of opens and locks need. */
  async clientId(options: RunOptions): Promise<bigint> {
    return (await this.#ready(options)).clientId;
  }

  /**
   * Runs one COMPOUND; the reply tells which operation failed, if one did. NFS4ERR_DELAY and NFS4ERR_GRACE are waited
   * out, unless an operation before them changed something: then that is the caller's to undo.
   */
  async run(operations: Operations, options: RunOptions): Promise<CompoundReply> {
    const backoff = new Backoff(FIRST_DELAY, LONGEST_DELAY);
    for (;;) {
      const session = await this.#ready(options);
      const attempt = await this.#attempt(session, operations, options);
      if (attempt.kind === "answered") {
        const { reply } = attempt;
        if (reply.changedSomething || !reply.failedWith("NFS4ERR_DELAY", "NFS4ERR_GRACE")) return reply;
      } else if (attempt.kind === "unknown" && options.once) {
        throw new OutcomeUnknownError(`The operation may or may not have been done: ${attempt.why}`);
      }
      await options.deadline.sleep(backoff.next());
    }
  }

  /** Gives session and client id back, so that the server need not wait for the lease to run out. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#leaseTimer);
    const connection = this.#connection;
    const session = this.#session;
    try {
      if (connection?.alive && session !== undefined) {
        const deadline = new Deadline(CLOSE_TIMEOUT);
        await this.#send(connection, [destroySession(session.id)], deadline);
        await this.#send(connection, [destroyClientId(session.clientId)], deadline);
      }
    } catch (error) {
      // the server forgets us when the lease runs out
      if (!(error instanceof NfsError)) throw error;
    } finally {
      connection?.destroy(new ClosedError("The client was closed"));
      session?.slots.end();
    }
  }

  /** The session, on a live connection; makes what is missing, for as long as the caller's deadline allows. */
  async #ready({ deadline, onConnectionLoss }: RunOptions): Promise<Session> {
    const backoff = new Backoff(FIRST_DELAY, LONGEST_DELAY);
    for (;;) {
      if (this.#closed) throw new ClosedError("The client was closed");
      deadline.check();
      if (this.#connection?.alive && this.#session !== undefined && this.#establishing === undefined) {
        return this.#session;
      }
      try {
        return await deadline.race(this.#establish());
      } catch (error) {
        if (onConnectionLoss === "fail" || !isTransient(error)) throw error;
        if (error instanceof DeadlineError && deadline.remaining === 0) throw error;
        const delay = backoff.next();
        if (delay >= deadline.remaining) {
          throw new DeadlineError(`The server could not be reached in time: ${error.message}`, { cause: error });
        }
        await deadline.sleep(delay);
      }
    }
  }

  /** One try at a live connection with a session, shared by all who wait for it. */
  #establish(): Promise<Session> {
    this.#establishing ??= this.#connectAndResume().finally(() => {
      this.#establishing = undefined;
    });
    return this.#establishing;
  }

  async #connectAndResume(): Promise<Session> {
    const { address, connectTimeout, slots } = this.#options;
    const deadline = new Deadline(connectTimeout);
    let connection = this.#connection;
    if (!connection?.alive) {
      if (connection !== undefined) this.statistics.reconnects += 1;
      connection = await openConnection(address, MAXIMUM_RESPONSE, this.statistics, deadline);
      this.#connection = connection;
    }
    const live = connection;
    try {
      if (this.#session !== undefined) await this.#settle(live, this.#session, deadline);
      const session =
        this.#session ?? (await establishSession((each) => this.#send(live, each, deadline), this.#owner, slots));
      if (this.#closed) throw new ClosedError("The client was closed");
      this.#session = session;
      this.#limits = session.limits;
      this.#keepLease(session.limits.leaseTime);
      return session;
    } catch (cause) {
      const error = cause instanceof NfsError ? cause : new ProtocolError("The session could not be made", { cause });
      live.destroy(error instanceof ConnectionError ? error : new ConnectionError(error.message, { cause: error }));
      throw error;
    }
  }

  /**
   * Puts an empty request through each slot whose last request was given up when the connection was lost. Whether the
   * server saw that request or not, it will not execute it after this, and the slot's sequence is known again.
   */
  async #settle(connection: RpcConnection, session: Session, deadline: Deadline): Promise<void> {
    const settling = session.slots.takeUnsettled().map(async (slot) => {
      try {
        const reply = await this.#send(connection, [this.#sequence(session, slot, false)], deadline);
        this.#settleSlot(session, slot, reply);
      } catch (error) {
        session.slots.leaveUnsettled(slot);
        throw error;
      }
    });
    await Promise.all(settling);
  }

  #settleSlot(session: Session, slot: Slot, reply: CompoundReply): void {
    if (reply.failedWith("NFS4ERR_BADSESSION", "NFS4ERR_DEADSESSION")) this.#forget(session);
    else if (reply.failedWith("NFS4ERR_DELAY")) session.slots.leaveUnsettled(slot);
    else if (reply.failedWith("NFS4ERR_SEQ_MISORDERED", "NFS4ERR_BADSLOT")) this.#retire(session);
    else session.slots.release(slot);
  }

  /** Sends one request in a slot of `session`, over as many connections as it takes to learn what became of it. */
  async #attempt(session: Session, operations: Operations, options: RunOptions): Promise<Attempt> {
    const { deadline, once = false } = options;
    const slot = await this.#acquire(session, deadline);
    if (slot === undefined) return { kind: "not-executed" };
    const request = this.#request(session, slot, operations, once);
    const backoff = new Backoff(FIRST_DELAY, LONGEST_DELAY);
    let transmissions = 0;
    try {
      for (;;) {
        const connection = this.#connection;
        if (!connection?.alive) {
          if (transmissions > 0 && options.onConnectionLoss === "fail")
            throw new ConnectionError("The connection was lost");
          if (transmissions > 1) await deadline.sleep(backoff.next());
          if ((await this.#ready(options)) === session) continue;
          return transmissions === 0 ? { kind: "not-executed" } : { kind: "unknown", why: "the session was lost" };
        }
        transmissions += 1;
        const reply = await this.#transmit(connection, request, deadline);
        if (reply === undefined) continue;
        if (reply.failure?.index === 0 && reply.failedWith("NFS4ERR_DELAY")) {
          await deadline.sleep(backoff.next());
          continue;
        }
        return this.#conclude(request, reply, transmissions);
      }
    } catch (error) {
      if (!request.abandoned) session.slots.leaveUnsettled(slot);
      throw once && transmissions > 0 ? outcomeUnknown(error) : error;
    }
  }

  async #acquire({ slots }: Session, deadline: Deadline): Promise<Slot | undefined> {
    try {
      return await slots.acquire(deadline);
    } catch (error) {
      if (error instanceof ConnectionError) return undefined;
      throw error;
    }
  }

  #request(session: Session, slot: Slot, operations: Operations, cacheThis: boolean): SlotRequest {
    const first = this.#sequence(session, slot, cacheThis);
    const all = [first, ...operations];
    const xid = this.#nextXid();
    const message = encodeCompound(xid, this.#options.credential, all);
    return { session, slot, sequence: first, operations: all, xid, message, abandoned: false };
  }

  /** Sends the request and waits for its reply; nothing when the connection is lost first. */
  async #transmit(
    connection: RpcConnection,
    request: SlotRequest,
    deadline: Deadline,
  ): Promise<CompoundReply | undefined> {
    this.statistics.compounds += 1;
    const call = connection.call(request.xid, request.message);
    try {
      return decodeCompound(await deadline.race(call), request.operations);
    } catch (error) {
      if (!connection.alive) return undefined;
      if (error instanceof ProtocolError) connection.destroy(error);
      else this.#abandon(request, connection, call);
      throw error;
    }
  }

  /** Nobody waits for the reply any more; when it comes all the same, the slot is free again. */
  #abandon(request: SlotRequest, connection: RpcConnection, call: Promise<XdrReader>): void {
    const { session, slot } = request;
    request.abandoned = true;
    call.then(
      (reader) => {
        try {
          this.#conclude(request, decodeCompound(reader, request.operations), 1);
        } catch {
          this.#retire(session);
        }
      },
      () => session.slots.leaveUnsettled(slot),
    );
    const { silence } = connection;
    if (silence >= this.#options.connectTimeout) {
      connection.destroy(new ConnectionError(`The server has been silent for ${Math.round(silence)} ms`));
    }
  }

  /** What the reply says of the slot, of the session, and of the request. */
  #conclude({ session, slot, sequence: first }: SlotRequest, reply: CompoundReply, transmissions: number): Attempt {
    const { slots } = session;
    if (reply.failedWith("NFS4ERR_RETRY_UNCACHED_REP")) {
      slots.release(slot);
      return { kind: "unknown", why: "the connection was lost, and the server did not keep the reply" };
    }
    if (reply.failure?.index !== 0) {
      slots.release(slot);
      this.#noteSequence(session, reply.of(first));
      return { kind: "answered", reply };
    }
    if (isSlotConfused(reply)) this.#retire(session);
    else if (isSessionLost(reply)) this.#forget(session);
    else {
      slots.giveBack(slot);
      return { kind: "answered", reply };
    }
    if (transmissions === 1) return { kind: "not-executed" };
    return { kind: "unknown", why: "the session was lost" };
  }

  #noteSequence(session: Session, { targetHighestSlotId, statusFlags }: SequenceResult): void {
    session.slots.setTarget(targetHighestSlotId);
    this.#lastUsedAt = performance.now();
    if ((statusFlags & STATE_LOST) === 0) return;
    // a new verifier makes the server drop what is left of our state
    this.#owner = newOwner(this.#options.clientName);
    this.#forget(session);
  }

  #forget(session: Session): void {
    if (this.#session === session) this.#session = undefined;
    session.slots.end();
  }

  #retire(session: Session): void {
    session.slots.retire();
    if (session.slots.exhausted) this.#forget(session);
  }

  #keepLease(leaseTime: number): void {
    clearInterval(this.#leaseTimer);
    const interval = (leaseTime * 1000) / 3;
    this.#leaseTimer = setInterval(() => {
      if (performance.now() - this.#lastUsedAt < interval) return;
      // a failure is found again, and dealt with, by the next operation
      this.run([], { deadline: new Deadline(interval), onConnectionLoss: "fail" }).catch(() => {});
    }, interval).unref();
  }

  #sequence({ id, slots }: Session, slot: Slot, cacheThis: boolean): Operation<SequenceResult> {
    return sequence({
      sessionId: id,
      sequenceId: slot.sequenceId,
      slotId: slot.id,
      highestSlotId: slots.size - 1,
      cacheThis,
    });
  }

  async #send(connection: RpcConnection, operations: Operations, deadline: Deadline): Promise<CompoundReply> {
    const xid = this.#nextXid();
    const call = connection.call(xid, encodeCompound(xid, this.#options.credential, operations));
    return decodeCompound(await deadline.race(call), operations);
  }

  #nextXid(): number {
    this.#xid = (this.#xid + 1) >>> 0;
    return this.#xid;
  }
}

function newOwner(name: string): ClientOwner {
  return { name, verifier: randomBytes(VERIFIER_SIZE) };
}

function isTransient(error: unknown): error is ConnectionError | DeadlineError | ProtocolError {
  return error instanceof ConnectionError || error instanceof DeadlineError || error instanceof ProtocolError;
}

function isSlotConfused(reply: CompoundReply): boolean {
  return reply.failedWith("NFS4ERR_SEQ_MISORDERED", "NFS4ERR_SEQ_FALSE_RETRY", "NFS4ERR_BADSLOT");
}

function isSessionLost(reply: CompoundReply): boolean {
  return reply.failedWith(
    "NFS4ERR_BADSESSION",
    "NFS4ERR_DEADSESSION",
    "NFS4ERR_CONN_NOT_BOUND_TO_SESSION",
    "NFS4ERR_STALE_CLIENTID",
    "NFS4ERR_EXPIRED",
  );
}

function outcomeUnknown(cause: unknown): OutcomeUnknownError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new OutcomeUnknownError(`The operation may or may not have been done: ${why}`, { cause });
}

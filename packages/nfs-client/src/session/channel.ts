/** COMPOUNDs over the slots of a session: sent again where that is safe, and never done twice where it is not. */
import { Backoff, type Deadline } from "../deadline.ts";
import type { Diagnostics } from "../diagnostics.ts";
import { ConnectionError, messageOf, OutcomeUnknownError, ProtocolError } from "../errors.ts";
import { type CompoundReply, decodeCompound, type Operation, type Operations } from "../wire/compound.ts";
import { putRootFileHandle } from "../wire/operations/file-handles.ts";
import type { SequenceResult } from "../wire/operations/sessions.ts";
import type { XdrReader } from "../wire/xdr.ts";
import { SessionManager, type SessionOptions, type SessionStatistics, type WaitOptions } from "./manager.ts";
import type { RpcConnection } from "./rpc-connection.ts";
import type { Session, SessionLimits, Slot } from "./session.ts";

export interface RunOptions extends WaitOptions {
  /**
   * The COMPOUND must not be done twice: the server keeps its reply for a retry, and where that is not enough to tell
   * whether it was done, {@link OutcomeUnknownError} says so. Without it, it is repeated.
   */
  readonly once?: boolean;
  /** Called when the time is up before the reply; `over` resolves when the reply has come, or cannot come any more. */
  readonly onAbandoned?: (over: Promise<void>) => void;
}

/** A request that owns a slot until its fate is known. */
interface SlotRequest {
  readonly session: Session;
  readonly slot: Slot;
  readonly sequence: Operation<SequenceResult>;
  readonly operations: Operations;
  readonly xid: number;
  readonly message: readonly Buffer[];
  /** How often it was sent. */
  transmissions: number;
  malformedReplies: number;
  /** What the last transmission failed with. */
  lastError: unknown;
  /** Its caller has gone; the slot is freed by the reply, or by the loss of the connection. */
  abandoned: boolean;
}

/** Why a request came to no answer, and in words. */
const LOSSES = {
  "session-lost": "the session was lost",
  "reply-lost": "the connection was lost, and the server did not keep the reply",
} as const;

/** What became of a request: an answer, or none. `executed`: without an answer, nobody can tell. */
type Fate =
  | { readonly kind: "answered"; readonly reply: CompoundReply }
  | { readonly kind: "lost"; readonly executed: "no" | "perhaps"; readonly why: keyof typeof LOSSES };

/** Times that a path is looked up before a stale file is believed: more would be a server that remembers wrongly. */
const MOST_LOOKS = 10;

/** A server that answers one request with nonsense this often is not going to make sense. */
const MOST_MALFORMED_REPLIES = 3;

export class Channel {
  readonly #manager: SessionManager;
  #session: Session;

  private constructor(keeper: SessionManager, session: Session) {
    this.#manager = keeper;
    this.#session = session;
  }

  /** Connects and makes a session; does not retry. */
  static async open(options: SessionOptions): Promise<Channel> {
    const { keeper, session } = await SessionManager.open(options);
    return new Channel(keeper, session);
  }

  get statistics(): SessionStatistics {
    return this.#manager.statistics;
  }

  get diagnostics(): Diagnostics {
    return this.#manager.diagnostics;
  }

  /** What the newest session allows. */
  get limits(): SessionLimits {
    return this.#session.limits;
  }

  /** Waits for the session and tells the client id, which owners of opens and locks need. */
  async clientId(options: WaitOptions): Promise<bigint> {
    return (await this.#ready(options)).identity.clientId;
  }

  /**
   * Runs one COMPOUND; the reply tells which operation failed, if one did. It is run again, unless it changed something
   * that is the caller's to undo, when the server asks for time (NFS4ERR_DELAY, NFS4ERR_GRACE), and when a file was
   * replaced between being looked up and being used (NFS4ERR_STALE): another look finds the new one.
   */
  async run(operations: Operations, options: RunOptions): Promise<CompoundReply> {
    const backoff = new Backoff();
    const walks = operations[0] === putRootFileHandle;
    // a grace period takes longer than a caller has who can go elsewhere
    const grace = options.onConnectionLoss === "recover";
    let looks = 1;
    for (;;) {
      const fate = await this.#attempt(await this.#ready(options), operations, options);
      if (fate.kind === "answered") {
        const { reply } = fate;
        const stale = walks && looks < MOST_LOOKS && reply.failedWith("NFS4ERR_STALE", "NFS4ERR_FHEXPIRED");
        const wait = reply.failedWith("NFS4ERR_DELAY") || (grace && reply.failedWith("NFS4ERR_GRACE"));
        if (reply.changedSomething || !(stale || wait)) return reply;
        looks += 1;
        if (stale) {
          this.diagnostics.retry(operations, "file-replaced");
          continue;
        }
        await this.waitAsAsked(operations, reply, backoff, options.deadline);
      } else {
        if (fate.executed === "perhaps" && options.once) throw outcomeUnknown(LOSSES[fate.why]);
        await options.deadline.sleep(backoff.next());
        this.diagnostics.retry(operations, fate.why);
      }
    }
  }

  /** Waits before a COMPOUND is sent again, because `reply` asked for time. */
  async waitAsAsked(operations: Operations, reply: CompoundReply, backoff: Backoff, deadline: Deadline): Promise<void> {
    const wait = backoff.next();
    this.diagnostics.delay(operations, reply, wait);
    await deadline.sleep(wait);
  }

  /** See {@link SessionManager.watch}. */
  watch(): () => void {
    return this.#manager.watch();
  }

  /** Resolves when the server answers. */
  ping(options: WaitOptions): Promise<void> {
    return this.#manager.ping(options);
  }

  /** Ends what the client of this name left. */
  fence(clientName: string, options: WaitOptions): Promise<void> {
    return this.#manager.fence(clientName, options);
  }

  close(): Promise<void> {
    return this.#manager.close();
  }

  async #ready(options: WaitOptions): Promise<Session> {
    this.#session = await this.#manager.ready(options);
    return this.#session;
  }

  /** Sends one request in a slot of `session`, over as many connections as it takes to learn its fate. */
  async #attempt(session: Session, operations: Operations, options: RunOptions): Promise<Fate> {
    const { deadline, once = false } = options;
    const slot = await acquire(session, deadline);
    if (slot === undefined) return { kind: "lost", executed: "no", why: "session-lost" };
    const request = this.#request(session, slot, operations, once);
    const backoff = new Backoff();
    try {
      for (;;) {
        const { connection } = this.#manager;
        if (connection === undefined) {
          const sent = request.transmissions > 0;
          if (sent && options.onConnectionLoss === "fail") throw request.lastError;
          if (request.transmissions > 1) await deadline.sleep(backoff.next());
          if ((await this.#ready(options)) === session) {
            if (sent) this.diagnostics.retry(request.operations, "connection-lost");
            continue;
          }
          return { kind: "lost", executed: sent ? "perhaps" : "no", why: "session-lost" };
        }
        const reply = await this.#transmit(connection, request, options);
        if (reply === undefined) continue;
        // the slot's sequence has not moved
        if (!reply.delayed) return this.#conclude(request, reply);
        await this.waitAsAsked(request.operations, reply, backoff, deadline);
      }
    } catch (error) {
      if (!request.abandoned) this.#manager.leaveUnsettled(session, slot);
      throw once && request.transmissions > 0 ? outcomeUnknown(messageOf(error), error) : error;
    }
  }

  #request(session: Session, slot: Slot, operations: Operations, cacheThis: boolean): SlotRequest {
    const sequence = this.#manager.sequence(session, slot, cacheThis);
    const all = [sequence, ...operations];
    const xid = this.#manager.nextXid();
    const message = this.#manager.encode(xid, all);
    return {
      session,
      slot,
      sequence,
      operations: all,
      xid,
      message,
      transmissions: 0,
      malformedReplies: 0,
      lastError: undefined,
      abandoned: false,
    };
  }

  /** Sends the request and waits for its reply; nothing when the connection is lost first. */
  async #transmit(
    connection: RpcConnection,
    request: SlotRequest,
    { deadline, onAbandoned }: RunOptions,
  ): Promise<CompoundReply | undefined> {
    this.statistics.compounds += 1;
    request.transmissions += 1;
    const call = connection.call(request.xid, request.message);
    const decode = (reader: XdrReader) => decodeCompound(reader, request.operations);
    try {
      return await this.diagnostics.observe(request.operations, request.message, deadline.race(call), decode);
    } catch (error) {
      if (error instanceof ProtocolError) {
        // what else is on this connection cannot be trusted either
        connection.destroy(error);
        request.malformedReplies += 1;
        if (request.malformedReplies >= MOST_MALFORMED_REPLIES) throw error;
      }
      if (connection.alive) {
        const over = this.#abandon(request, call);
        onAbandoned?.(over);
        throw error;
      }
      request.lastError = error;
      return undefined;
    }
  }

  /** Nobody waits for the reply any more; when it comes all the same, the slot is free again. */
  #abandon(request: SlotRequest, call: Promise<XdrReader>): Promise<void> {
    const { session, slot } = request;
    request.abandoned = true;
    return call.then(
      (reader) => {
        try {
          const reply = decodeCompound(reader, request.operations);
          // an earlier transmission may still be under way: the slot's sequence id must not be used for another request
          if (reply.delayed) this.#manager.leaveUnsettled(session, slot);
          else this.#conclude(request, reply);
        } catch {
          this.#manager.retireSlot(session);
        }
      },
      () => this.#manager.leaveUnsettled(session, slot),
    );
  }

  /** What the reply says of the slot, of the session, and of the request. */
  #conclude({ session, slot, sequence, transmissions }: SlotRequest, reply: CompoundReply): Fate {
    if (reply.failedWith("NFS4ERR_RETRY_UNCACHED_REP")) {
      session.slots.release(slot);
      return { kind: "lost", executed: "perhaps", why: "reply-lost" };
    }
    if (reply.reached(sequence)) {
      session.slots.release(slot);
      this.#manager.noteSequence(session, reply.of(sequence));
      return { kind: "answered", reply };
    }
    if (isSlotConfused(reply)) {
      this.#manager.retireSlot(session);
    } else if (isSessionLost(reply)) {
      this.#manager.forget(session, String(reply.status));
    } else {
      session.slots.giveBack(slot);
      return { kind: "answered", reply };
    }
    return { kind: "lost", executed: transmissions > 1 ? "perhaps" : "no", why: "session-lost" };
  }
}

async function acquire({ slots }: Session, deadline: Deadline): Promise<Slot | undefined> {
  try {
    return await slots.acquire(deadline);
  } catch (error) {
    // the session ended while we waited for one of its slots
    if (error instanceof ConnectionError) return undefined;
    throw error;
  }
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

function outcomeUnknown(why: string, cause?: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError(`The operation may or may not have been done: ${why}`, { cause });
}

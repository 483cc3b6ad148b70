/**
 * Runs COMPOUNDs in the slots of a session. A request whose reply was lost is retried in its slot: the session's reply
 * cache makes sure that the server executes it once (RFC 8881 §2.10.6). If the session is lost too, nobody can tell
 * whether it was executed; then it becomes a new request, or an {@link OutcomeUnknownError} where it must not be done
 * twice.
 */
import { Backoff, type Deadline } from "../deadline.ts";
import type { Diagnostics } from "../diagnostics.ts";
import { ConnectionError, messageOf, ProtocolError } from "../errors.ts";
import { type CompoundReply, decodeCompound, type Operation, type Operations } from "../wire/compound.ts";
import { putRootFileHandle } from "../wire/operations/file-handles.ts";
import type { SequenceResult } from "../wire/operations/sessions.ts";
import type { AuthSys, Identity } from "../wire/rpc.ts";
import type { XdrReader } from "../wire/xdr.ts";
import type { Capabilities, Features } from "./capabilities.ts";
import { Gathering } from "./gathering.ts";
import type { Member, Together } from "./joint-compound.ts";
import {
  type FencedClient,
  isSessionLost,
  SessionManager,
  type SessionOptions,
  type SessionStatistics,
  type WaitOptions,
} from "./manager.ts";
import { LOSSES, type Outcome, outcomeUnknown } from "./outcome.ts";
import type { RpcConnection } from "./rpc-connection.ts";
import type { Session, Slot } from "./session.ts";

export interface RunOptions extends WaitOptions {
  /**
   * The COMPOUND must not be executed twice. The server is asked to cache its reply for a retry. Where that does not
   * tell whether it was executed, it fails with an {@link OutcomeUnknownError}. Default: it is sent as a new request.
   */
  readonly once?: boolean;
  /**
   * The COMPOUND changes what others see. Where it was sent and has no reply, it fails with an
   * {@link OutcomeUnknownError}. Default: as `once`.
   */
  readonly visible?: boolean;
  /** It may share a request with others that are to be sent in the same turn of the event loop. Default: it is alone. */
  readonly together?: Together | undefined;
  /** Called when the deadline passes before the reply. `over` resolves when the reply has come, or cannot come. */
  readonly onAbandoned?: (over: Promise<void>) => void;
}

/** A request that owns a slot until its outcome is known. */
interface SlotRequest {
  readonly session: Session;
  readonly slot: Slot;
  readonly sequence: Operation<SequenceResult>;
  readonly operations: Operations;
  readonly xid: number;
  readonly message: readonly Buffer[];
  /** How often it has been sent, and not refused: it may be executed by each of them. */
  transmissions: number;
  /** How often its connection was lost. */
  losses: number;
  malformedReplies: number;
  /** Why the last transmission failed. */
  lastError: unknown;
  /** Its caller no longer waits. The slot becomes free with the reply, or is settled when the connection is lost. */
  abandoned: boolean;
}

/** How often a path is looked up when the file that is found there is stale: by then the server's cache is at fault. */
const MAX_LOOKUPS = 10;

/** After so many malformed replies to one request, it fails. */
const MAX_MALFORMED_REPLIES = 3;

export class Channel {
  readonly #manager: SessionManager;
  readonly #credential: AuthSys;
  readonly #gathering = new Gathering((session, operations, options) => this.#attempt(session, operations, options));
  #session: Session;

  private constructor(manager: SessionManager, session: Session, credential = manager.credential) {
    this.#manager = manager;
    this.#session = session;
    this.#credential = credential;
  }

  /** Connects and makes a session; does not retry. */
  static async open(options: SessionOptions): Promise<Channel> {
    const { manager, session } = await SessionManager.open(options);
    return new Channel(manager, session);
  }

  /**
   * The same session for somebody else. Each call has a credential of its own (RFC 5531 §8), and a session whose state is
   * not protected takes those of several users (SP4_NONE, RFC 8881 §18.35.3). No COMPOUND has the operations of two of
   * them: each channel gathers its own.
   */
  as({ uid, gid, gids = [] }: Identity): Channel {
    const { machineName } = this.#credential;
    return new Channel(this.#manager, this.#session, { machineName, uid, gid, gids });
  }

  get statistics(): SessionStatistics {
    return this.#manager.statistics;
  }

  get diagnostics(): Diagnostics {
    return this.#manager.diagnostics;
  }

  /** What the newest session allows, and its server supports. */
  get capabilities(): Capabilities {
    return this.#session.capabilities;
  }

  /** Remembers, for this session, what its server turned out to refuse. */
  noteRefusal(feature: keyof Features): void {
    this.#session.capabilities = { ...this.#session.capabilities, [feature]: false };
  }

  /** The client id of the session, which the owners of opens and locks are part of. Waits for a session. */
  async clientId(options: WaitOptions): Promise<bigint> {
    return (await this.#ready(options)).identity.clientId;
  }

  /**
   * Runs one COMPOUND; the reply says which operation failed, if one did. It is retried when the server asks for time
   * (NFS4ERR_DELAY, NFS4ERR_GRACE), and when a file was replaced between being looked up and being used
   * (NFS4ERR_STALE). It is not retried when an operation of it changed something: that is the caller's to undo.
   *
   * With `together`, what others in the same request do or suffer makes no difference to it.
   */
  async run(operations: Operations, options: RunOptions): Promise<CompoundReply> {
    const backoff = new Backoff();
    const walks = operations[0] === putRootFileHandle;
    // A grace period is longer than a caller waits who has another way to the file.
    const grace = options.onConnectionLoss === "recover";
    // Of a path that is too long, the first directories were looked up beforehand.
    let together = walks ? options.together : undefined;
    let lookups = 1;
    for (;;) {
      options.deadline.check();
      // Nearly always there is one, and a router asks for every request.
      const session = this.#manager.readySession ?? (await this.#ready(options));
      this.#session = session;
      const outcome = await (together === undefined
        ? this.#attempt(session, operations, options)
        : this.#gathering.add(session, { operations, together }, options));
      if (outcome.kind === "answered") {
        const { reply } = outcome;
        const stale = walks && lookups < MAX_LOOKUPS && reply.failedWith("NFS4ERR_STALE", "NFS4ERR_FHEXPIRED");
        const wait = reply.failedWith("NFS4ERR_DELAY") || (grace && reply.failedWith("NFS4ERR_GRACE"));
        if (reply.changedSomething || !(stale || wait)) return reply;
        // The others are not to wait for it.
        together = undefined;
        lookups += 1;
        if (stale) {
          this.diagnostics.retry(operations, "file-replaced");
          continue;
        }
        await this.waitAsAsked(operations, reply, backoff, options.deadline);
      } else {
        if (outcome.executed === "perhaps" && options.once) throw outcomeUnknown(LOSSES[outcome.why]);
        await options.deadline.sleep(backoff.next());
        this.diagnostics.retry(operations, outcome.why);
      }
    }
  }

  /**
   * Runs COMPOUNDs in as few requests as they fit into. Each is tried once: `undefined` for those that have no reply of
   * their own. Those of a request that fails are rejected, as by {@link run}.
   */
  async runTogether(
    members: readonly Member[],
    options: RunOptions,
  ): Promise<PromiseSettledResult<CompoundReply | undefined>[]> {
    options.deadline.check();
    const session = this.#manager.readySession ?? (await this.#ready(options));
    this.#session = session;
    return this.#gathering.sendTogether(session, members, options);
  }

  /** Waits before a COMPOUND is retried, because `reply` asked for time. */
  async waitAsAsked(operations: Operations, reply: CompoundReply, backoff: Backoff, deadline: Deadline): Promise<void> {
    const wait = backoff.next();
    this.diagnostics.delay(operations, reply, wait);
    await deadline.sleep(wait);
  }

  /** See {@link SessionManager.watch}. */
  watch(): () => void {
    return this.#manager.watch();
  }

  /** See {@link SessionManager.ping}. */
  ping(options: WaitOptions): Promise<void> {
    return this.#manager.ping(options);
  }

  /** See {@link SessionManager.serverOwner}. */
  get serverOwner(): string | undefined {
    return this.#manager.serverOwner;
  }

  /** See {@link SessionManager.fence}. */
  fence(client: FencedClient, options: WaitOptions): Promise<boolean> {
    return this.#manager.fence(client, options);
  }

  /** Whether there is a live connection. */
  get connected(): boolean {
    return this.#manager.connection !== undefined;
  }

  close(): Promise<void> {
    return this.#manager.close();
  }

  async #ready(options: WaitOptions): Promise<Session> {
    this.#session = await this.#manager.ready(options);
    return this.#session;
  }

  /** Sends one request in a slot of `session`, over as many connections as it takes to learn its outcome. */
  async #attempt(session: Session, operations: Operations, options: RunOptions): Promise<Outcome> {
    const { deadline, once = false, visible = once } = options;
    const slot = session.slots.tryAcquire() ?? (await acquire(session, deadline));
    if (slot === undefined) return { kind: "lost", executed: "no", why: "session-lost" };
    const request = this.#request(session, slot, operations, once);
    const backoff = new Backoff();
    try {
      for (;;) {
        const { nextConnection: connection } = this.#manager;
        if (connection === undefined) {
          const { losses, transmissions } = request;
          if (losses > 0 && options.onConnectionLoss === "fail") throw request.lastError;
          // It was refused. Others may have better use for the slot while this one waits.
          if (losses > 0 && transmissions === 0) {
            session.slots.giveBack(slot);
            return { kind: "lost", executed: "no", why: "connection-lost" };
          }
          if (losses > 1) await deadline.sleep(backoff.next());
          if ((await this.#ready(options)) === session) {
            if (losses > 0) this.diagnostics.retry(request.operations, "connection-lost");
            continue;
          }
          return { kind: "lost", executed: transmissions > 0 ? "perhaps" : "no", why: "session-lost" };
        }
        const reply = await this.#transmit(connection, request, options);
        if (reply === undefined) continue;
        // With NFS4ERR_DELAY for its SEQUENCE, the slot's sequence id has not moved: the same request is sent again.
        if (!reply.delayed) return this.#conclude(request, reply);
        await this.waitAsAsked(request.operations, reply, backoff, deadline);
      }
    } catch (error) {
      if (request.transmissions === 0) session.slots.giveBack(slot);
      else if (!request.abandoned) this.#manager.leaveUnsettled(session, slot);
      throw visible && request.transmissions > 0 ? outcomeUnknown(messageOf(error), error) : error;
    }
  }

  #request(session: Session, slot: Slot, operations: Operations, cacheThis: boolean): SlotRequest {
    const sequence = this.#manager.sequence(session, slot, cacheThis);
    const all = [sequence, ...operations];
    const xid = this.#manager.nextXid();
    const message = this.#manager.encode(xid, all, this.#credential);
    return {
      session,
      slot,
      sequence,
      operations: all,
      xid,
      message,
      transmissions: 0,
      losses: 0,
      malformedReplies: 0,
      lastError: undefined,
      abandoned: false,
    };
  }

  /** Sends the request and waits for its reply; `undefined` when the connection is lost first. */
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
      const reply = await this.diagnostics.observe(request.operations, request.message, deadline.race(call), decode);
      if (!reply.unauthorized) return reply;
      request.transmissions -= 1;
      throw this.#manager.refused(connection, reply);
    } catch (error) {
      if (error instanceof ProtocolError) {
        // Nothing else on this connection can be trusted either.
        connection.destroy(error);
        request.malformedReplies += 1;
        if (request.malformedReplies >= MAX_MALFORMED_REPLIES) throw error;
      }
      if (connection.alive) {
        const over = this.#abandon(connection, request, call);
        onAbandoned?.(over);
        throw error;
      }
      request.lastError = error;
      request.losses += 1;
      return undefined;
    }
  }

  /** The caller no longer waits for the reply. When it comes after all, the slot is free again. */
  #abandon(connection: RpcConnection, request: SlotRequest, call: Promise<XdrReader>): Promise<void> {
    const { session, slot } = request;
    request.abandoned = true;
    return call.then(
      (reader) => {
        try {
          const reply = decodeCompound(reader, request.operations);
          if (reply.unauthorized) this.#manager.refused(connection, reply);
          // An earlier transmission may still be in flight: another request must not have the same sequence id.
          if (reply.delayed || reply.unauthorized) this.#manager.leaveUnsettled(session, slot);
          else this.#conclude(request, reply);
        } catch {
          this.#manager.retireSlot(session);
        }
      },
      () => this.#manager.leaveUnsettled(session, slot),
    );
  }

  /** What the reply says about the slot, the session and the request. */
  #conclude({ session, slot, sequence, transmissions }: SlotRequest, reply: CompoundReply): Outcome {
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
    // The session ended while we waited for one of its slots.
    if (error instanceof ConnectionError) return undefined;
    throw error;
  }
}

function isSlotConfused(reply: CompoundReply): boolean {
  return reply.failedWith("NFS4ERR_SEQ_MISORDERED", "NFS4ERR_SEQ_FALSE_RETRY", "NFS4ERR_BADSLOT");
}

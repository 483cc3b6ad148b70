/**
 * A client of the server, as RFC 8881 means it: a name, a client id, and a session. It retries nothing but what the
 * server asks it to, so that what is measured is the server.
 */
import { randomBytes } from "node:crypto";
import { Backoff, Deadline } from "../deadline.ts";
import { NfsStatusError } from "../errors.ts";
import { wantedChannel } from "../session/session.ts";
import type { CompoundReply, Operation, Operations } from "../wire/compound.ts";
import { operationName, VERIFIER_SIZE } from "../wire/constants.ts";
import type { StateOwner } from "../wire/operations/opens-and-locks.ts";
import {
  type ChannelAttributes,
  type ClientOwner,
  createSession,
  destroyClientId,
  destroySession,
  exchangeId,
  reclaimComplete,
  sequence,
} from "../wire/operations/sessions.ts";
import type { RawConnection } from "./raw-connection.ts";
import type { Answer } from "./report.ts";

/** A COMPOUND that has more operations than the session allows; it was not sent. */
export class TooManyOperationsError extends Error {
  override readonly name = "TooManyOperationsError";
}

export interface RunOptions {
  readonly slotId?: number;
  /** Ask the server to keep the reply for a retry. */
  readonly cacheThis?: boolean;
}

export interface ClientOptions {
  /** Default: a name and a verifier of its own. */
  readonly owner?: ClientOwner;
  /** Default: what our client asks for. */
  readonly channel?: ChannelAttributes;
}

export function newOwner(name = `first-contact ${randomBytes(8).toString("hex")}`): ClientOwner {
  return { name, verifier: randomBytes(VERIFIER_SIZE) };
}

export class Client {
  readonly connection: RawConnection;
  readonly owner: ClientOwner;
  readonly #wanted: ChannelAttributes;
  readonly #sequenceIds = new Map<number, number>();
  #clientId: bigint | undefined;
  #session: { readonly id: Buffer; readonly channel: ChannelAttributes } | undefined;

  constructor(connection: RawConnection, { owner = newOwner(), channel = wantedChannel() }: ClientOptions = {}) {
    this.connection = connection;
    this.owner = owner;
    this.#wanted = channel;
  }

  get clientId(): bigint {
    if (this.#clientId === undefined) throw new Error("The client has no client id yet");
    return this.#clientId;
  }

  get session(): { readonly id: Buffer; readonly channel: ChannelAttributes } {
    if (this.#session === undefined) throw new Error("The client has no session yet");
    return this.#session;
  }

  /** Registers the client and makes its session. Whatever happens, {@link end} must follow. */
  async start(): Promise<void> {
    const { clientId, session } = await register(this.connection, this.owner, this.#wanted);
    this.#clientId = clientId;
    this.#session = session;
    (await this.run([reclaimComplete()])).orThrow();
  }

  /** Runs operations behind a SEQUENCE. While the server asks for time, and nothing was changed, it gets it. */
  async run(operations: Operations, options: RunOptions = {}): Promise<CompoundReply> {
    const { maximumOperations } = this.session.channel;
    if (operations.length + 1 > maximumOperations) {
      throw new TooManyOperationsError(`${operations.length + 1} needed, ${maximumOperations} granted`);
    }
    const { timeout, signal } = this.connection.options;
    const deadline = new Deadline(timeout, signal);
    const backoff = new Backoff();
    for (;;) {
      const reply = await this.#runOnce(operations, options);
      const asksForTime = reply.failedWith("NFS4ERR_DELAY", "NFS4ERR_GRACE") && !reply.changedSomething;
      if (!asksForTime) return reply;
      await deadline.sleep(backoff.next());
    }
  }

  async #runOnce(operations: Operations, { slotId = 0, cacheThis = false }: RunOptions): Promise<CompoundReply> {
    const sequenceId = this.#sequenceIds.get(slotId) ?? 1;
    const first = this.#sequence(slotId, sequenceId, cacheThis);
    const reply = await this.connection.send([first, ...operations]);
    if (reply.reached(first)) this.#sequenceIds.set(slotId, (sequenceId + 1) >>> 0);
    return reply;
  }

  /** Sends what was last run in slot 0 once more, with the same sequence id, over any connection. */
  retry(operations: Operations, connection: RawConnection): Promise<CompoundReply> {
    const sequenceId = ((this.#sequenceIds.get(0) ?? 1) - 1) >>> 0;
    return connection.send([this.#sequence(0, sequenceId, true), ...operations]);
  }

  /** Runs operations behind a SEQUENCE over another connection; whether that knows the session is in the reply. */
  async runOver(connection: RawConnection, operations: Operations = []): Promise<CompoundReply> {
    const sequenceId = this.#sequenceIds.get(0) ?? 1;
    const first = this.#sequence(0, sequenceId, false);
    const reply = await connection.send([first, ...operations]);
    if (reply.reached(first)) this.#sequenceIds.set(0, (sequenceId + 1) >>> 0);
    return reply;
  }

  /** An owner of opens and locks. */
  stateOwner(name: string): StateOwner {
    return { clientId: this.clientId, name };
  }

  #sequence(slotId: number, sequenceId: number, cacheThis: boolean): Operation<unknown> {
    const { id, channel } = this.session;
    return sequence({ sessionId: id, sequenceId, slotId, highestSlotId: channel.maximumRequests - 1, cacheThis });
  }

  /**
   * Ends the session, the opens, the locks and the client id, over a connection that is alive.
   *
   * @param isKnown Whether the client has used that connection: where that does not know it by now, nobody does.
   * @returns what is left behind, if something is.
   * @throws {NfsError} when it could not be ended.
   */
  async end(connection: RawConnection, isKnown: boolean): Promise<string | undefined> {
    if (this.#session !== undefined) {
      const destroyed = await connection.send([destroySession(this.#session.id)]);
      if (destroyed.succeeded && (await connection.send([destroyClientId(this.clientId)])).succeeded) return undefined;
    }
    return this.#endAsNewIncarnation(connection, isKnown);
  }

  /** A new incarnation makes the server drop all that the one before it had (RFC 8881 §18.35.4, case 5). */
  async #endAsNewIncarnation(connection: RawConnection, isKnown: boolean): Promise<string | undefined> {
    const exchange = exchangeId(this.owner);
    const reply = await connection.send([exchange]);
    // The server has refused the client from the first.
    if (!reply.succeeded && this.#clientId === undefined) return undefined;
    const known = reply.orThrow().of(exchange);
    const isOurs = this.#clientId === undefined || known.clientId === this.#clientId;
    if (isOurs && known.confirmed) {
      const next = await register(connection, newOwner(this.owner.name), this.#wanted);
      (await connection.send([destroySession(next.session.id)])).orThrow();
      (await connection.send([destroyClientId(next.clientId)])).orThrow();
      return undefined;
    }
    (await connection.send([destroyClientId(known.clientId)])).orThrow();
    if (isOurs || isKnown) return undefined;
    return "a new connection does not know it";
  }
}

async function register(connection: RawConnection, owner: ClientOwner, channel: ChannelAttributes) {
  const exchange = exchangeId(owner);
  const identity = (await connection.send([exchange])).orThrow().of(exchange);
  const create = createSession(identity, channel);
  const { sessionId, foreChannel } = (await connection.send([create])).orThrow().of(create);
  return { clientId: identity.clientId, session: { id: sessionId, channel: foreChannel } };
}

export function answerOf(reply: CompoundReply): Answer {
  const { failure, status } = reply;
  if (failure === undefined) return { status: String(status) };
  return { status: String(status), operation: operationName(failure.operation.code) };
}

/** The answer that an error is about. @throws the error itself, when it is about none. */
export function answerOfError(error: unknown): Answer {
  if (!(error instanceof NfsStatusError)) throw error;
  return { status: String(error.status), operation: error.operation };
}

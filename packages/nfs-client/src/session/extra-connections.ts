/**
 * Connections beside the first one of a session, where the server gives more to several than to one: Amazon EFS does, to
 * connections that have reached the same partition. They are opened when the traffic is worth it, by the rules of AWS's
 * own proxy (aws/efs-utils, `src/proxy/src/connections.rs` and `controller.rs`).
 *
 * Any request of a session may go over any of them (RFC 8881 §2.10.3.1). One that is lost loses nothing: its requests are
 * sent again over another one, in their slots.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Deadline } from "../deadline.ts";
import { ConnectionError, DeadlineError, ignoreNfsError, NfsError, ProtocolError } from "../errors.ts";
import {
  BIND_CLIENT_TO_PARTITION,
  type Binding,
  type ConnectionOwner,
  type ConnectionScaling,
  PARTITION_PROGRAM,
  readBinding,
  writeConnectionOwner,
} from "../wire/partitions.ts";
import { readReplyHeader, recordOf, writeCallHeader } from "../wire/rpc.ts";
import { XdrError } from "../wire/xdr.ts";
import type { RpcConnection } from "./rpc-connection.ts";

export interface ExtraConnectionsOptions {
  /** Connections in all, the first one included. */
  readonly limit: number;
  /** Opens a connection that the session does not depend on. The callback is for one that falls silent: it stays. */
  readonly open: (deadline: Deadline, onSilence: (connection: RpcConnection) => void) => Promise<RpcConnection>;
  /** Milliseconds. */
  readonly silenceLimit: number;
  readonly nextXid: () => number;
  /** Bytes so far, both directions and all connections together. */
  readonly traffic: () => number;
}

/** The connection that the session was made over, and what the server said of it. */
interface First {
  readonly connection: RpcConnection;
  readonly partition: string;
  readonly scaling: ConnectionScaling;
}

const IDENTIFIER_SIZE = 16;

/** Of the silence limit: when a server goes on after a stall, it does so over all connections, one after the other. */
const GRACE_SHARE = 1 / 8;

/** Attempts to reach the partition at once, and in one search. */
const ATTEMPTS_AT_ONCE = 3;
const MAX_ATTEMPTS = 120;

/** Milliseconds for the answer to the call that asks for the partition: a server may ignore what it does not know. */
const BIND_TIMEOUT = 2000;

/** Milliseconds that a search may take, and until the next one where one has found too few, or one was lost. */
const SEARCH_TIMEOUT = 15_000;
const SEARCH_INTERVAL = 300_000;

export class ExtraConnections {
  readonly #options: ExtraConnectionsOptions;
  readonly #identifier = randomBytes(IDENTIFIER_SIZE);
  readonly #others = new Set<RpcConnection>();
  #incarnation = 0n;
  #first: First | undefined;
  #timer: NodeJS.Timeout | undefined;
  #bytesBefore = 0;
  #searching = false;
  #nextSearchAt = 0;

  constructor(options: ExtraConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Says whose connection this is, before anything else is sent over it, and learns where it leads. A server that knows
   * no partitions has this one connection only.
   *
   * @throws {ConnectionError | DeadlineError | ProtocolError} when the connection is of no use any more. Perhaps another
   * one is, over which nothing is asked.
   */
  async begin(connection: RpcConnection, deadline: Deadline): Promise<void> {
    this.#incarnation += 1n;
    const binding = await this.#bind(connection, deadline);
    if (binding?.answer.kind !== "ready") return;
    const { answer, scaling } = binding;
    this.#first = { connection, partition: answer.partition, scaling };
    this.#bytesBefore = this.#options.traffic();
    const seconds = Math.max(1, scaling.window);
    this.#timer = setInterval(() => this.#measure(seconds), seconds * 1000).unref();
  }

  /** The one with the fewest calls in flight, of `first` and those beside it. */
  leastBusy(first: RpcConnection): RpcConnection {
    let best = first;
    for (const each of this.#others) {
      if (!each.isSilent && each.callsInFlight < best.callsInFlight) best = each;
    }
    return best;
  }

  /** Resolves when no call is in flight on any of them. */
  async idle(): Promise<void> {
    await Promise.all([...this.#others].map((each) => each.idle()));
  }

  /** Ends all of them: what is in flight on them fails with `reason`. */
  end(reason: NfsError): void {
    clearInterval(this.#timer);
    this.#first = undefined;
    for (const each of this.#others) each.destroy(reason);
    this.#others.clear();
  }

  /** Connections that end by themselves take part no more. */
  lost(connection: RpcConnection): void {
    if (this.#others.delete(connection)) this.#nextSearchAt = performance.now() + SEARCH_INTERVAL;
  }

  #measure(seconds: number): void {
    const bytes = this.#options.traffic();
    const rate = (bytes - this.#bytesBefore) / seconds;
    this.#bytesBefore = bytes;
    const first = this.#first;
    if (first === undefined || rate < first.scaling.threshold || this.#searching) return;
    if (this.#others.size >= this.#wanted(first) || performance.now() < this.#nextSearchAt) return;
    this.#searching = true;
    this.#search(first)
      .catch(ignoreNfsError)
      .finally(() => {
        this.#searching = false;
      });
  }

  #wanted({ scaling }: First): number {
    return Math.min(this.#options.limit, scaling.maximumConnections) - 1;
  }

  /** Connects again and again, as nobody can choose a partition, and keeps what has reached the first one's. */
  async #search(first: First): Promise<void> {
    const deadline = new Deadline(SEARCH_TIMEOUT);
    this.#nextSearchAt = performance.now() + SEARCH_INTERVAL;
    let attempts = 0;
    let isRefused = false;
    const goesOn = () =>
      !isRefused &&
      this.#first === first &&
      this.#others.size < this.#wanted(first) &&
      attempts < MAX_ATTEMPTS &&
      deadline.remaining > 0;
    const worker = async () => {
      while (goesOn()) {
        attempts += 1;
        if ((await this.#attempt(first, deadline)) === "refused") isRefused = true;
      }
    };
    await Promise.all(Array.from({ length: ATTEMPTS_AT_ONCE }, worker));
  }

  async #attempt(first: First, deadline: Deadline): Promise<"done" | "refused"> {
    let connection: RpcConnection | undefined;
    try {
      connection = await this.#options.open(deadline, (silent) => this.#giveUp(silent, first).catch(ignoreNfsError));
      const binding = await this.#bind(connection, deadline);
      const kind = binding?.answer.kind ?? "error";
      const isWanted = this.#first === first && this.#others.size < this.#wanted(first);
      if (isWanted && binding?.answer.kind === "ready" && binding.answer.partition === first.partition) {
        connection.setUp();
        this.#others.add(connection);
        return "done";
      }
      connection.destroy(new ProtocolError("The connection has not reached the partition"));
      return kind === "retry-later" || kind === "error" ? "refused" : "done";
    } catch (error) {
      ignoreNfsError(error);
      if (error instanceof NfsError) connection?.destroy(error);
      return error instanceof ProtocolError || error instanceof DeadlineError ? "refused" : "done";
    }
  }

  /**
   * A connection that stays silent although the first one is answered is of no use. Where both are silent, it is the
   * server that stalls, and both wait, as whoever watches the first one decides.
   */
  async #giveUp(connection: RpcConnection, first: First): Promise<void> {
    await first.connection.ping();
    await sleep(this.#options.silenceLimit * GRACE_SHARE);
    if (connection.isSilent) connection.destroy(new ConnectionError("The connection no longer responds"));
  }

  /** @returns `undefined` when the server knows no such call. */
  async #bind(connection: RpcConnection, deadline: Deadline): Promise<Binding | undefined> {
    const xid = this.#options.nextXid();
    const owner = { identifier: this.#identifier, incarnation: this.#incarnation };
    const answer = connection.call(xid, encodeBind(xid, owner));
    const soon = new Deadline(Math.min(BIND_TIMEOUT, deadline.remaining / 2));
    const reader = await deadline.race(soon.race(answer));
    try {
      return readReplyHeader(reader) === undefined ? readBinding(reader) : undefined;
    } catch (cause) {
      if (cause instanceof XdrError)
        throw new ProtocolError("The server's answer on partitions is malformed", { cause });
      throw cause;
    }
  }
}

function encodeBind(xid: number, owner: ConnectionOwner): Buffer[] {
  return recordOf((writer) => {
    writeCallHeader(writer, xid, BIND_CLIENT_TO_PARTITION, undefined, PARTITION_PROGRAM);
    writeConnectionOwner(writer, owner);
  });
}

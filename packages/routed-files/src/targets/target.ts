/** One mount target: connected to, watched, given up when it fails, and probed until it is back. */
import { DEFAULT_NFS_PORT, type MountTarget } from "@efs-mount-autoscaling/mount-table";
import { DeadlineError, type MemoryBudget, messageOf, type NfsClient, type NfsClientOptions } from "nfs-client";
import type { Log } from "../log.ts";
import type { Measured } from "../routing/balancer.ts";
import { LoadMeter } from "../routing/load-meter.ts";
import { Connection } from "./connection.ts";
import { isTargetError, verdictOn } from "./failures.ts";
import { type OperationName, type OperationObserver, TargetStatistics } from "./statistics.ts";
import { FIRST_STATE, nextState, probeDelay, type TargetEvent, type TargetState } from "./target-state.ts";

/** Makes a session with an NFS server. */
export type Connect = (options: NfsClientOptions) => Promise<NfsClient>;

export interface TargetOptions {
  readonly connect: Connect;
  /** For targets whose table entry names no port. */
  readonly nfsPort?: number;
  /** Milliseconds until a connection that is being made counts as failed. */
  readonly connectTimeout: number;
  /** Milliseconds until an operation fails. */
  readonly operationTimeout: number;
  /** Milliseconds until a target that no longer responds is given up. */
  readonly detectionTimeout: number;
  /** What may be held of file data, for all the targets together. */
  readonly memory: MemoryBudget;
  readonly log: Log;
  readonly onOperation?: OperationObserver;
  /** Called after each change of a target's state. */
  readonly onStateChange?: StateObserver;
}

/** `retiring`, `removed`: the table says that it is going to be deleted, or no longer lists it. */
export type StateObserver = (target: string, state: TargetState | "retiring" | "removed", reason?: string) => void;

/** What a target tells the router. */
export interface TargetEvents {
  /** It takes operations: it was connected to, or is heard again. */
  readonly onUsable: () => void;
  /** It answers nothing, and takes no operations: {@link Target.giveUp} it where another one answers. */
  readonly onSilent: () => void;
  /** Called once for each connection, before its operations learn of it. `silent`: nothing was cut, but nothing arrives. */
  readonly onLost: (connection: Connection, silent: boolean) => void;
}

/** Of the detection timeout: the rest of it is for doing elsewhere what was in flight. */
const SILENCE_SHARE = 7 / 8;

/** Milliseconds. A connection that lived this long was stable: that it is lost is an ERROR again. */
const STABLE_AFTER = 10_000;

/** A connection that lived so many times longer than the wait for it ends the growing of the waits. */
const WORTH_WAITING = 10;

export class Target implements Measured {
  readonly id: string;
  readonly port: number;
  readonly statistics = new TargetStatistics();
  readonly meter = new LoadMeter();
  readonly #options: TargetOptions;
  readonly #events: TargetEvents;
  #mountTarget: MountTarget;
  #state = FIRST_STATE;
  #since = Date.now();
  #reason: string | undefined;
  #connection: Connection | undefined;
  /** Probes and connections that failed in a row. */
  #failures = 0;
  /** Waits for a probe in a row, each longer than the one before. */
  #waits = 0;
  /** Milliseconds. */
  #lastWait = 0;
  #connectedAt = 0;
  #serverOwner: string | undefined;
  #changesServerOwner = false;
  #compoundsBefore = 0;
  #probeTimer: NodeJS.Timeout | undefined;
  #probing = false;
  /** Milliseconds that a probe waits for an answer. Connecting again does not help with a target that stalls. */
  #sessionTimeout: number;
  /** It was connected to once, and since it was lost it accepts connections and answers nothing. */
  #stalled = false;
  #closed = false;

  constructor(mountTarget: MountTarget, options: TargetOptions, events: TargetEvents) {
    this.id = mountTarget.mount_target_id;
    this.#mountTarget = mountTarget;
    this.port = portOf(mountTarget.port, options);
    this.#sessionTimeout = options.connectTimeout;
    this.#options = options;
    this.#events = events;
  }

  /** What the table says of it. */
  get mountTarget(): MountTarget {
    return this.#mountTarget;
  }

  /** Whether it is going to be deleted: it takes new operations only while no other target can. */
  get isRetiring(): boolean {
    return isRetiring(this.#mountTarget);
  }

  get state(): TargetState {
    return this.#state;
  }

  /** When the state last changed, in milliseconds since 1970. */
  get since(): number {
    return this.#since;
  }

  /** Why the target failed; undefined while it is connected. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** There while the target is connected, and takes new operations. */
  get connection(): Connection | undefined {
    return this.#closed || this.#state === "silent" ? undefined : this.#connection;
  }

  /** Behind which client records the last session was: see {@link NfsClient.serverOwner}. */
  get serverOwner(): string | undefined {
    return this.#serverOwner;
  }

  /** The session before was behind others: a client is known only as long as its connection. */
  get changesServerOwner(): boolean {
    return this.#changesServerOwner;
  }

  /** It is there, as far as anyone knows, but answers nothing at the moment. */
  get stalled(): boolean {
    return this.#state === "silent" || this.#stalled;
  }

  get isConnected(): boolean {
    return this.connection !== undefined;
  }

  /** Its Availability Zone. */
  get zone(): string {
    return this.mountTarget.availability_zone;
  }

  /** COMPOUNDs sent since the router started. */
  get compounds(): number {
    return this.#compoundsBefore + compoundsOf(this.#connection);
  }

  /** Whether a table's entry means this target, at the address where it is. */
  matches({ mount_target_id, ip_address, port }: MountTarget): boolean {
    const samePort = portOf(port, this.#options) === this.port;
    return mount_target_id === this.id && ip_address === this.mountTarget.ip_address && samePort;
  }

  /** Takes over what another table says of this target. */
  update(mountTarget: MountTarget): void {
    // That it stays away is news again.
    if (this.isRetiring && !isRetiring(mountTarget)) this.#failures = 0;
    this.#mountTarget = mountTarget;
  }

  /**
   * Tries to connect, also where a connection is there that nothing arrives over. Never fails: a target that cannot be
   * connected to is probed again later.
   */
  async probe(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    try {
      const connection = await this.#connect();
      if (this.#closed || this.#state === "connected") await connection.close();
      else this.#use(connection);
    } catch (error) {
      if (!this.#closed) this.#probeFailed(error);
    } finally {
      this.#probing = false;
    }
  }

  async #connect(): Promise<Connection> {
    const { connect, connectTimeout, operationTimeout, detectionTimeout, memory } = this.#options;
    let connection: Connection | undefined;
    const client = await connect({
      host: this.mountTarget.ip_address,
      port: this.port,
      connectTimeout,
      sessionTimeout: this.#sessionTimeout,
      operationTimeout,
      silenceLimit: SILENCE_SHARE * detectionTimeout,
      onSilence: ({ message }) => {
        if (connection !== undefined) this.#fallSilent(connection, `It no longer responds: ${message}`);
        return "wait";
      },
      onHeard: () => {
        if (connection !== undefined) this.#hear(connection);
      },
      memory,
    });
    connection = new Connection(client, detectionTimeout);
    return connection;
  }

  /**
   * Runs an operation at `connection`, counts it, and gives the target up when it was its failure.
   *
   * @param requests What it counts as: several where it reads several files, and 0 where it is for the router itself.
   * @throws What `task` throws.
   */
  async run<T>(operation: OperationName, connection: Connection, task: () => Promise<T>, requests = 1): Promise<T> {
    const begin = performance.now();
    let failed = false;
    const end = this.meter.begin(requests);
    connection.enter();
    try {
      return await task();
    } catch (error) {
      failed = isTargetError(error);
      this.judge(error, connection);
      throw error;
    } finally {
      connection.leave();
      end();
      const seconds = (performance.now() - begin) / 1000;
      for (let index = 0; index < requests; index++) {
        this.statistics.record(seconds, failed);
        this.#options.onOperation?.(this.id, operation, seconds);
      }
    }
  }

  /** Gives the target up while it is silent: its operations go elsewhere where they can. */
  giveUp(): void {
    if (this.#state !== "silent" || this.#connection === undefined) return;
    this.#lose(this.#connection, this.#reason ?? "It no longer responds", true);
  }

  /** Gives the target up if `error`, of an operation at `connection`, says that it was lost. */
  judge(error: unknown, connection: Connection): void {
    if (verdictOn(error) === "lost") this.#lose(connection, messageOf(error));
  }

  /**
   * Takes no more operations, and ends the session when those in flight are over.
   *
   * @param timeout Milliseconds, after which what can go on at another target does, and the rest fails.
   */
  async drain(timeout: number): Promise<void> {
    this.#stop();
    const connection = this.#connection;
    if (connection === undefined) return;
    const timer = setTimeout(() => this.handOver(connection), timeout).unref();
    await connection.drain();
    clearTimeout(timer);
  }

  /** Ends a session that was to drain: what can go on at another target does, and the rest fails. */
  handOver(connection: Connection): void {
    this.#lose(connection, "Draining took too long");
  }

  /** Ends the session and all probing. */
  async close(): Promise<void> {
    this.#stop();
    await this.#connection?.close();
  }

  #stop(): void {
    this.#closed = true;
    clearTimeout(this.#probeTimer);
  }

  #use(connection: Connection): void {
    // It answers over a new connection, and is silent over the old one.
    this.giveUp();
    if (this.#state === "failed") this.#enter("due");
    clearTimeout(this.#probeTimer);
    this.#connection = connection;
    const { serverOwner } = connection.client;
    this.#changesServerOwner = this.#connectedAt > 0 && serverOwner !== this.#serverOwner;
    this.#serverOwner = serverOwner;
    this.#connectedAt = Date.now();
    this.#stalled = false;
    this.#sessionTimeout = this.#options.connectTimeout;
    this.#enter("answered");
    this.#events.onUsable();
  }

  #fallSilent(connection: Connection, reason: string): void {
    if (connection !== this.#connection || this.#state !== "connected") return;
    this.#enter("silence", reason);
    this.#events.onSilent();
    // Perhaps it is only this connection.
    if (!this.#closed) void this.probe();
  }

  #hear(connection: Connection): void {
    if (connection !== this.#connection || this.#state !== "silent") return;
    this.#enter("heard");
    this.#events.onUsable();
  }

  #probeFailed(error: unknown): void {
    // It is heard again over the connection that it was silent over.
    if (this.#state === "connected") return;
    const isMute = error instanceof DeadlineError;
    this.#stalled = this.#connectedAt > 0 && isMute;
    if (isMute) {
      this.#sessionTimeout = Math.min(2 * this.#sessionTimeout, this.#options.operationTimeout);
      // The probe took long enough.
      this.#waits = 0;
    }
    // Where it was given up meanwhile, its next probe is due already.
    if (this.#state === "silent") this.#probeLater();
    else if (this.#state === "probing") this.#fail(messageOf(error));
  }

  #lose(connection: Connection, reason: string, silent = false): void {
    // Every in-flight operation reports the loss; the first one counts.
    if (connection.lost.aborted) return;
    if (!this.#closed && connection === this.#connection) {
      this.#connection = undefined;
      this.#stalled = silent;
      this.#compoundsBefore += compoundsOf(connection);
      const lived = Date.now() - this.#connectedAt;
      if (lived >= STABLE_AFTER) this.#failures = 0;
      if (lived >= Math.min(STABLE_AFTER, WORTH_WAITING * this.#lastWait)) this.#waits = 0;
      this.#fail(reason);
    }
    this.#events.onLost(connection, silent);
    connection.giveUp();
  }

  #fail(reason: string): void {
    this.#failures += 1;
    this.#enter("lost", reason);
    this.#probeLater();
  }

  #probeLater(): void {
    this.#waits += 1;
    this.#lastWait = probeDelay(this.#waits);
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => {
      if (this.#state === "failed") this.#enter("due", this.#reason);
      if (this.#state !== "connected") void this.probe();
    }, this.#lastWait);
  }

  #enter(event: TargetEvent, reason?: string): void {
    const from = this.#state;
    const to = nextState(from, event);
    this.#state = to;
    this.#since = Date.now();
    this.#reason = reason;
    const { log, onStateChange } = this.#options;
    const change = { target: this.id, from, to, reason };
    onStateChange?.(this.id, to, reason);
    // What matters is that all of them are silent, which the pool says, or that one is given up for it.
    if (event === "silence" || event === "heard") return;
    if (to === "connected") log.info(change, `Mount target ${this.id} is connected`);
    else if (to === "probing") log.debug(change, `Mount target ${this.id} is being probed`);
    // A target that stays away is news only once.
    else if (this.#failures > 1 && from === "probing")
      log.debug(change, `Mount target ${this.id} is still failing: ${reason}`);
    // To go away is what it retires for.
    else if (this.isRetiring) log.info(change, `Mount target ${this.id}, which is retiring, was lost: ${reason}`);
    else if (this.#failures === 1) log.error(change, `Mount target ${this.id} failed: ${reason}`);
    else log.warn(change, `Mount target ${this.id} failed again: ${reason}`);
  }
}

export function isRetiring({ retiring_since }: MountTarget): boolean {
  return retiring_since !== undefined;
}

function portOf(given: number | undefined, { nfsPort = DEFAULT_NFS_PORT }: TargetOptions): number {
  return given ?? nfsPort;
}

function compoundsOf(connection: Connection | undefined): number {
  return connection?.client.statistics().compounds ?? 0;
}

/** One mount target: connected to, watched, given up when it fails, and probed until it is back. */

import { DEFAULT_NFS_PORT, type MountTarget } from "@efs-mount-autoscaling/mount-table";
import { type MemoryBudget, messageOf, type NfsClient, type NfsClientOptions } from "nfs-client";
import type { Logger } from "pino";
import type { Routable } from "../routing/routable.ts";
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
  readonly log: Logger;
  readonly onOperation?: OperationObserver;
}

/** What a target tells the router. */
export interface TargetEvents {
  readonly onConnected: () => void;
  /** Called once for each connection, before its operations learn of it. `silent`: nothing was cut, but nothing arrives. */
  readonly onLost: (connection: Connection, silent: boolean) => void;
}

/** Of the detection timeout: the rest of it is for doing elsewhere what was in flight. */
const SILENCE_SHARE = 7 / 8;

/** Milliseconds. A connection that lived this long was stable: that it is lost is an ERROR again. */
const STABLE_AFTER = 10_000;

/** A connection that lived so many times longer than the wait for it ends the growing of the waits. */
const WORTH_WAITING = 10;

export class Target implements Routable {
  readonly id: string;
  readonly mountTarget: MountTarget;
  readonly port: number;
  readonly statistics = new TargetStatistics();
  readonly #options: TargetOptions;
  readonly #events: TargetEvents;
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
  #compoundsBefore = 0;
  #probeTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(mountTarget: MountTarget, options: TargetOptions, events: TargetEvents) {
    this.id = mountTarget.mount_target_id;
    this.mountTarget = mountTarget;
    this.port = portOf(mountTarget.port, options);
    this.#options = options;
    this.#events = events;
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
    return this.#closed ? undefined : this.#connection;
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

  /** Tries to connect. Never fails: a target that cannot be connected to is probed again later. */
  async probe(): Promise<void> {
    const { connect, connectTimeout, operationTimeout, detectionTimeout, memory } = this.#options;
    try {
      const host = this.mountTarget.ip_address;
      let connection: Connection | undefined;
      const client = await connect({
        host,
        port: this.port,
        connectTimeout,
        operationTimeout,
        silenceLimit: SILENCE_SHARE * detectionTimeout,
        onSilence: ({ message }) => connection && this.#lose(connection, `It no longer responds: ${message}`, true),
        memory,
      });
      connection = new Connection(client, detectionTimeout);
      if (this.#closed) await connection.close();
      else this.#use(connection);
    } catch (error) {
      if (!this.#closed) this.#fail(messageOf(error));
    }
  }

  /**
   * Runs an operation at `connection`, counts it, and gives the target up when it was its failure.
   *
   * @throws What `task` throws.
   */
  async run<T>(operation: OperationName, connection: Connection, task: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    let failed = false;
    connection.enter();
    try {
      return await task();
    } catch (error) {
      failed = isTargetError(error);
      this.judge(error, connection);
      throw error;
    } finally {
      connection.leave();
      const seconds = (performance.now() - begin) / 1000;
      this.statistics.record(seconds, failed);
      this.#options.onOperation?.(this.id, operation, seconds);
    }
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
    const timer = setTimeout(() => this.#lose(connection, "Draining took too long"), timeout).unref();
    await connection.drain();
    clearTimeout(timer);
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
    this.#connection = connection;
    this.#enter("answered");
    this.#events.onConnected();
  }

  #lose(connection: Connection, reason: string, silent = false): void {
    // Every in-flight operation reports the loss; the first one counts.
    if (connection.lost.aborted) return;
    if (!this.#closed && connection === this.#connection) {
      this.#connection = undefined;
      this.#compoundsBefore += compoundsOf(connection);
      const lived = Date.now() - this.#since;
      if (lived >= STABLE_AFTER) this.#failures = 0;
      if (lived >= Math.min(STABLE_AFTER, WORTH_WAITING * this.#lastWait)) this.#waits = 0;
      this.#fail(reason);
    }
    this.#events.onLost(connection, silent);
    connection.giveUp();
  }

  #fail(reason: string): void {
    this.#failures += 1;
    this.#waits += 1;
    this.#lastWait = probeDelay(this.#waits);
    this.#enter("lost", reason);
    this.#probeTimer = setTimeout(() => {
      this.#enter("due", reason);
      void this.probe();
    }, this.#lastWait);
  }

  #enter(event: TargetEvent, reason?: string): void {
    const from = this.#state;
    const to = nextState(from, event);
    this.#state = to;
    this.#since = Date.now();
    this.#reason = reason;
    const { log } = this.#options;
    const change = { target: this.id, from, to, reason };
    if (to === "connected") log.info(change, `Mount target ${this.id} is connected`);
    else if (to === "probing") log.debug(change, `Mount target ${this.id} is being probed`);
    else if (this.#failures === 1) log.error(change, `Mount target ${this.id} failed: ${reason}`);
    else if (from === "connected") log.warn(change, `Mount target ${this.id} failed again: ${reason}`);
    // A target that stays away is news only once.
    else log.debug(change, `Mount target ${this.id} is still failing: ${reason}`);
  }
}

function portOf(given: number | undefined, { nfsPort = DEFAULT_NFS_PORT }: TargetOptions): number {
  return given ?? nfsPort;
}

function compoundsOf(connection: Connection | undefined): number {
  return connection?.client.statistics().compounds ?? 0;
}

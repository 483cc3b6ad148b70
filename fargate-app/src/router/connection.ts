/**
 * One session with a mount target, and the watch over it: a target that accepts requests but answers none is found out
 * within the detection timeout.
 */
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { NfsClient } from "nfs-client";

/** The detection timeout has room for two steps in which nothing arrives, and two of unanswered pings. */
const STEPS = 4;

export class Connection {
  readonly client: NfsClient;
  /** Resolves when the session has ended. */
  readonly ended: Promise<void>;
  /** Of a lost target: when this resolves, it is too late for what was sent to it, or nothing can be done about it. */
  fenced: Promise<void> | undefined;
  readonly #detectionTimeout: number;
  readonly #onSilence: (error: unknown) => void;
  readonly #lost = new AbortController();
  readonly #lostForGood = new AbortController();
  #end: () => void = () => {};
  #active = 0;
  #watching = false;
  #draining = false;
  #closing: Promise<void> | undefined;

  /**
   * @param detectionTimeout Milliseconds within which a silent target is noticed.
   * @param onSilence Called with the error of the last ping when the target answers no more.
   */
  constructor(client: NfsClient, detectionTimeout: number, onSilence: (error: unknown) => void) {
    this.client = client;
    this.#detectionTimeout = detectionTimeout;
    this.#onSilence = onSilence;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    // Every operation under way listens.
    setMaxListeners(0, this.lost, this.lostForGood);
  }

  /** Fires when the target is given up: operations that can go elsewhere should. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Fires one detection timeout later: until then, what cannot go elsewhere may still learn how it ended. */
  get lostForGood(): AbortSignal {
    return this.#lostForGood.signal;
  }

  /** Operations under way. */
  get active(): number {
    return this.#active;
  }

  /** Says that an operation begins; {@link leave} must follow. */
  enter(): void {
    this.#active += 1;
    if (!this.#watching) void this.#watch();
  }

  leave(): void {
    this.#active -= 1;
    if (this.#active === 0 && (this.lost.aborted || this.#draining)) void this.close();
  }

  /** Ends the session with the last operation under way, and resolves then. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#active === 0) await this.close();
    else await this.ended;
  }

  /** Gives the target up. The session ends with the last operation under way, or a detection timeout later. */
  giveUp(): void {
    if (this.lost.aborted) return;
    this.#lost.abort();
    if (this.#active === 0) void this.close();
    else setTimeout(() => this.#endForGood(), this.#detectionTimeout).unref();
  }

  #endForGood(): void {
    this.#lostForGood.abort();
    // Operations end by the signal; closing ends what they leave behind.
    setImmediate(() => void this.close());
  }

  /** Ends the session; never fails, because nothing depends on how a session ends. */
  close(): Promise<void> {
    this.#closing ??= this.client
      .close()
      .catch(() => undefined)
      .finally(this.#end);
    return this.#closing;
  }

  /** While operations are under way and nothing arrives, asks whether the target is still there. */
  async #watch(): Promise<void> {
    this.#watching = true;
    const step = this.#detectionTimeout / STEPS;
    let received = this.#received;
    while (this.#active > 0 && !this.lost.aborted) {
      await sleep(step, undefined, { ref: false });
      if (this.#active > 0 && this.#received === received) {
        const failure = await this.#ping(step);
        // A long answer that keeps arriving can hold up the answer to a ping.
        const silent = this.#received === received;
        if (failure !== undefined && silent && !this.lost.aborted) this.#onSilence(failure);
      }
      received = this.#received;
    }
    this.#watching = false;
  }

  /** Asks twice: after a pause of this process, the first timeout fires before the answer is read. */
  async #ping(timeout: number): Promise<unknown> {
    let failure: unknown;
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await this.client.ping({ timeout, onConnectionLoss: "fail", signal: this.lost });
        return undefined;
      } catch (error) {
        failure = error;
      }
    }
    return failure;
  }

  get #received(): number {
    return this.client.statistics().bytesReceived;
  }
}

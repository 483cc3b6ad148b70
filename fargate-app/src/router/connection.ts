/** One session with a mount target: it takes operations until the target is given up, and ends with the last of them. */
import { setMaxListeners } from "node:events";
import type { NfsClient } from "nfs-client";

export class Connection {
  readonly client: NfsClient;
  /** Resolves when the session has ended. */
  readonly ended: Promise<void>;
  /** Of a lost target: when this resolves, it is too late for what was sent to it, or nothing can be done about it. */
  fenced: Promise<void> | undefined;
  readonly #detectionTimeout: number;
  readonly #lost = new AbortController();
  readonly #lostForGood = new AbortController();
  #end: () => void = () => {};
  #active = 0;
  #draining = false;
  #closing: Promise<void> | undefined;

  /** @param detectionTimeout Milliseconds within which a silent target is noticed. */
  constructor(client: NfsClient, detectionTimeout: number) {
    this.client = client;
    this.#detectionTimeout = detectionTimeout;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    // Every operation in flight listens.
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

  /** Operations in flight. */
  get active(): number {
    return this.#active;
  }

  /** Says that an operation begins; {@link leave} must follow. */
  enter(): void {
    this.#active += 1;
  }

  leave(): void {
    this.#active -= 1;
    if (this.#active === 0 && (this.lost.aborted || this.#draining)) void this.close();
  }

  /** Ends the session with the last operation in flight, and resolves then. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#active === 0) await this.close();
    else await this.ended;
  }

  /** Gives the target up. The session ends with the last operation in flight, or a detection timeout later. */
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
}

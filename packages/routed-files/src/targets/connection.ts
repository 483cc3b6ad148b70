/** One session with a mount target: it takes operations until the target is given up, and ends with the last of them. */
import { setMaxListeners } from "node:events";
import type { NfsClient } from "nfs-client";

/** The end of what a lost session may still do. */
export interface Fencing {
  /** Any target that answers can do it, in a few round trips. Else the lost one must come back first. */
  readonly soon: boolean;
  /** True when nothing of what was sent is executed any more; false when nobody can make sure of that. */
  readonly done: Promise<boolean>;
}

export class Connection {
  readonly client: NfsClient;
  /** Resolves when the session has ended. */
  readonly ended: Promise<void>;
  /** Of a lost target. */
  fencing: Fencing | undefined;
  readonly #detectionTimeout: number;
  readonly #lost = new AbortController();
  readonly #lostForChanges = new AbortController();
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
    setMaxListeners(0, this.lost, this.lostForChanges, this.lostForGood);
  }

  /** Fires when the target is given up: operations that change nothing should go elsewhere. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Fires with {@link lost}, where a change can be repeated elsewhere. Where it cannot, it waits where it was sent. */
  get lostForChanges(): AbortSignal {
    return this.#lostForChanges.signal;
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

  /**
   * Gives the target up. The session ends with the last operation in flight; where the session is fenced soon, at most a
   * detection timeout later.
   */
  giveUp(): void {
    if (this.lost.aborted) return;
    const fencedSoon = this.fencing?.soon ?? false;
    this.#lost.abort();
    if (fencedSoon) this.#lostForChanges.abort();
    if (this.#active === 0) void this.close();
    else if (fencedSoon) setTimeout(() => this.#endForGood(), this.#detectionTimeout).unref();
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

/** What a source holds, as it is now: polled, and kept as it was while the source cannot be read. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "nfs-client";
import type { Logger } from "pino";

/** A place that keeps secrets. */
export interface SecretSource<Value> {
  /** For log lines. */
  readonly name: string;
  /** The values in use, at least one. Errors must not tell what they are: they are logged. */
  readonly load: () => Promise<readonly Value[]>;
}

export interface FollowOptions {
  /** Milliseconds between two polls of the source. */
  readonly refreshInterval: number;
  readonly log: Logger;
}

export class FollowedSource<Value> {
  readonly #source: SecretSource<Value>;
  readonly #what: string;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #values: readonly Value[];
  /** Why the last poll failed. */
  #failure: string | undefined;

  /**
   * @param what Names the values in log lines: "The API tokens".
   * @throws what the source throws: without a value, nobody could be let in.
   */
  static async start<Value>(
    source: SecretSource<Value>,
    what: string,
    options: FollowOptions,
  ): Promise<FollowedSource<Value>> {
    const followed = new FollowedSource(source, what, options, await source.load());
    void followed.#follow(options.refreshInterval);
    return followed;
  }

  private constructor(source: SecretSource<Value>, what: string, { log }: FollowOptions, values: readonly Value[]) {
    this.#source = source;
    this.#what = what;
    this.#log = log;
    this.#values = values;
  }

  get values(): readonly Value[] {
    return this.#values;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(interval: number): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await sleep(interval, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      await this.#refresh();
    }
  }

  async #refresh(): Promise<void> {
    try {
      this.#values = await this.#source.load();
      if (this.#failure !== undefined) this.#log.info(`${this.#source.name} can be read again`);
      this.#failure = undefined;
    } catch (error) {
      const failure = messageOf(error);
      if (failure !== this.#failure) this.#log.warn(`${this.#what} stay as they were: ${failure}`);
      this.#failure = failure;
    }
  }
}

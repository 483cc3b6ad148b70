/** The tokens that the API accepts, as they are now. */
import { createHash, timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "nfs-client";
import type { Logger } from "pino";

/** A place that keeps the tokens. */
export interface TokenSource {
  /** For log lines. */
  readonly name: string;
  /** The tokens in use, at least one. Errors must not tell what they are: they are logged. */
  readonly load: () => Promise<readonly string[]>;
}

interface ApiTokensOptions {
  /** Milliseconds between two polls of the source. */
  readonly refreshInterval: number;
  readonly log: Logger;
}

/** Follows a source of tokens. It keeps digests only: a token is nowhere in memory but in requests. */
export class ApiTokens {
  readonly #source: TokenSource;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #digests: readonly Buffer[];
  /** Why the last poll failed. */
  #failure: string | undefined;

  /** @throws what the source throws: without a token, nobody could be let in. */
  static async start(source: TokenSource, options: ApiTokensOptions): Promise<ApiTokens> {
    const tokens = new ApiTokens(source, options, (await source.load()).map(digestOf));
    void tokens.#follow(options.refreshInterval);
    return tokens;
  }

  private constructor(source: TokenSource, { log }: ApiTokensOptions, digests: readonly Buffer[]) {
    this.#source = source;
    this.#log = log;
    this.#digests = digests;
  }

  /** Takes the same time for every token of a length, whether it is one of ours or nearly so. */
  accepts(token: string): boolean {
    const digest = digestOf(token);
    let isOurs = false;
    for (const ours of this.#digests) isOurs = timingSafeEqual(digest, ours) || isOurs;
    return isOurs;
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
      this.#digests = (await this.#source.load()).map(digestOf);
      if (this.#failure !== undefined) this.#log.info(`${this.#source.name} can be read again`);
      this.#failure = undefined;
    } catch (error) {
      const failure = messageOf(error);
      if (failure !== this.#failure) this.#log.warn(`The API tokens stay as they were: ${failure}`);
      this.#failure = failure;
    }
  }
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

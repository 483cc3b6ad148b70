/** The tokens that the API accepts, as they are now. */
import { createHash, timingSafeEqual } from "node:crypto";
import { FollowedSource, type FollowOptions, type SecretSource } from "./followed-source.ts";

/** A place that keeps the tokens. */
export type TokenSource = SecretSource<string>;

/** Follows a source of tokens. It keeps digests only: a token is nowhere in memory but in requests. */
export class ApiTokens {
  readonly #digests: FollowedSource<Buffer>;

  /** @throws what the source throws: without a token, nobody could be let in. */
  static async start({ name, load }: TokenSource, options: FollowOptions): Promise<ApiTokens> {
    const digests = { name, load: async () => (await load()).map(digestOf) };
    return new ApiTokens(await FollowedSource.start(digests, "The API tokens", options));
  }

  private constructor(digests: FollowedSource<Buffer>) {
    this.#digests = digests;
  }

  /** Takes the same time for every token of a length, whether it is one of ours or nearly so. */
  accepts(token: string): boolean {
    const digest = digestOf(token);
    let isOurs = false;
    for (const ours of this.#digests.values) isOurs = timingSafeEqual(digest, ours) || isOurs;
    return isOurs;
  }

  stop(): void {
    this.#digests.stop();
  }
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

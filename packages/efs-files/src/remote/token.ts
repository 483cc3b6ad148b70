/** The token of the API, which may be rotated while it is used. */
import { untilAborted } from "../until-aborted.ts";

/**
 * A token, or what gets one: called before the first request, and when the token is refused.
 *
 * @param refused The token that was refused; undefined the first time.
 */
export type TokenSource = string | ((refused?: string) => string | Promise<string>);

export class Token {
  readonly #source: TokenSource | undefined;
  #value: string | undefined;
  #asked: Promise<string> | undefined;

  constructor(source: TokenSource | undefined) {
    this.#source = source;
    if (typeof source === "string") this.#value = source;
  }

  /** Undefined where the API is open. */
  async get(signal: AbortSignal): Promise<string | undefined> {
    if (this.#value !== undefined || typeof this.#source !== "function") return this.#value;
    return this.#ask(this.#source, undefined, signal);
  }

  /** Asks for another token, once for all whose token was refused. False where there is none. */
  async renew(refused: string | undefined, signal: AbortSignal): Promise<boolean> {
    if (typeof this.#source !== "function" || refused === undefined) return false;
    if (this.#value === refused) this.#value = undefined;
    const value = this.#value ?? (await this.#ask(this.#source, refused, signal));
    return value !== refused;
  }

  #ask(source: Exclude<TokenSource, string>, refused: string | undefined, signal: AbortSignal): Promise<string> {
    this.#asked ??= Promise.resolve(refused)
      .then(source)
      .then((value) => {
        this.#value = value;
        return value;
      })
      .finally(() => {
        this.#asked = undefined;
      });
    return untilAborted(this.#asked, signal);
  }
}

/**
 * Pages of a list, as the AWS APIs give them: at most `limit` items, and an opaque token for the rest.
 */
interface Page<T> {
  readonly items: readonly T[];
  readonly nextToken?: string;
}

/** A token that no page gave out. */
export class InvalidTokenError extends Error {
  override readonly name = "InvalidTokenError";
}

/**
 * Cuts one page out of `items`, in the order of their keys.
 *
 * The token names the last item already given, not a position, so items that come or go between two pages
 * shift nothing.
 *
 * @throws {InvalidTokenError} when the token isn't one of ours.
 */
export function page<T>(items: readonly T[], keyOf: (item: T) => string, limit: number, token?: string): Page<T> {
  const last = token === undefined ? "" : decode(token);
  const rest = items
    .filter((item) => keyOf(item) > last)
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
  const taken = rest.slice(0, limit);
  const end = taken.at(-1);
  return end === undefined || taken.length === rest.length
    ? { items: taken }
    : { items: taken, nextToken: encode(keyOf(end)) };
}

const PREFIX = "after:";

function encode(key: string): string {
  return Buffer.from(PREFIX + key).toString("base64url");
}

function decode(token: string): string {
  const text = Buffer.from(token, "base64url").toString();
  if (!text.startsWith(PREFIX)) throw new InvalidTokenError(`The token ${token} is not one that was given out`);
  return text.slice(PREFIX.length);
}

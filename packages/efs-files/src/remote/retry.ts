/** Which requests are sent again, and when. */

/**
 * What a request does when it is made twice. `none`: it only reads. `idempotent`: as much as once. `conditional`: nothing,
 * since its condition does not hold any more; so nobody knows afterwards who made the change. `once`: what it did, again.
 */
export type Effect = "none" | "idempotent" | "conditional" | "once";

/** `not-sent`: there was no connection. `lost`: there was one, and no response came, or not all of it. */
export type Outcome =
  | { readonly kind: "not-sent" }
  | { readonly kind: "lost" }
  | { readonly kind: "response"; readonly status: number; readonly retryAfter: string | undefined };

/** Requests in all, where none of them gets further than the one before. */
export const MAX_ATTEMPTS = 6;

/** Milliseconds. */
const FIRST_WAIT = 100;
const MAX_WAIT = 5_000;

/** The service did nothing, and may do it later: the router says so with 503, and its limit of requests with 429. */
const REFUSED: ReadonlySet<number> = new Set([429, 503]);

/** A proxy or the router got no response in time, or a broken one. */
const LOST_BEHIND: ReadonlySet<number> = new Set([502, 504]);

/** Whether the request may be sent again, and may succeed then. */
export function isRetryable(effect: Effect, outcome: Outcome): boolean {
  if (outcome.kind === "not-sent") return true;
  if (outcome.kind === "response" && REFUSED.has(outcome.status)) return true;
  const isLost = outcome.kind === "lost" || LOST_BEHIND.has(outcome.status);
  return isLost && effect !== "once";
}

/** Whether a change may have been made, although nothing says so. */
export function mayHaveBeenDone(outcome: Outcome): boolean {
  if (outcome.kind !== "response") return outcome.kind === "lost";
  return outcome.status === 500 || LOST_BEHIND.has(outcome.status);
}

/** Whether a request can be made again to be sure that its change is made. */
export function isSafeToRepeat(effect: Effect): boolean {
  return effect === "none" || effect === "idempotent";
}

/**
 * Milliseconds before the next attempt: what the service asks for (RFC 9110 §10.2.3), or else more each time, and not the
 * same for all clients.
 *
 * @param attempt The one that failed, counted from 1.
 */
export function waitBefore(
  attempt: number,
  outcome: Outcome,
  clock: { readonly random?: () => number; readonly now?: () => number } = {},
): number {
  const { random = Math.random, now = Date.now } = clock;
  const ceiling = Math.min(MAX_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
  const backoff = ceiling / 2 + (random() * ceiling) / 2;
  const asked = outcome.kind === "response" ? parseRetryAfter(outcome.retryAfter, now()) : 0;
  return Math.max(backoff, asked);
}

function parseRetryAfter(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const wait = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isFinite(wait) && wait > 0 ? wait : 0;
}

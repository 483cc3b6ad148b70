/** What all streams of server-sent events have in common (HTML standard, "Server-sent events"). */

export const EVENT_STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store, no-transform",
  // For proxies that would collect events before they pass them on.
  "x-accel-buffering": "no",
};

/** The beginning of a stream: a client connects again 1,000 milliseconds after it ends. */
export const RETRY_FIELD = "retry: 1000\n\n";

/** Milliseconds in which the client takes nothing, after which it is cut off. */
export const MAX_BLOCKED = 30_000;

/** Milliseconds, after which a client connects again, and shows its token again. */
export const MAX_STREAM_TIME = 15 * 60_000;

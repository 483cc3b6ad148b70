/** Counts the requests of each client, in windows of time. */
import type { RequestCount } from "./group.ts";

/** Clients to remember; those that were not seen for longest are forgotten. */
const MAX_CLIENTS = 5_000;

interface Window {
  requests: number;
  readonly endsAt: number;
}

export class RequestCounts {
  /** Last seen last. */
  readonly #windows = new Map<string, Window>();

  /**
   * Counts a request, and those before it in the client's window, which begins with its first one.
   *
   * @param window Milliseconds.
   */
  count(client: string, window: number, now = performance.now()): RequestCount {
    let current = this.#windows.get(client);
    if (current === undefined || current.endsAt <= now) current = { requests: 0, endsAt: now + window };
    current.requests += 1;
    this.#windows.delete(client);
    this.#windows.set(client, current);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > MAX_CLIENTS && oldest !== undefined) this.#windows.delete(oldest);
    return { requests: current.requests, remaining: current.endsAt - now };
  }
}

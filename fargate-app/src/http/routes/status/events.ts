/** A stream of server-sent events (HTML standard, "Server-sent events"). */
import { PassThrough } from "node:stream";

/** Milliseconds after which a browser connects again. */
const RETRY = 1_000;

/** Milliseconds in which the reader takes nothing, after which it is gone. */
const MAX_BLOCKED = 30_000;

export class EventStream {
  /** What is sent. */
  readonly body = new PassThrough();
  #blockedSince: number | undefined;

  constructor() {
    this.body.write(`retry: ${RETRY}\n\n`);
  }

  /**
   * Sends an event, if those before it have left: what a slow reader misses is older than what it gets next.
   *
   * @param data in one line.
   */
  send(event: string, data: string): void {
    const { body } = this;
    if (!body.writable) return;
    if (body.writableNeedDrain) {
      this.#blockedSince ??= performance.now();
      if (performance.now() - this.#blockedSince > MAX_BLOCKED) body.destroy();
      return;
    }
    this.#blockedSince = undefined;
    body.write(`event: ${event}\ndata: ${data}\n\n`);
  }

  end(): void {
    this.body.end();
  }
}

export const EVENT_STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store, no-transform",
  // For proxies that would collect events before they pass them on.
  "x-accel-buffering": "no",
};

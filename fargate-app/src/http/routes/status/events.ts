/** What the status page follows: the newest of each event. */
import { PassThrough } from "node:stream";
import { MAX_BLOCKED, RETRY_FIELD } from "../../event-stream.ts";

export class EventStream {
  /** What is sent. */
  readonly body = new PassThrough();
  #blockedSince: number | undefined;

  constructor() {
    this.body.write(RETRY_FIELD);
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

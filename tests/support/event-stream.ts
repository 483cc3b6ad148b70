/** A client of server-sent events (HTML standard, "Server-sent events") that asserts what a program would see. */
import { z } from "zod";

const data = z.looseObject({
  path: z.string().optional(),
  etag: z.string().optional(),
  size: z.number().optional(),
  superseded: z.boolean().optional(),
});

export interface ServerSentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: z.infer<typeof data>;
}

/** The events of a stream that is open, as they come; blocks without data only move `lastEventId`. */
export class EventStreamClient {
  lastEventId: string;
  readonly events: ServerSentEvent[] = [];
  /** Resolves when the response has begun, and the first id has come. */
  readonly opened: Promise<void>;
  /** Resolves when the stream has ended, however it did. */
  readonly ended: Promise<void>;
  /** Whether it has ended as a response should, and was not cut off. */
  isComplete = false;
  readonly #abort = new AbortController();
  readonly #onEvent: (event: ServerSentEvent) => void;

  constructor(
    url: string,
    { lastEventId = "", onEvent = () => {} }: { lastEventId?: string; onEvent?: (event: ServerSentEvent) => void } = {},
  ) {
    this.lastEventId = lastEventId;
    this.#onEvent = onEvent;
    let open = () => {};
    this.opened = new Promise((resolve) => {
      open = resolve;
    });
    this.ended = this.#read(url, () => open()).then(
      () => {
        this.isComplete = true;
      },
      () => {},
    );
  }

  close(): Promise<void> {
    this.#abort.abort();
    return this.ended;
  }

  async #read(url: string, onOpen: () => void): Promise<void> {
    const headers = this.lastEventId === "" ? {} : { "last-event-id": this.lastEventId };
    const response = await fetch(url, { headers, signal: this.#abort.signal });
    if (!response.ok || response.body === null) throw new Error(`${response.status} ${await response.text()}`);
    let text = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) this.#take(block, onOpen);
    }
  }

  #take(block: string, onOpen: () => void): void {
    const fields = new Map(
      block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]),
    );
    const id = fields.get("id");
    if (id === undefined) return;
    this.lastEventId = id;
    onOpen();
    const json = fields.get("data");
    if (json === undefined) return;
    const event = { id, event: fields.get("event") ?? "message", data: data.parse(JSON.parse(json)) };
    this.events.push(event);
    this.#onEvent(event);
  }
}

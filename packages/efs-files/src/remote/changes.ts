/** The change feed, as server-sent events (HTML standard, "Server-sent events"). */
import * as z from "zod";
import type { Deadline } from "../deadline.ts";
import { isCode } from "../errors.ts";
import { Attempts, exchange, LostError } from "./exchange.ts";
import type { HttpClient, HttpResponse } from "./http-client.ts";
import { linesOf, notOfTheRouter, parsed } from "./parsed.ts";
import type { Change } from "./remote-files.ts";
import { decodePath, encodePath } from "./targets.ts";

interface Event {
  id?: string;
  event?: string;
  data?: string;
}

const changedPath = z.object({
  path: z.string(),
  encodedPath: z.string().optional(),
  superseded: z.boolean().default(false),
});

const changedFile = changedPath.extend({ etag: z.string(), size: z.number(), modifiedAt: z.string() });

const changedDirectory = changedPath.extend({ recursive: z.boolean(), foundAt: z.string() });

/** Until the deadline, which every event puts off. */
export async function* changes(
  http: HttpClient,
  prefix: string,
  after: string | undefined,
  deadline: Deadline,
): AsyncGenerator<Change> {
  const attempts = new Attempts(undefined, deadline);
  let last = after;
  for (;;) {
    const body = await subscribe(http, prefix, last, deadline);
    if (body === undefined) continue;
    try {
      for await (const { id = last, ...event } of eventsOf(body)) {
        attempts.reset();
        if (id === undefined) throw notOfTheRouter("an event has no id");
        last = id;
        const change = changeOf(id, event);
        if (change !== undefined) yield change;
      }
      throw new LostError("the events ended");
    } catch (error) {
      await attempts.afterLoss(error);
    }
  }
}

/** Undefined where the service cannot be reached, and may be soon: routers are replaced, and there is time. */
async function subscribe(
  http: HttpClient,
  prefix: string,
  last: string | undefined,
  deadline: Deadline,
): Promise<HttpResponse["body"] | undefined> {
  const call = {
    method: "GET",
    target: `/events?prefix=${encodePath(prefix)}`,
    headers: { accept: "text/event-stream", ...(last !== undefined && { "last-event-id": last }) },
    effect: "none",
  } as const;
  try {
    return await exchange(http, { ...call, accept: async ({ body }) => body }, deadline);
  } catch (error) {
    if (!isCode(error, "ERR_UNAVAILABLE")) throw error;
    return undefined;
  }
}

/** Also those without data, by which the place in the feed moves on. */
async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Event> {
  let event: Event = {};
  for await (const line of linesOf(body)) {
    if (line !== "") {
      const [, field, value] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
      if (field !== undefined) event = { ...event, [field]: value };
      continue;
    }
    if (event.id !== undefined || event.data !== undefined) yield event;
    event = {};
  }
}

/** Undefined for a kind that this version does not know. */
function changeOf(id: string, { event: kind, data }: Event): Change | undefined {
  if (data === undefined) return { kind: "position", id };
  switch (kind) {
    case "write":
    case "append": {
      const { etag, size, modifiedAt, ...path } = parsed(changedFile, data);
      return { kind, id, ...pathOf(path), etag, size, mtimeMs: Date.parse(modifiedAt) };
    }
    case "delete":
    case "uncertain":
      return { kind, id, ...pathOf(parsed(changedPath, data)) };
    case "directory-changed": {
      const { recursive, foundAt, ...path } = parsed(changedDirectory, data);
      return { kind, id, ...pathOf(path), recursive, foundAtMs: Date.parse(foundAt) };
    }
    case "reset":
      return { kind, id };
    default:
      return undefined;
  }
}

function pathOf({ path, encodedPath, superseded }: z.infer<typeof changedPath>) {
  return { path: encodedPath === undefined ? path : decodePath(encodedPath), superseded };
}

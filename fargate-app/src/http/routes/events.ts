/** `/events`: the changes that went through the routers, as server-sent events. */
import { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { nameFromUrl } from "nfs-client";
import * as z from "zod";
import type { ChangeFeed } from "../../feed/change-feed.ts";
import { type Cursor, CursorError, parseCursor } from "../../feed/cursor.ts";
import type { FeedEvent } from "../../feed/subscription.ts";
import type { WorkerGroup } from "../../workers/group.ts";
import { EVENT_STREAM_HEADERS, MAX_BLOCKED, MAX_STREAM_TIME, RETRY_FIELD } from "../event-stream.ts";
import { closed } from "../plugins/in-flight-responses.ts";
import { ProblemError } from "../semantics/problem.ts";
import { modificationDate, validatorsOf } from "../semantics/validators.ts";
import { partsOf, spelledPath } from "./files/resource.ts";

interface EventRoutesOptions {
  readonly group: Pick<WorkerGroup, "takePlace" | "giveBackPlace">;
  /** Undefined where it is off. */
  readonly feed: ChangeFeed | undefined;
}

/** Streams at once, of all workers of a task. */
const MAX_SUBSCRIBERS = 100;

const description = `Every write, append and removal that went through the routers, from all of them, each at least once.
The events of one path come in the order in which the changes were made. \`id\` is where to go on: a client that connects
again sends it as \`Last-Event-ID\`, and may then get events again that it has had.

| event | \`data\`, in JSON |
| --- | --- |
| \`write\`, \`append\` | \`path\`, and \`etag\`, \`size\`, \`modifiedAt\` of the file then |
| \`delete\` | \`path\` of the file or the empty directory that was removed |
| \`uncertain\` | \`path\` that was perhaps changed: look at it |
| \`directory-changed\` | \`path\` of a directory in which the file monitor found other names; with \`recursive\`, below it |
| \`reset\` | what happened before is not known any more: list what you follow anew |

\`superseded\` is true where a later change of the path came before. \`encodedPath\` is there where a name in the path is not
UTF-8. \`docs/change-feed.md\` has the details.`;

export const eventRoutes: FastifyPluginAsyncZod<EventRoutesOptions> = async (app, { feed, group }) => {
  app.route({
    method: "GET",
    url: "/events",
    exposeHeadRoute: false,
    config: { access: "session" },
    schema: {
      tags: ["files"],
      operationId: "getEvents",
      summary: "Follow what changes",
      description,
      querystring: z.object({
        prefix: z.string().default("").describe("Only paths that begin with it, for example `logs/2026/`."),
      }),
      headers: z.looseObject({
        "last-event-id": z.string().optional().describe("The id of the last event. Absent: from now on."),
      }),
      response: {
        200: {
          description: "The events.",
          content: { "text/event-stream": { schema: z.any().meta({ type: "string" }) } },
        },
      },
    },
    handler: async (request, reply) => {
      if (feed === undefined) {
        throw new ProblemError(404, "The change feed is off: the stack's setting changeFeed turns it on");
      }
      const prefix = prefixOf(request);
      const after = cursorOf(request);
      const left = closed(reply.raw);
      if (!(await group.takePlace("subscriber", MAX_SUBSCRIBERS))) {
        throw new ProblemError(503, `${MAX_SUBSCRIBERS} clients subscribe to changes at this router already`);
      }
      const ending = new AbortController();
      const end = () => ending.abort();
      app.inFlight.keepOpen(reply.raw, end);
      // Its end by itself: the client connects again.
      const lifetime = setTimeout(end, MAX_STREAM_TIME).unref();
      const stream = streamOf(feed.subscribe(prefix, { after, signal: ending.signal }));
      void left.then(() => {
        clearTimeout(lifetime);
        end();
        group.giveBackPlace("subscriber");
      });
      // The client may have gone away meanwhile.
      if (reply.raw.destroyed) stream.destroy();
      return reply.headers(EVENT_STREAM_HEADERS).send(stream);
    },
  });
};

/** The path that the parameter spells, as the URL of a file does. */
function prefixOf({ originalUrl }: FastifyRequest): string {
  const [, encoded = ""] = /[?&]prefix=([^&#]*)/.exec(partsOf(originalUrl).query) ?? [];
  const prefix = nameFromUrl(encoded.replaceAll("+", "%20"));
  if (prefix === undefined) {
    throw new ProblemError(400, "prefix has a % without two hexadecimal digits: write %25 for a % itself");
  }
  return prefix.replace(/^\/+/, "");
}

function cursorOf({ headers }: FastifyRequest): Cursor | undefined {
  const { "last-event-id": id } = headers;
  if (id === undefined || id === "") return undefined;
  try {
    return parseCursor(String(id));
  } catch (cause) {
    if (!(cause instanceof CursorError)) throw cause;
    throw new ProblemError(400, `Last-Event-ID must be the id of an event of this service: ${cause.message}`, {
      cause,
    });
  }
}

/**
 * Takes an event when there is room for it: nothing waits in memory for a client that is slow. One that is cut off goes on
 * by the id of its last event.
 */
export function streamOf(events: AsyncIterable<FeedEvent>, { maxBlocked = MAX_BLOCKED } = {}): Readable {
  let blockedSince: number | undefined;
  async function* text() {
    yield RETRY_FIELD;
    for await (const event of events) {
      blockedSince = performance.now();
      yield format(event);
      blockedSince = undefined;
    }
  }
  const stream = Readable.from(text(), { objectMode: false, highWaterMark: 64 * 1024 });
  const blocked = setInterval(() => {
    if (blockedSince !== undefined && performance.now() - blockedSince > maxBlocked) stream.destroy();
  }, maxBlocked / 4).unref();
  stream.once("close", () => clearInterval(blocked));
  return stream;
}

function format(event: FeedEvent): string {
  if (event.kind === "position") return `id: ${event.id}\n: nothing new\n\n`;
  const name = event.kind === "reset" ? "reset" : event.entry.kind;
  return `id: ${event.id}\nevent: ${name}\ndata: ${JSON.stringify(dataOf(event))}\n\n`;
}

function dataOf(event: Exclude<FeedEvent, { kind: "position" }>): Record<string, unknown> {
  if (event.kind === "reset") return {};
  const { entry, superseded } = event;
  const data = { ...spelledPath(entry.path), ...(superseded && { superseded }) };
  switch (entry.kind) {
    case "write":
    case "append":
      return {
        ...data,
        etag: validatorsOf(entry).etag,
        size: entry.size,
        modifiedAt: modificationDate(entry).toISOString(),
      };
    case "directory-changed":
      return { ...data, recursive: entry.recursive, foundAt: new Date(entry.foundAt).toISOString() };
    case "delete":
    case "uncertain":
      return data;
  }
}

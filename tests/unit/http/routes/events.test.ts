import { once } from "node:events";
import { expect, onTestFinished, test, vi } from "vitest";
import { formatCursor } from "../../../../fargate-app/src/feed/cursor.ts";
import { streamOf } from "../../../../fargate-app/src/http/routes/events.ts";
import { directoryPage } from "../../../../fargate-app/src/http/routes/files/list.ts";
import { closeServer } from "../../../../fargate-app/src/http/server.ts";
import { EventStreamClient } from "../../../support/event-stream.ts";
import { MemoryNetwork } from "../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";

const RETENTION = 900_000;

/** A router with a change feed; several may share a network. */
async function startServer(network = new MemoryNetwork(2)): Promise<MemoryHttpServer> {
  network.files.now = Date.now();
  const server = await startMemoryServer(network, { changeFeedRetention: RETENTION });
  onTestFinished(() => server.close());
  return server;
}

async function subscribe({ url }: MemoryHttpServer, query = "", lastEventId = ""): Promise<EventStreamClient> {
  const client = new EventStreamClient(`${url}/events${query}`, { lastEventId });
  onTestFinished(() => client.close());
  await client.opened;
  return client;
}

async function change({ url }: MemoryHttpServer, method: string, path: string, body?: string): Promise<Response> {
  const response = await fetch(`${url}/files/${path}`, { method, ...(body !== undefined && { body }) });
  expect(response.ok, `${method} ${path}`).toBe(true);
  return response;
}

function seen({ events }: EventStreamClient): string[] {
  return events.map(({ event, data }) => `${event} ${data.path ?? ""}`.trim());
}

test("every change is an event, with what the file is then", async () => {
  const server = await startServer();
  const client = await subscribe(server);
  const etag = (await change(server, "PUT", "a/b.txt", "0123")).headers.get("etag");
  await change(server, "POST", "a/b.txt?append", "45");
  await change(server, "DELETE", "a/b.txt");
  await vi.waitFor(() => expect(seen(client)).toEqual(["write a/b.txt", "append a/b.txt", "delete a/b.txt"]), 5_000);
  expect(client.events.map(({ data }) => data.size)).toEqual([4, 6, undefined]);
  expect(client.events[0]?.data.etag).toBe(etag);
  expect(client.events.some(({ data }) => data.superseded)).toBe(false);
});

test("changes of other routers are events, too, and the logs are shown to nobody", async () => {
  const network = new MemoryNetwork(2);
  const [one, two, three] = [await startServer(network), await startServer(network), await startServer(network)];
  const client = await subscribe(one);
  for (const [index, router] of [two, three, two, one].entries()) await change(router, "PUT", "same", `${index}`);
  await vi.waitFor(() => expect(client.events).toHaveLength(4), 5_000);
  const { entries } = directoryPage.parse(await (await fetch(`${one.url}/files/`)).json());
  expect(entries.map(({ name }) => name)).toEqual(["same"]);
  expect(await (await fetch(`${one.url}/hotspots`)).text()).not.toContain(".nfs-tmp-");
});

test("only what begins with the prefix is an event, in whatever bytes it is", async () => {
  const server = await startServer();
  const clients = [await subscribe(server, "?prefix=a/"), await subscribe(server, "?prefix=/%E9t")];
  for (const path of ["a/1", "ab", "%E9t%E9", "b/a/2"]) await change(server, "PUT", path, "");
  await vi.waitFor(() => expect(clients.map(seen)).toEqual([["write a/1"], ["write \ufffdt\ufffd"]]), 5_000);
  expect(clients[1]?.events[0]?.data).toMatchObject({ encodedPath: "%E9t%E9" });
});

test("a client that comes back with its last id misses nothing, also at another router", async () => {
  const network = new MemoryNetwork(2);
  const [one, two] = [await startServer(network), await startServer(network)];
  const first = await subscribe(one);
  await change(one, "PUT", "1", "");
  await vi.waitFor(() => expect(seen(first)).toEqual(["write 1"]), 5_000);
  await first.close();
  await change(two, "PUT", "2", "");
  await change(one, "DELETE", "1");
  const second = await subscribe(two, "", first.lastEventId);
  await vi.waitFor(() => expect(seen(second).sort()).toEqual(["delete 1", "write 2"]), 5_000);
});

test("a client whose last id is too old is told so, and gets what comes then", async () => {
  const server = await startServer();
  await change(server, "PUT", "before", "");
  const id = formatCursor({ time: Date.now() - RETENTION - 1, positions: new Map() });
  const client = await subscribe(server, "", id);
  await vi.waitFor(() => expect(seen(client)).toEqual(["reset"]), 5_000);
  await change(server, "PUT", "after", "");
  await vi.waitFor(() => expect(seen(client)).toEqual(["reset", "write after"]), 5_000);
});

test("a change whose outcome nobody knows is an uncertain one", async () => {
  const network = new MemoryNetwork(1);
  const server = await startServer(network);
  const client = await subscribe(server);
  network.servers[0]?.scheduled.push("lose-reply");
  await fetch(`${server.url}/files/a?append`, { method: "POST", body: "x" });
  await vi.waitFor(() => expect(seen(client)).toEqual(["uncertain a"]), 5_000);
});

test("a change that fails is no event", async () => {
  const server = await startServer();
  const client = await subscribe(server);
  await change(server, "PUT", "a", "");
  const refused = await fetch(`${server.url}/files/a`, { method: "PUT", headers: { "if-none-match": "*" }, body: "" });
  expect(refused.status).toBe(412);
  expect((await fetch(`${server.url}/files/none`, { method: "DELETE" })).status).toBe(404);
  await change(server, "PUT", "b", "");
  await vi.waitFor(() => expect(seen(client)).toEqual(["write a", "write b"]), 5_000);
});

test("a change that cannot be recorded is not acknowledged", async () => {
  const server = await startServer();
  server.router.recordChanges({ record: () => Promise.reject(new Error("The disk is full")) });
  const response = await fetch(`${server.url}/files/a`, { method: "PUT", body: "" });
  expect(response.status).toBe(500);
  expect(await response.json()).toMatchObject({ code: "OUTCOME_UNKNOWN" });
});

test.each([
  ["?prefix=%zz", {}, "prefix has a % without two hexadecimal digits: write %25 for a % itself"],
  ["", { "last-event-id": "17" }, undefined],
  [
    "",
    { "last-event-id": "x y" },
    'Last-Event-ID must be the id of an event of this service: "x y" is not the id of an event',
  ],
])("events%s %o", async (query, headers, detail) => {
  const { url } = await startServer();
  const gone = new AbortController();
  const response = await fetch(`${url}/events${query}`, { headers, signal: gone.signal });
  expect(response.status).toBe(detail === undefined ? 200 : 400);
  if (detail !== undefined) expect(await response.json()).toMatchObject({ detail });
  gone.abort();
});

test("there is nothing to subscribe to where the feed is off", async () => {
  const server = await startMemoryServer();
  onTestFinished(() => server.close());
  await change(server, "PUT", "a", "");
  const response = await fetch(`${server.url}/events`);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ detail: expect.stringContaining("changeFeed") });
  expect(server.network.files.files).toEqual(["/data/a"]);
});

test("what a client does not take is not fetched, and after a while the client is cut off", async () => {
  let fetched = 0;
  async function* events() {
    for (;;) {
      fetched += 1;
      yield { kind: "position", id: "x".repeat(1_024) } as const;
    }
  }
  const stream = streamOf(events(), { maxBlocked: 100 });
  stream.once("readable", () => {});
  await once(stream, "close");
  expect(fetched).toBeGreaterThan(0);
  expect(fetched).toBeLessThan(200);
});

test("the router ends without waiting for those who subscribe, whose streams end as they should", async () => {
  const server = await startServer();
  const client = await subscribe(server);
  const begin = performance.now();
  expect(await closeServer(server.app, 10_000)).toBe(0);
  expect(performance.now() - begin).toBeLessThan(5_000);
  await client.ended;
  expect(client.isComplete).toBe(true);
});

test("a client that goes away gives its place back at once", async () => {
  const server = await startServer();
  const clients = await Promise.all(Array.from({ length: 100 }, () => subscribe(server)));
  const statusOfOneMore = async () => {
    const response = await fetch(`${server.url}/events`);
    await response.body?.cancel();
    return response.status;
  };
  expect(await statusOfOneMore()).toBe(503);
  await clients[0]?.close();
  // Long before the next block that says that nothing has happened.
  await expect.poll(statusOfOneMore, { timeout: 60_000 }).toBe(200);
});

test("no more than 100 clients subscribe to one process", async () => {
  const server = await startServer();
  await Promise.all(Array.from({ length: 100 }, () => subscribe(server)));
  const response = await fetch(`${server.url}/events`);
  expect(response.status).toBe(503);
});

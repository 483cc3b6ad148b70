import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ApiTokens } from "../../../../fargate-app/src/authentication/api-tokens.ts";
import { EventStream } from "../../../../fargate-app/src/http/routes/status/events.ts";
import { closeServer } from "../../../../fargate-app/src/http/server.ts";
import { historySchema, serviceStatusSchema, taskStatusSchema } from "../../../../fargate-app/src/status/document.ts";
import { MemoryNetwork, memoryLog } from "../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";

const TOKEN = "token-of-the-status-tests-0123456789abcdef";
const HTML = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

async function startServer({ withToken = false } = {}): Promise<MemoryHttpServer> {
  const source = { name: "the test", load: async () => [TOKEN] };
  const tokens = withToken
    ? await ApiTokens.start(source, { refreshInterval: 60_000, log: memoryLog().log })
    : undefined;
  const server = await startMemoryServer(new MemoryNetwork(2), { tokens });
  onTestFinished(async () => {
    tokens?.stop();
    await server.close();
  });
  return server;
}

/** Opens the page's stream. */
async function watch(url: string, headers: Record<string, string> = {}) {
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const response = await fetch(`${url}/status/events`, { headers, signal: gone.signal });
  return { response, leave: () => gone.abort() };
}

/** The first event of each name. */
async function firstEvents(response: Response, ...names: string[]): Promise<Record<string, unknown>> {
  const events: Record<string, unknown> = {};
  let text = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (const [, event = "", data = ""] of text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)) {
      events[event] ??= JSON.parse(data);
    }
    if (names.every((name) => name in events)) return events;
  }
  throw new Error(`The stream ended without ${names}: ${text}`);
}

test("a target retires since the table says so", async () => {
  const { url, router, network } = await startServer();
  const [first, ...others] = network.table.mount_targets;
  if (first === undefined) throw new Error("There is no target");
  await router.useTable({ mount_targets: [{ ...first, retiring_since: "2026-11-29T01:02:03Z" }, ...others] });
  const { targets } = taskStatusSchema.parse(await (await fetch(`${url}/status/task`)).json());
  expect(targets[0]).toMatchObject({ state: "retiring", since: Date.parse("2026-11-29T01:02:03Z") });
});

test.each(["/", "/status"])("%s is a page for browsers, and an index for programs", async (path) => {
  const { url } = await startServer();
  const page = await fetch(url + path, { headers: HTML });
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(page.headers.get("cache-control")).toBe("no-store");
  await fetch(`${url}/files/a`, { method: "PUT", body: "a" });
  for (const accept of ["*/*", "application/json"]) {
    const response = await fetch(url + path, { headers: { accept } });
    expect(response.status).toBe(200);
    const { links } = (await response.json()) as { links: Record<string, string> };
    for (const link of Object.values(links)) expect((await fetch(url + link)).status, link).toBe(200);
  }
});

test("the page runs its own scripts only, of which each response says anew which these are", async () => {
  const { url } = await startServer();
  const nonces = new Set<string>();
  for (let visit = 0; visit < 3; visit += 1) {
    const response = await fetch(url, { headers: HTML });
    const policy = response.headers.get("content-security-policy") ?? "";
    const [, nonce = ""] = /script-src 'nonce-([^']+)'/.exec(policy) ?? [];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    const html = await response.text();
    for (const [tag] of html.matchAll(/<(?:script|link rel="stylesheet")[^>]*>/g)) expect(tag).toContain(nonce);
    nonces.add(nonce);
  }
  expect(nonces.size).toBe(3);
});

test("whoever looks gets the last hour, and then how it is, every second", async () => {
  const { url } = await startServer();
  const { response } = await watch(url);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const { history, status } = await firstEvents(response, "history", "status");
  expect(historySchema.parse(history)).toEqual([]);
  expect(serviceStatusSchema.parse(status)).toMatchObject({
    targets: [{ state: "connected" }, { state: "connected" }],
    tasks: [{ id: "task", isSelf: true }],
  });
});

test("a path has its targets in the order of routing, and a bad one an error", async () => {
  const { url, router } = await startServer();
  const { path, targets } = (await (await fetch(`${url}/status/route?path=/a//b.txt`)).json()) as {
    path: string;
    targets: string[];
  };
  expect(path).toBe("a/b.txt");
  expect(targets.toSorted()).toEqual(router.targets.map(({ id }) => id));
  expect((await fetch(`${url}/status/route?path=a/../b`)).status).toBe(400);
});

test.each(["/status/events", "/status/task", "/status/route?path=a"])(
  "%s says nothing without a token",
  async (path) => {
    const { url } = await startServer({ withToken: true });
    expect((await fetch(url + path)).status).toBe(401);
    expect((await fetch(url + path, { headers: { cookie: "efs-router-token=wrong" } })).status).toBe(401);
    expect((await fetch(url + path, { headers: { authorization: "Bearer wrong" } })).status).toBe(401);
  },
);

test("who signs in with the token gets a cookie that no script sees, for the pages alone", async () => {
  const { url } = await startServer({ withToken: true });
  expect((await fetch(`${url}/session`, { method: "POST" })).status).toBe(401);
  expect(await (await fetch(`${url}/session`)).json()).toEqual({ needsToken: true, signedIn: false });
  const authorization = `Bearer ${TOKEN}`;
  const signedIn = await fetch(`${url}/session`, { method: "POST", headers: { authorization } });
  expect(signedIn.status).toBe(204);
  const [pair = "", ...attributes] = signedIn.headers.get("set-cookie")?.split("; ") ?? [];
  expect(attributes).toEqual(["Path=/", "HttpOnly", "SameSite=Strict"]);

  const headers = { cookie: `other=1; ${pair}`, origin: url };
  expect(await (await fetch(`${url}/session`, { headers })).json()).toEqual({
    needsToken: true,
    signedIn: true,
  });
  expect(taskStatusSchema.safeParse(await (await fetch(`${url}/status/task`, { headers })).json()).success).toBe(true);
  // It opens the files, too, which their page needs, and nothing else.
  expect((await fetch(`${url}/files/missing`, { headers })).status).toBe(404);
  for (const path of ["/targets", "/metrics", "/costs", "/hotspots"]) {
    expect((await fetch(url + path, { headers })).status, path).toBe(401);
  }
  expect((await fetch(`${url}/session`, { method: "POST", headers })).status).toBe(401);

  const signedOut = await fetch(`${url}/session`, { method: "DELETE", headers });
  expect(signedOut.headers.get("set-cookie")).toContain("Max-Age=0");
});

test("behind a load balancer with HTTPS the cookie is for HTTPS alone", async () => {
  const tokens = await ApiTokens.start(
    { name: "the test", load: async () => [TOKEN] },
    { refreshInterval: 60_000, log: memoryLog().log },
  );
  const server = await startMemoryServer(undefined, { tokens, limits: { trustedProxies: ["127.0.0.0/8"] } });
  onTestFinished(async () => {
    tokens.stop();
    await server.close();
  });
  const headers = { authorization: `Bearer ${TOKEN}`, "x-forwarded-proto": "https", "x-forwarded-for": "10.0.0.1" };
  const response = await fetch(`${server.url}/session`, { method: "POST", headers });
  expect(response.headers.get("set-cookie")).toMatch(/; Secure$/);
});

test("so many may look, and one more when one of them leaves", async () => {
  const { url } = await startServer();
  const viewers = await Promise.all(Array.from({ length: 20 }, () => watch(url)));
  expect(viewers.map(({ response }) => response.status)).toEqual(viewers.map(() => 200));
  const refused = await watch(url);
  expect(refused.response.status).toBe(503);
  expect(refused.response.headers.get("retry-after")).toMatch(/^\d+$/);
  viewers[0]?.leave();
  await expect.poll(async () => (await watch(url)).response.status).toBe(200);
});

test("those who look count as no requests in flight, and hold up no end", async () => {
  const { url, app } = await startServer();
  const { response } = await watch(url);
  await firstEvents(response, "status");
  const { response: another } = await watch(url);
  await another.body?.getReader().read();
  expect(app.inFlight.count).toBe(0);
  const begin = performance.now();
  expect(await closeServer(app, 30_000)).toBe(0);
  expect(performance.now() - begin).toBeLessThan(2_000);
});

test("when the router stops, the page's stream ends as a response should, which browsers report as no error", async () => {
  const { url, app } = await startServer();
  const { response } = await watch(url);
  const whole = response.text();
  await closeServer(app, 30_000);
  expect(await whole).toMatch(/\n\n$/);
});

test("who reads slowly misses events, and makes the router remember none of them", async () => {
  const stream = new EventStream();
  const event = "x".repeat(100_000);
  for (let sent = 0; sent < 50; sent += 1) stream.send("status", event);
  expect(stream.body.writableLength).toBeLessThan(2 * event.length);
  stream.body.resume();
  await sleep(10);
  let received = 0;
  stream.body.on("data", ({ length }: Buffer) => {
    received += length;
  });
  stream.send("status", event);
  await sleep(10);
  expect(received).toBeGreaterThan(event.length);
});

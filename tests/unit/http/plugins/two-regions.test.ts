import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { ApiTokens } from "../../../../fargate-app/src/authentication/api-tokens.ts";
import type { Region } from "../../../../fargate-app/src/region/region.ts";
import { memoryLog } from "../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";
import { primaryRole, RegionWorld, standbyRole, startRegion } from "../../../support/region.ts";

let world: RegionWorld;
let region: Region;
let server: MemoryHttpServer;

beforeEach(() => {
  world = new RegionWorld();
});

afterEach(async () => {
  region.stop();
  await server.close();
});

async function start(
  options: Parameters<typeof startRegion>[1] = {},
  serverOptions: Parameters<typeof startMemoryServer>[1] = {},
): Promise<void> {
  ({ region } = await startRegion(world, options));
  server = await startMemoryServer(undefined, { ownRegion: region, ...serverOptions });
}

async function become(document: RegionWorld["document"]): Promise<void> {
  world.document = document;
  await region.poll();
}

function send(method: string, path: string, headers: Record<string, string> = {}): Promise<Response> {
  const body = method === "PUT" || method === "POST" ? { body: "content" } : {};
  return fetch(server.url + path, { method, headers, redirect: "manual", ...body });
}

const WRITES = [
  ["PUT", "/files/a"],
  ["POST", "/files/a?append"],
  ["DELETE", "/files/a"],
] as const;

const WRITES_OF_MANY = [
  ["PUT", "/files/d/?extract=tar"],
  ["POST", "/files/?extract=tar"],
  ["DELETE", "/files/d/?recursive"],
] as const;

describe("a standby", () => {
  beforeEach(async () => {
    world.document = standbyRole();
    world.state = { isSource: false, isDestination: true, replicatedUntil: Date.now() - 90_000 };
    await start();
    server.network.files.write("/data/a", Buffer.from("replicated"));
  });

  test("reads, lists, and says how far its replica is behind at most", async () => {
    for (const [method, path, status] of [
      ["GET", "/files/a", 200],
      ["HEAD", "/files/a", 200],
      ["GET", "/files/", 200],
      ["GET", "/readyz", 200],
      ["GET", "/files/missing", 404],
      ["GET", "/nothing", 404],
      ["GET", "/files/%zz", 400],
      ["PATCH", "/files/a", 405],
    ] as const) {
      const response = await send(method, path);
      expect(response.status, `${method} ${path}`).toBe(status);
      expect(Number(response.headers.get("x-replica-lag-seconds"))).toBeGreaterThanOrEqual(90);
      expect(Number(response.headers.get("x-replica-lag-seconds"))).toBeLessThan(100);
    }
  });

  test("says so also where it refuses a request", async () => {
    region.stop();
    await server.close();
    const source = { name: "the test", load: async () => ["the-token-0123456789abcdefghijklmn"] };
    const tokens = await ApiTokens.start(source, { refreshInterval: 60_000, log: memoryLog().log });
    onTestFinished(() => tokens.stop());
    await start({}, { tokens, limits: { requestsPerMinute: 2 } });
    const statuses: number[] = [];
    for (const headers of [{}, { authorization: "Bearer the-token-0123456789abcdefghijklmn" }, {}]) {
      const response = await send("PUT", "/files/a", headers);
      statuses.push(response.status);
      expect(Number(response.headers.get("x-replica-lag-seconds"))).toBeGreaterThanOrEqual(90);
    }
    expect(statuses).toEqual([401, 403, 429]);
  });

  test("says nothing of a lag that is not known", async () => {
    region.stop();
    world.state = undefined;
    await server.close();
    await start();
    expect((await send("GET", "/files/")).headers.has("x-replica-lag-seconds")).toBe(false);
  });

  test.each([...WRITES, ...WRITES_OF_MANY])(
    "refuses %s %s, names the primary, and changes nothing",
    async (method, path) => {
      const response = await send(method, path);
      expect(response.status).toBe(403);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(response.headers.has("x-write-token")).toBe(false);
      expect(await response.json()).toMatchObject({
        status: 403,
        code: "NOT_PRIMARY",
        primary: "http://tokyo.example",
      });
      expect(server.network.files.read("/data/a").toString()).toBe("replicated");
    },
  );

  test("does the reads of a batch, and refuses its changes", async () => {
    const items = ["read", "delete"].map((operation) => ({ operation, path: "a" }));
    const response = await fetch(`${server.url}/batch`, { method: "POST", body: JSON.stringify({ items }) });
    const lines = (await response.text()).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { status: 200 },
      { status: 403, problem: { code: "NOT_PRIMARY", primary: "http://tokyo.example" } },
    ]);
    expect(server.network.files.read("/data/a").toString()).toBe("replicated");
  });

  test("tells its pages and programs what it is, and where the primary is", async () => {
    expect(await (await send("GET", "/session")).json()).toMatchObject({
      readOnly: { reason: "standby", primary: "http://tokyo.example" },
    });
    await send("PUT", "/files/a");
    expect(await (await send("GET", "/status/task")).json()).toMatchObject({
      ownRegion: { role: "standby", epoch: 1, writable: false, reason: "standby", refusedWrites: { standby: 1 } },
    });
    expect(await (await send("GET", "/")).json()).toMatchObject({ links: { region: "/region" } });
  });

  test("takes writes as soon as it has read that it is the primary", async () => {
    await become(primaryRole({ epoch: 2, alone: true }));
    const response = await send("PUT", "/files/a");
    expect(response.status).toBe(204);
    expect(response.headers.has("x-replica-lag-seconds")).toBe(false);
    expect(response.headers.get("x-write-token")).toMatch(/^2-\d+$/);
  });

  test("is asked again while it takes over", async () => {
    await become(standbyRole({ epoch: 2, takeovers: [{ epoch: 2, replicated_until: new Date().toISOString() }] }));
    const response = await send("PUT", "/files/a");
    expect(response.status).toBe(503);
    expect(response.headers.has("retry-after")).toBe(true);
  });
});

describe("a primary", () => {
  beforeEach(async () => {
    world.document = primaryRole();
    world.peerDocument = standbyRole();
    await start();
    server.network.files.write("/data/b", Buffer.from("content"));
  });

  /** With a lease that ends while a test waits. */
  async function restart(): Promise<void> {
    region.stop();
    await server.close();
    await start({ lease: 500 });
    server.network.files.write("/data/b", Buffer.from("content"));
    await region.poll();
  }

  test("answers every write with a token", async () => {
    for (const [method, path] of WRITES) {
      const before = Date.now();
      const { status, headers } = await send(method, path);
      expect([201, 204]).toContain(status);
      const [, time] = /^1-(\d+)$/.exec(headers.get("x-write-token") ?? "") ?? [];
      expect(Number(time)).toBeGreaterThan(before);
    }
  });

  test("ends lines about many writes with a token, and refuses them by status as a standby", async () => {
    const extract = () =>
      fetch(`${server.url}/files/d/?extract=tar`, {
        method: "PUT",
        headers: { accept: "application/x-ndjson" },
        body: new Uint8Array(1_024),
      });
    for (const response of [await extract(), await send("DELETE", "/files/d/?recursive")]) {
      const last = (await response.text()).trimEnd().split("\n").at(-1) ?? "";
      expect(JSON.parse(last)).toMatchObject({ complete: true, writeToken: expect.stringMatching(/^1-\d+$/) });
    }
    await become(standbyRole());
    expect((await extract()).status).toBe(403);
  });

  test("is read-only when it can no longer confirm its role, and takes writes when it can again", async () => {
    await restart();
    world.peerDocument = undefined;
    await vi.waitFor(async () => expect((await send("PUT", "/files/a")).status).toBe(503), { timeout: 60_000 });
    expect((await send("GET", "/files/")).status).toBe(200);
    world.peerDocument = standbyRole();
    await region.poll();
    expect((await send("PUT", "/files/a")).ok).toBe(true);
  });

  test("is read-only at once when the peer was declared primary, and stays so whatever it reads later", async () => {
    world.peerDocument = standbyRole({ epoch: 2 });
    await region.poll();
    world.peerDocument = standbyRole();
    await region.poll();
    const response = await send("PUT", "/files/a");
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ primary: "http://osaka.example" });
  });

  test("tells its pages that nothing can be changed for a while, and not to go elsewhere", async () => {
    expect(await (await send("GET", "/session")).json()).toEqual({ needsToken: false, signedIn: true });
    await become(primaryRole({ role: "frozen", changed_at: new Date(1).toISOString() }));
    expect(await (await send("GET", "/session")).json()).toMatchObject({ readOnly: { reason: "frozen" } });
    expect(await (await send("GET", "/session")).json()).not.toHaveProperty("readOnly.primary");
  });

  test("asks writers to retry while it is frozen, and reads", async () => {
    await become(primaryRole({ role: "frozen", changed_at: new Date(1).toISOString() }));
    for (const [method, path] of WRITES) {
      const response = await send(method, path);
      expect([response.status, response.headers.has("retry-after")]).toEqual([503, true]);
    }
    expect((await send("GET", "/files/")).status).toBe(200);
    expect(Object.fromEntries(region.refused)).toEqual({ frozen: 3 });
  });

  test("does not go back to a role that was read late", async () => {
    await become(primaryRole({ role: "frozen", changed_at: new Date(1).toISOString() }));
    await become(primaryRole());
    expect((await send("PUT", "/files/a")).status).toBe(503);
  });

  test("confirms no write whose lease has ended meanwhile", async () => {
    await restart();
    const { port } = new URL(server.url);
    const upload = request({ port, method: "PUT", path: "/files/late" });
    upload.write("in ");
    const answered = once(upload, "response");
    await sleep(700);
    upload.end("time");
    const [response] = (await answered) as [IncomingMessage];
    expect(response.statusCode).toBe(500);
    expect(await json(response)).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  });

  test("answers 503 while its file system is still read-only", async () => {
    for (const each of server.network.servers) each.scheduled.push("NFS4ERR_ROFS", "NFS4ERR_ROFS");
    const response = await send("PUT", "/files/a");
    expect([response.status, response.headers.has("retry-after")]).toEqual([503, true]);
  });
});

test("a region that does not know its role reads, and takes no writes", async () => {
  await start();
  server.network.files.write("/data/b", Buffer.from("content"));
  expect((await send("GET", "/files/b")).status).toBe(200);
  expect((await send("PUT", "/files/a")).status).toBe(503);
  expect(await (await send("GET", "/region")).json()).toEqual({ writable: false, reason: "unknown" });
  await become(primaryRole({ alone: true }));
  expect((await send("PUT", "/files/a")).ok).toBe(true);
  expect(await (await send("GET", "/region")).json()).toEqual({
    ...{ writable: true, role: "primary", epoch: 1, region: "ap-northeast-1" },
    peer: { region: "ap-northeast-3", url: "http://osaka.example" },
  });
});

describe("a read after a write", () => {
  const written = Date.now();
  const token = `1-${written}`;

  beforeEach(async () => {
    world.document = standbyRole();
    await start({ readAfterTimeout: 200 });
    server.network.files.write("/data/a", Buffer.from("content"));
  });

  async function replicate(until: number): Promise<void> {
    world.state = { isSource: false, isDestination: true, replicatedUntil: until };
    await region.poll();
  }

  test.each([
    ["GET", "/files/a"],
    ["HEAD", "/files/a"],
    ["GET", "/files/"],
  ])("%s %s is served where the replica has it", async (method, path) => {
    await replicate(written + 1);
    expect((await send(method, path, { "x-read-after": token })).status).toBe(200);
  });

  test("is redirected to the primary where the replica does not have it in time", async () => {
    await replicate(written);
    const begin = performance.now();
    const response = await send("GET", "/files/a?x=1", { "x-read-after": token });
    expect(performance.now() - begin).toBeGreaterThan(150);
    expect(response.status).toBe(307);
    expect(response.headers.get("location")).toBe("http://tokyo.example/files/a?x=1");
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("waits for the replica", async () => {
    region.stop();
    await server.close();
    await start({ readAfterTimeout: 5_000 });
    server.network.files.write("/data/a", Buffer.from("content"));
    const reading = send("GET", "/files/a", { "x-read-after": token });
    world.state = { isSource: false, isDestination: true, replicatedUntil: written + 1 };
    expect((await reading).status).toBe(200);
  });

  test("is lost where a takeover did not have it, and served where it did", async () => {
    const role = (replicatedUntil: number) =>
      standbyRole({
        ...{ role: "primary", epoch: 2, alone: true },
        takeovers: [{ epoch: 2, replicated_until: new Date(replicatedUntil).toISOString() }],
        changed_at: new Date(replicatedUntil).toISOString(),
      });
    await become(role(written));
    const response = await send("GET", "/files/a", { "x-read-after": token });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: "WRITE_LOST" });
    await become(role(written + 1));
    expect((await send("GET", "/files/a", { "x-read-after": token })).status).toBe(200);
  });

  test("is redirected by a primary that does not know the epoch of the write", async () => {
    await become(standbyRole({ role: "primary", epoch: 2, alone: true }));
    expect((await send("GET", "/files/a", { "x-read-after": `3-${written}` })).status).toBe(307);
  });

  test.each(["", "now", "1", "-1-5", `${token}x`])("with the token %j is a bad request", async (text) => {
    const response = await send("GET", "/files/a", { "x-read-after": text });
    expect(response.status).toBe(400);
  });
});

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { MemoryBudget } from "nfs-client";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { HttpLimits } from "../../../fargate-app/src/http/limits.ts";
import { MemoryNetwork } from "../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../support/memory-server.ts";

let server: MemoryHttpServer;

afterEach(() => server.close());

async function start(limits: Partial<HttpLimits>, network?: MemoryNetwork): Promise<void> {
  server = await startMemoryServer(network, { limits });
}

async function open(): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Sends the head of an upload that is not complete, and then a byte at each interval, until the server ends it. */
async function trickle(head: string, interval: number): Promise<{ response: string; bytes: number }> {
  const socket = await open();
  socket.write(head);
  let bytes = 0;
  const timer = setInterval(() => {
    bytes += 1;
    socket.write("x");
  }, interval);
  try {
    return { response: await text(socket).catch(() => ""), bytes };
  } finally {
    clearInterval(timer);
    socket.destroy();
  }
}

describe("slow clients", () => {
  test("that send their headers byte by byte are told 408 and cut", async () => {
    await start({ headersTimeout: 200 });
    const { response } = await trickle("GET /files/a HTTP/1.1\r\nhost: x\r\nx: ", 20);
    expect(response).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(response).toContain("application/problem+json");
  });

  test("that connect and send nothing are cut", async () => {
    await start({ headersTimeout: 200 });
    const socket = await open();
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("that send a body byte by byte are cut when the whole request takes too long", async () => {
    await start({ requestTimeout: 300, minUploadRate: 0 });
    const { bytes } = await trickle("PUT /files/a HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n", 20);
    expect(bytes).toBeGreaterThan(0);
    expect(server.network.files.files).toEqual([]);
  });

  test("that go on with a body nobody wants any more are cut, too", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      await start({});
      const socket = await open();
      socket.write("PUT /files/a/ HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nx");
      const [response] = await once(socket, "data");
      expect(String(response)).toMatch(/^HTTP\/1\.1 400 /);
      const closed = once(socket, "close");
      await vi.advanceTimersByTimeAsync(6_000);
      await closed;
    } finally {
      vi.useRealTimers();
    }
  });

  test("that say nothing for too long lose their connection", async () => {
    await start({ idleTimeout: 200, minUploadRate: 0 });
    const socket = await open();
    socket.write("PUT /files/a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345");
    await once(socket, "close");
    expect(server.network.files.files).toEqual([]);
  });

  test("connections stay open between requests for as long as they should", async () => {
    await start({ keepAliveTimeout: 300 });
    const socket = await open();
    socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    const [response] = await once(socket, "data");
    expect(String(response)).toContain("keep-alive");
    await once(socket, "close");
  });
});

describe("slow appends and batches", () => {
  const MEBIBYTE = 2 ** 20;

  /** Bodies of unknown length that begin, and do not go on. */
  async function hold(count: number, targets = ["/files/log?append"]): Promise<Socket[]> {
    const sockets = await Promise.all(Array.from({ length: count }, open));
    for (const [index, socket] of sockets.entries()) {
      const target = targets[index % targets.length];
      socket.write(`POST ${target} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n`);
    }
    await vi.waitFor(() => expect(server.router.memory.reserved).toBeGreaterThanOrEqual(MEBIBYTE));
    return sockets;
  }

  async function startWithLittleMemory(): Promise<void> {
    server = await startMemoryServer(undefined, {
      memory: new MemoryBudget(4 * MEBIBYTE),
      limits: { appendMemory: MEBIBYTE },
    });
  }

  test("leave uploads and reads their memory", async () => {
    await startWithLittleMemory();
    const sockets = await hold(6, ["/files/log?append", "/batch"]);
    // The others have come as far by then.
    expect((await fetch(`${server.url}/livez`)).ok).toBe(true);
    expect(server.router.memory.reserved).toBe(MEBIBYTE);
    const url = `${server.url}/files/a`;
    for (const size of [10, 3 * MEBIBYTE]) {
      expect((await fetch(url, { method: "PUT", body: Buffer.alloc(size) })).ok).toBe(true);
      expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(size);
    }
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(() => expect(server.router.memory.reserved).toBe(0));
    expect((await fetch(`${server.url}/files/log?append`, { method: "POST", body: "line" })).status).toBe(204);
  });

  test("hold up other appends, which are told when to retry", async () => {
    await startWithLittleMemory();
    const sockets = await hold(1);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const other = await open();
      other.write("POST /files/log?append HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nline");
      const responded = once(other, "data");
      while (vi.getTimerCount() === 0) await setImmediate();
      await vi.advanceTimersByTimeAsync(11_000);
      const [response] = await responded;
      expect(String(response)).toMatch(/^HTTP\/1\.1 503 (.*\r\n)*retry-after: 1\r\n/);
      other.destroy();
    } finally {
      vi.useRealTimers();
      for (const socket of sockets) socket.destroy();
    }
  });
});

describe("large requests", () => {
  test("headers: 431", async () => {
    await start({ maxHeaderBytes: 2_000 });
    const headers = { "x-long": "x".repeat(1_500) };
    expect((await fetch(`${server.url}/healthz`, { headers })).status).toBe(200);
    const longer = await fetch(`${server.url}/healthz`, { headers: { "x-long": "x".repeat(2_500) } });
    expect([longer.status, longer.headers.get("content-type")]).toEqual([431, "application/problem+json"]);
  });

  test("the longest path that there is fits into the default, with every byte percent-encoded", async () => {
    await start({});
    const name = "%61".repeat(255);
    const path = Array.from({ length: 15 }, () => name).join("/");
    expect((await fetch(`${server.url}/files/${path}`)).status).toBe(404);
    const longer = await fetch(`${server.url}/files/${path}/${name}/${name}`);
    expect([longer.status, await longer.json()]).toEqual([
      400,
      expect.objectContaining({ detail: expect.stringContaining("at most 4095 are allowed") }),
    ]);
  });
});

describe("connections", () => {
  test("beyond the limit are closed, with one line in the log, until another one ends", async () => {
    await start({ maxConnections: 2 });
    const held = [await open(), await open()];
    for (let attempt = 0; attempt < 3; attempt++) {
      const refused = await open();
      await once(refused, "close");
    }
    expect(server.lines.filter(({ level }) => level === "WARN").map(({ msg }) => msg)).toEqual([
      "2 connections are open (MAX_CONNECTIONS): more are refused",
    ]);
    held[0]?.destroy();
    await vi.waitFor(async () => {
      const socket = await open();
      socket.end("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
      expect(await text(socket)).toContain("alive");
    });
    held[1]?.destroy();
  });
});

describe("the rate of a client", () => {
  const status = async (path: string, forwarded?: string) => {
    const headers: Record<string, string> = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
    return (await fetch(server.url + path, { headers })).status;
  };

  test("is limited, and the response says when to retry; probes are not limited", async () => {
    await start({ requestsPerMinute: 3 });
    for (const path of ["/files/", "/targets", "/nothing"]) expect(await status(path)).not.toBe(429);
    const refused = await fetch(`${server.url}/files/`);
    expect([refused.status, refused.headers.get("content-type")]).toEqual([429, "application/problem+json"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ title: "Too Many Requests" });
    expect([await status("/healthz"), await status("/readyz")]).toEqual([200, 200]);
  });

  test("has a count of its own for what routers ask each other, once a second while somebody looks", async () => {
    await start({ requestsPerMinute: 2 });
    for (let second = 0; second < 60; second++) expect(await status("/status/task")).toBe(200);
    expect([await status("/targets"), await status("/costs"), await status("/targets")]).toEqual([200, 200, 429]);
    const statuses: number[] = [];
    while (statuses.length < 300 && statuses.at(-1) !== 429) statuses.push(await status("/status/task"));
    expect(statuses.at(-1)).toBe(429);
  });

  test("is not limited by default", async () => {
    await start({});
    for (let request = 0; request < 100; request++) expect(await status("/nothing")).toBe(404);
  });

  test("is counted by the address that the load balancer saw, whatever the client says of itself", async () => {
    await start({ requestsPerMinute: 1, trustedProxies: ["127.0.0.0/8"] });
    expect(await status("/targets", "10.0.0.1")).toBe(200);
    expect(await status("/targets", "10.0.0.1")).toBe(429);
    expect(await status("/targets", "10.0.0.2")).toBe(200);
    // The client's own words come first; also where it is at an address of the load balancer's.
    expect(await status("/targets", "1.2.3.4, 10.0.0.2")).toBe(429);
    expect(await status("/targets", "127.0.0.9")).toBe(200);
    expect(await status("/targets", "1.2.3.4, 127.0.0.9")).toBe(429);
  });

  test("is counted by the connection's address where no load balancer is known", async () => {
    await start({ requestsPerMinute: 1 });
    expect(await status("/targets", "10.0.0.1")).toBe(200);
    expect(await status("/targets", "10.0.0.2")).toBe(429);
  });
});

describe("under pressure", () => {
  /** Holds a few uploads open, so that the router is not idle. */
  async function keepBusy(): Promise<Socket[]> {
    const sockets = await Promise.all(Array.from({ length: 6 }, open));
    for (const socket of sockets) {
      socket.write("PUT /files/busy HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n");
    }
    await sleep(50);
    return sockets;
  }

  const isShed = async () => (await fetch(`${server.url}/files/a`)).status === 503;

  test("of memory, requests for files are refused, and the rest is answered", async () => {
    await start({ maxMemory: 1 });
    const busy = await keepBusy();
    await vi.waitFor(async () => expect(await isShed()).toBe(true), { timeout: 60_000 });
    const response = await fetch(`${server.url}/files/a`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await response.json()).toMatchObject({
      detail: "The router has too much to do: it uses nearly all of its memory",
    });
    for (const path of ["/livez", "/healthz", "/readyz", "/metrics", "/targets"]) {
      expect((await fetch(server.url + path)).status, path).toBe(200);
    }
    for (const socket of busy) socket.destroy();
    // Memory that the process keeps must not stop it for ever: what is left to do is little.
    await vi.waitFor(async () => expect(await isShed()).toBe(false));
  });

  test("of work, requests for files are refused until it is done", async () => {
    await start({ maxEventLoopDelay: 5 });
    const busy = await keepBusy();
    let working = true;
    const work = (async () => {
      while (working) {
        const until = performance.now() + 40;
        while (performance.now() < until);
        await sleep(0);
      }
    })();
    await vi.waitFor(async () => expect(await isShed()).toBe(true), { timeout: 60_000 });
    working = false;
    await work;
    await vi.waitFor(async () => expect(await isShed()).toBe(false), { timeout: 60_000 });
    for (const socket of busy) socket.destroy();
  });

  test("but not while the event loop is less late than it may be, even where that is longer than a second", async () => {
    await start({ maxEventLoopDelay: 60_000 });
    const busy = await keepBusy();
    for (let turn = 0; turn < 3; turn++) {
      const until = performance.now() + 1_100;
      while (performance.now() < until);
      await sleep(0);
    }
    expect(await isShed()).toBe(false);
    for (const socket of busy) socket.destroy();
  });
});

describe("every response", () => {
  test("tells browsers to run nothing, and to guess nothing", async () => {
    await start({}, new MemoryNetwork(1));
    server.network.files.write("/data/page.html", Buffer.from("<script>alert(1)</script>"));
    for (const path of ["/files/page.html", "/files/", "/files/missing", "/targets", "/nothing"]) {
      const { headers } = await fetch(server.url + path);
      expect(headers.get("content-security-policy"), path).toBe("sandbox");
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(headers.get("x-frame-options"), path).toBe("SAMEORIGIN");
      expect(headers.get("referrer-policy"), path).toBe("no-referrer");
    }
  });

  test("but the page of the API may load its own script and styles, over plain HTTP as well", async () => {
    await start({});
    const policy = (await fetch(`${server.url}/docs`)).headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toContain("sandbox");
    expect(policy).not.toContain("upgrade-insecure-requests");
  });
});

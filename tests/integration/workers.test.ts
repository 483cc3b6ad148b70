/** A router of several processes, which is one router to its clients: the bundle that ships, over real NFS servers. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { NfsServer } from "@efs-mount-autoscaling/nfs-server";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { taskStatusSchema } from "../../fargate-app/src/status/document.ts";
import { makeTemporaryDirectory, type TemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { expectConnectionsOf, startNfsServer } from "../support/nfs.ts";
import { type StandaloneRouter, startStandaloneRouter } from "../support/standalone-router.ts";
import { childrenOf, send } from "../support/worker-processes.ts";

const WORKERS = 3;

let directory: TemporaryDirectory;
let servers: NfsServer[];

beforeEach(async () => {
  directory = await makeTemporaryDirectory("workers-");
  servers = await Promise.all([0, 1].map(() => startNfsServer({ directory: directory.path, durable: false })));
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await directory.remove();
});

async function start(environment: Record<string, string> = {}): Promise<StandaloneRouter> {
  const router = await startStandaloneRouter(servers, { ROUTER_WORKERS: String(WORKERS), ...environment });
  onTestFinished(() => router.close());
  return router;
}

/** All at once, over connections of their own: every worker that has time takes some. */
async function put(router: StandaloneRouter, files: number): Promise<void> {
  const names = Array.from({ length: files }, (_, file) => `file-${file}`);
  const responses = await Promise.all(
    names.map((name) => send(`${router.url}/files/${name}`, { method: "PUT", body: "12345" })),
  );
  expect(responses.map(({ status }) => status)).toEqual(names.map(() => 201));
}

async function json(url: string): Promise<unknown> {
  return JSON.parse((await send(url)).body.toString());
}

/** What requests over many connections are answered with, whichever workers take them. */
async function answers<T>(read: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: 5 * WORKERS }, read));
}

/** Checks them. A worker of a busy machine that does not answer in time is left out: then all are asked again, a few times. */
async function allAnswer<T>(read: () => Promise<T>, check: (answer: T) => void): Promise<void> {
  const fewTimes = { timeout: 20_000, interval: 5_000 };
  await vi.waitFor(async () => (await answers(read)).forEach(check), fewTimes);
}

test("each worker has sessions of its own, and takes its part of the connections", async () => {
  const router = await start({ ACCESS_LOG: "on" });
  expect(await childrenOf(router.child.pid)).toHaveLength(WORKERS);
  const connections = servers.map((server) => server.statistics().connections);
  expectConnectionsOf(WORKERS, connections);
  const line = z.object({ worker: z.number().optional(), method: z.string().optional() });
  const serving = () =>
    new Set(
      router
        .output()
        .split("\n")
        .slice(0, -1)
        .map((text) => line.parse(JSON.parse(text)))
        .filter(({ method }) => method === "GET")
        .map(({ worker }) => worker),
    );
  await vi.waitFor(
    async () => {
      await answers(() => send(`${router.url}/targets`));
      expect([...serving()].sort()).toEqual([1, 2, 3]);
    },
    { timeout: 60_000 },
  );
});

test("every worker speaks for all", async () => {
  const router = await start({ AWS_REGION: "us-east-1" });
  await put(router, 30);
  await allAnswer(
    () => router.targets(),
    (targets) => {
      expect(targets.map(({ state }) => state)).toEqual(["connected", "connected"]);
      expect(targets.reduce((sum, { requests }) => sum + requests, 0)).toBeGreaterThanOrEqual(30);
      expect(targets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)).toBe(150);
      expect(targets.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
      for (const { latency } of targets) expect(latency.p99).toBeGreaterThanOrEqual(latency.p50);
    },
  );
  const puts = /^router_http_requests_total\{method="PUT",route="\/files\/\*",status="201"\} (\d+)$/m;
  await allAnswer(
    async () => (await send(`${router.url}/metrics`)).body.toString(),
    (text) => {
      expect(text).toMatch(puts);
      expect(puts.exec(text)?.[1]).toBe("30");
      expect(text).toMatch(/^router_target_state\{target="fsmt-0",state="connected"\} 1$/m);
    },
  );
  const hotSpots = z.object({ directories: z.object({ byRequests: z.array(z.object({ perSecond: z.number() })) }) });
  await allAnswer(
    () => json(`${router.url}/hotspots`),
    (document) => {
      const [root] = hotSpots.parse(document).directories.byRequests;
      // In a window of a minute, of which some has faded by now: the requests of all workers are 30.
      expect((root?.perSecond ?? 0) * 60).toBeGreaterThan(12);
    },
  );
  await allAnswer(
    () => json(`${router.url}/status/task`),
    (document) => {
      const { targets } = taskStatusSchema.parse(document);
      expect(targets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)).toBe(150);
    },
  );
  const costs = z.object({ meteredBytes: z.object({ upper: z.record(z.string(), z.number()) }) });
  await allAnswer(
    () => json(`${router.url}/costs`),
    (document) => {
      // A write is metered as 32 KiB at least.
      expect(costs.parse(document).meteredBytes.upper["data-write"]).toBeGreaterThanOrEqual(30 * 32 * 1024);
    },
  );
});

test("a client's requests are limited for all workers together", async () => {
  const router = await start({ RATE_LIMIT_PER_MINUTE: "10" });
  const statuses = await Promise.all(
    Array.from({ length: 30 }, async () => (await send(`${router.url}/targets`)).status),
  );
  expect(statuses.filter((status) => status === 200)).toHaveLength(10);
  expect(statuses.filter((status) => status === 429)).toHaveLength(20);
  expect((await send(`${router.url}/livez`)).status).toBe(200);
});

test("connections are limited for all workers together", async () => {
  const router = await start({ MAX_CONNECTIONS: String(2 * WORKERS) });
  const open = async (): Promise<Socket> => {
    const socket = connect(Number(new URL(router.url).port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  };
  const livesOn = async (socket: Socket): Promise<boolean> => {
    const answered = new Promise<boolean>((resolve) => {
      socket.once("data", () => resolve(true));
      socket.once("close", () => resolve(false));
    });
    socket.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    return answered;
  };
  const sockets = await Promise.all(Array.from({ length: 2 * WORKERS }, open));
  expect(await Promise.all(sockets.map(livesOn))).toEqual(sockets.map(() => true));
  expect(await livesOn(await open())).toBe(false);
  sockets[0]?.end();
  await vi.waitFor(async () => expect((await send(`${router.url}/livez`)).status).toBe(200), { timeout: 60_000 });
});

test("is ready once it listens, and stays so while a worker is replaced", async () => {
  const router = await start();
  const ready = async () => (await send(`${router.url}/readyz`)).status;
  expect(await answers(ready)).toEqual(Array.from({ length: 5 * WORKERS }, () => 200));
  const before = await childrenOf(router.child.pid);
  process.kill(before[0] ?? 0, "SIGKILL");
  const statuses = new Set<number | undefined>();
  await vi.waitFor(
    async () => {
      statuses.add(await ready());
      const listening = router.lines.filter(({ msg }) => msg.startsWith("Worker listening"));
      expect(listening).toHaveLength(WORKERS + 1);
    },
    { timeout: 60_000, interval: 5 },
  );
  expect([...statuses]).toEqual([200]);
  expect(await answers(ready)).toEqual(Array.from({ length: 5 * WORKERS }, () => 200));
  expect(await childrenOf(router.child.pid)).toHaveLength(WORKERS);
  expect(endsOf(router)).toEqual(["Worker 1 ended (SIGKILL): its requests in flight failed. Another one starts"]);
});

/** What the log says of workers that ended. */
function endsOf({ lines }: StandaloneRouter): string[] {
  return lines.filter(({ level, msg }) => level === "ERROR" && msg.startsWith("Worker")).map(({ msg }) => msg);
}

async function countedPuts(router: StandaloneRouter): Promise<number> {
  const text = (await send(`${router.url}/metrics`)).body.toString();
  return Number(/^router_http_request_duration_seconds_count\{method="PUT",.*\} (\d+)$/m.exec(text)?.[1]);
}

test("counters never fall: what a worker that ended had counted was shown, and still counts", async () => {
  const router = await start();
  await put(router, 9);
  expect(await countedPuts(router)).toBe(9);
  for (const pid of (await childrenOf(router.child.pid)).slice(0, 2)) process.kill(pid, "SIGKILL");
  await vi.waitFor(() => expect(endsOf(router)).toHaveLength(2), { timeout: 60_000 });
  expect(await countedPuts(router)).toBe(9);
});

test("counters never fall: what a worker had counted still counts while it does not answer", async () => {
  const router = await start();
  await put(router, 9);
  expect(await countedPuts(router)).toBe(9);
  const stopped = (await childrenOf(router.child.pid)).slice(0, 2);
  for (const pid of stopped) process.kill(pid, "SIGSTOP");
  onTestFinished(() => {
    for (const pid of stopped) process.kill(pid, "SIGCONT");
  });
  expect(await countedPuts(router)).toBe(9);
});

test("ends with a clear error when its workers end again and again", async () => {
  const router = await start();
  let exited = false;
  void router.exited.then(() => {
    exited = true;
  });
  await vi.waitFor(
    async () => {
      for (const pid of await childrenOf(router.child.pid).catch(() => [])) process.kill(pid, "SIGKILL");
      expect(exited).toBe(true);
    },
    { timeout: 60_000, interval: 20 },
  );
  expect(await router.exited).toBe(1);
  expect(router.lines.find(({ level }) => level === "FATAL")?.msg).toMatch(
    /^Workers end again and again: the last was worker \d \(SIGKILL\)$/,
  );
});

test("does not start where a share of its limits is too small, and says so", async () => {
  const router = await start({ TRANSFER_MEMORY_BYTES: String(8 * 2 ** 20) });
  expect(await router.exited).toBe(1);
  expect(router.lines.find(({ level }) => level === "FATAL")?.msg).toBe(
    "The router cannot start: TRANSFER_MEMORY_BYTES is 8388608, but must be at least 12582912 for 3 workers (ROUTER_WORKERS)",
  );
});

/**
 * Workers of a router that are killed under load: only what a killed one was working on fails, what can be repeated can be
 * repeated safely, and nothing that was acknowledged is lost.
 */
import { readFile } from "node:fs/promises";
import { Agent } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NfsServer } from "@efs-mount-autoscaling/nfs-server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { makeTemporaryDirectory, type TemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { startNfsServer } from "../support/nfs.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { type StandaloneRouter, startStandaloneRouter } from "../support/standalone-router.ts";
import { childrenOf, type Reply, send } from "../support/worker-processes.ts";

const WORKERS = 3;
const CLIENTS = 12;

/** Milliseconds within which a worker that was killed must be back; a busy machine takes some to start a process. */
const BACK_WITHIN = 30_000;

const random = seededRandom(seed);

let directory: TemporaryDirectory;
let servers: NfsServer[];
let router: StandaloneRouter;
const counts = { kills: 0, requests: 0, "lost connections": 0, "slowest return in ms": 0 };

beforeAll(async () => {
  directory = await makeTemporaryDirectory("workers-");
  servers = await Promise.all([0, 1, 2].map(() => startNfsServer({ directory: directory.path, durable: false })));
  router = await startStandaloneRouter(servers, { ROUTER_WORKERS: String(WORKERS) });
});

afterAll(async () => {
  await router?.close();
  await Promise.all(servers.map((server) => server.close()));
  await directory.remove();
});

reportAtEnd("workers killed under load", () => counts);

/** One client, with one kept connection: it writes, reads what it wrote, and appends. */
class Client {
  readonly problems: string[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #name: string;
  /** By path, what was acknowledged last. */
  readonly #written = new Map<string, string>();
  /** By path, the records that were acknowledged, and those of unknown outcome. */
  readonly #logs = new Map<string, { readonly done: string[]; readonly unknown: string[] }>();
  readonly #running: Promise<void>;
  #log = 0;
  #stopping = false;

  constructor(id: number) {
    this.#name = `client-${id}`;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.#agent.destroy();
  }

  /** Compares all that was acknowledged with what is there. */
  async check(directory: string): Promise<void> {
    for (const [path, content] of this.#written) {
      const found = await readFile(join(directory, path), "utf8");
      if (found !== content) this.problems.push(`${path} is ${found}, not ${content}`);
    }
    for (const [path, { done, unknown }] of this.#logs) {
      const found = (await readFile(join(directory, path), "utf8").catch(() => "")).split("\n").slice(0, -1);
      const times = (record: string) => found.filter((each) => each === record).length;
      for (const record of done) if (times(record) !== 1) this.problems.push(`${record}: ${times(record)} times`);
      for (const record of unknown) if (times(record) > 1) this.problems.push(`${record}: ${times(record)} times`);
    }
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#stopping; round++) {
      const path = `${this.#name}/file-${round % 5}`;
      const content = `${round} `.repeat(1 + Math.floor(random() * 500));
      await this.#repeat(path, { method: "PUT", body: content });
      this.#written.set(path, content);
      const read = await this.#repeat(path, {});
      if (read.body.toString() !== content) this.problems.push(`${path} is ${read.body}, not ${content}`);
      await this.#append(`${this.#name}-${round}`);
    }
  }

  /** The record goes to another file after one whose outcome is unknown, which may stay locked. */
  async #append(record: string): Promise<void> {
    const path = `${this.#name}/log-${this.#log}`;
    const log = this.#logs.get(path) ?? { done: [], unknown: [] };
    this.#logs.set(path, log);
    const reply = await this.#send(`${path}?append`, { method: "POST", body: `${record}\n` });
    if (reply !== undefined) log.done.push(record);
    else {
      log.unknown.push(record);
      this.#log += 1;
    }
  }

  async #repeat(path: string, options: { readonly method?: string; readonly body?: string }): Promise<Reply> {
    for (;;) {
      const reply = await this.#send(path, options);
      if (reply !== undefined) return reply;
    }
  }

  /** Undefined where the connection was lost. */
  async #send(path: string, options: { readonly method?: string; readonly body?: string }): Promise<Reply | undefined> {
    counts.requests += 1;
    try {
      const reply = await send(`${router.url}/files/${path}`, { ...options, agent: this.#agent });
      if (reply.status === undefined || reply.status >= 300) this.problems.push(`${path}: status ${reply.status}`);
      return reply;
    } catch {
      counts["lost connections"] += 1;
      return undefined;
    }
  }
}

test("kill -9 of a worker fails what it was working on, and nothing else", async () => {
  const clients = Array.from({ length: CLIENTS }, (_, id) => new Client(id));
  const listening = () => router.lines.filter(({ msg }) => msg.startsWith("Worker listening")).length;
  for (let round = 1; round <= rounds(3, 12); round++) {
    await sleep(500 + random() * 500);
    const workers = await childrenOf(router.child.pid);
    expect(workers).toHaveLength(WORKERS);
    const lostBefore = counts["lost connections"];
    const killedAt = performance.now();
    process.kill(workers[Math.floor(random() * WORKERS)] ?? 0, "SIGKILL");
    counts.kills += 1;
    await vi.waitFor(() => expect(listening()).toBe(WORKERS + round), { timeout: BACK_WITHIN, interval: 20 });
    counts["slowest return in ms"] = Math.max(counts["slowest return in ms"], Math.round(performance.now() - killedAt));
    // A client has one request in flight, so each loses one at most: its next connection goes to another worker.
    expect(counts["lost connections"] - lostBefore).toBeLessThanOrEqual(CLIENTS);
    // More than so many ends in a minute end the task.
    if (round % (3 * WORKERS) === 0) await sleep(60_000);
  }
  await Promise.all(clients.map((client) => client.stop()));
  for (const client of clients) await client.check(join(directory.path, "data"));
  expect(clients.flatMap(({ problems }) => problems)).toEqual([]);
  expect(counts.requests).toBeGreaterThan(10 * CLIENTS);
});

test("a worker that hangs is ended and replaced", async () => {
  const before = await childrenOf(router.child.pid);
  const [hanging = 0] = before;
  process.kill(hanging, "SIGSTOP");
  await vi.waitFor(
    async () => {
      const now = await childrenOf(router.child.pid);
      expect(now).toHaveLength(WORKERS);
      expect(now).not.toContain(hanging);
    },
    { timeout: 60_000, interval: 500 },
  );
  expect(router.lines.map(({ msg }) => msg)).toContainEqual(
    expect.stringMatching(/^Worker \d hangs for 30 s: it is ended$/),
  );
});

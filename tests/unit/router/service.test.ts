import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fixedSource, type MountTableSource } from "@efs-mount-autoscaling/routed-files";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { regionSources } from "../../../fargate-app/src/region/sources.ts";
import { run } from "../../../fargate-app/src/service.ts";
import { onlyWorker } from "../../../fargate-app/src/workers/group.ts";
import { MemoryNetwork, memoryLog } from "../../support/memory-router.ts";
import { noStatusPage } from "../../support/status-page.ts";

const network = new MemoryNetwork(1);
const table = fixedSource("the test", network.table);
const none: MountTableSource = { name: "none", load: () => Promise.reject(new Error("There is none")) };

test.each([
  { because: "there is no mount table", sources: [none], state: "up" as const, host: "127.0.0.1" },
  {
    because: "there is no mount target",
    sources: [table],
    state: "down" as const,
    host: "127.0.0.1",
  },
  {
    because: "it cannot listen",
    sources: [table],
    state: "up" as const,
    host: "192.0.2.1",
  },
])("a router that cannot start because $because reads the tokens no more", async ({ sources, state, host }) => {
  for (const server of network.servers) server.state = state;
  let reads = 0;
  const exitCode = await run({
    environment: {
      EFS_FILE_SYSTEM_ID: "fs-1",
      START_TIMEOUT_SECONDS: "0",
      HOST: host,
      PORT: "0",
      API_TOKEN_SECRET_ID: "secret",
      API_TOKEN_REFRESH_SECONDS: "0.001",
    },
    log: memoryLog().log,
    connect: network.connect,
    tokenSource: (name) => {
      const load = async () => {
        reads += 1;
        return ["a-token-0123456789abcdefghijklmnop"];
      };
      return { name, load };
    },
    accessKeySource: (name) => ({ name, load: async () => [] }),
    mountTableSources: () => sources,
    regionSources,
    loadDocsAssets: async () => ({ css: "", script: "" }),
    ...noStatusPage,
    stop: new Promise(() => {}),
    onReload: () => {},
    group: onlyWorker(),
  });
  expect(exitCode).toBe(1);
  const before = reads;
  await sleep(50);
  expect(reads).toBe(before);
});

test("a router that cannot listen does not go on listening for the S3 API", async () => {
  for (const server of network.servers) server.state = "up";
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  onTestFinished(() => void taken.close());
  const { log, lines } = memoryLog();
  const exitCode = await run({
    environment: {
      EFS_FILE_SYSTEM_ID: "fs-1",
      HOST: "127.0.0.1",
      PORT: String(z.object({ port: z.number() }).parse(taken.address()).port),
      S3_API: "on",
      S3_PORT: "0",
      S3_ACCESS_KEYS_SECRET_ID: "keys",
    },
    log,
    connect: network.connect,
    tokenSource: (name) => ({ name, load: async () => [] }),
    accessKeySource: (name) => ({ name, load: async () => [] }),
    mountTableSources: () => [table],
    regionSources,
    loadDocsAssets: async () => ({ css: "", script: "" }),
    ...noStatusPage,
    stop: new Promise(() => {}),
    onReload: () => {},
    group: onlyWorker(),
  });
  expect(exitCode).toBe(1);
  const [url] = lines.flatMap(({ msg }) => /^S3 API listening at (.*)$/.exec(msg)?.slice(1) ?? []);
  expect(url).toBeDefined();
  await expect(fetch(`${url}/`)).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
});

test("a router that is told to stop answers what comes over open connections, and then closes them", async () => {
  for (const server of network.servers) server.state = "up";
  const { log, lines } = memoryLog();
  let stop = (_reason: string) => {};
  const ended = run({
    environment: { EFS_FILE_SYSTEM_ID: "fs-1", HOST: "127.0.0.1", PORT: "0" },
    log,
    connect: network.connect,
    tokenSource: (name) => ({ name, load: async () => [] }),
    accessKeySource: (name) => ({ name, load: async () => [] }),
    mountTableSources: () => [table],
    regionSources,
    loadDocsAssets: async () => ({ css: "", script: "" }),
    ...noStatusPage,
    stop: new Promise((resolve) => {
      stop = resolve;
    }),
    onReload: () => {},
    group: onlyWorker(),
  });
  const url = await vi.waitFor(() => {
    const [found] = lines.flatMap(({ msg }) => /^Server listening at (.*)$/.exec(msg)?.slice(1) ?? []);
    if (found === undefined) throw new Error("It does not listen yet");
    return found;
  });
  const open = async (): Promise<Socket> => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    await once(socket, "connect");
    return socket;
  };
  const upload = await open();
  upload.write("PUT /files/a HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\none");
  const unused = [await open(), await open()];
  expect((await fetch(`${url}/readyz`)).status).toBe(200);

  stop("the test is over");
  await vi.waitFor(() => expect(fetch(`${url}/readyz`)).rejects.toThrow());
  const [ready, missing] = await Promise.all(
    unused.map((socket, index) => {
      socket.write(`GET ${index === 0 ? "/readyz" : "/files/b"} HTTP/1.1\r\nhost: x\r\n\r\n`);
      return text(socket);
    }),
  );
  expect(ready).toMatch(/^HTTP\/1\.1 503 (.*\r\n)*connection: close\r\n(.*\r\n)*\r\n\{"status":"stopping"\}$/i);
  expect(missing).toMatch(/^HTTP\/1\.1 404 (.*\r\n)*connection: close\r\n(.*\r\n)*x-request-id: /i);
  expect(missing).toContain("application/problem+json");
  upload.write("two");
  expect(await text(upload)).toMatch(/^HTTP\/1\.1 201 (.*\r\n)*connection: close\r\n/i);
  expect(await ended).toBe(0);
  expect(network.files.read("/data/a").toString()).toBe("onetwo");
});

describe("a router whose mount targets cannot be reached yet", () => {
  async function startWithout(startTimeout: string) {
    for (const server of network.servers) server.state = "down";
    const { log, lines } = memoryLog();
    let stop = (_reason: string) => {};
    const ended = run({
      environment: { EFS_FILE_SYSTEM_ID: "fs-1", HOST: "127.0.0.1", PORT: "0", START_TIMEOUT_SECONDS: startTimeout },
      log,
      connect: network.connect,
      tokenSource: (name) => ({ name, load: async () => [] }),
      accessKeySource: (name) => ({ name, load: async () => [] }),
      mountTableSources: () => [table],
      regionSources,
      loadDocsAssets: async () => ({ css: "", script: "" }),
      ...noStatusPage,
      stop: new Promise((resolve) => {
        stop = resolve;
      }),
      onReload: () => {},
      group: onlyWorker(),
    });
    const url = await vi.waitFor(() => {
      const [found] = lines.flatMap(({ msg }) => /^Server listening at (.*)$/.exec(msg)?.slice(1) ?? []);
      if (found === undefined) throw new Error("It does not listen yet");
      return found;
    });
    const statuses = () =>
      Promise.all(["/livez", "/healthz", "/readyz"].map(async (path) => (await fetch(`${url}${path}`)).status));
    return { ended, lines, statuses, stop: () => stop("the test is over") };
  }

  test("lives and is not ready, until they can", async () => {
    const { ended, statuses, stop } = await startWithout("60");
    expect(await statuses()).toEqual([200, 503, 503]);
    for (const server of network.servers) server.state = "up";
    await vi.waitFor(async () => expect(await statuses()).toEqual([200, 200, 200]), { timeout: 60_000 });
    stop();
    expect(await ended).toBe(0);
  });

  test("exits with 1 when they cannot in time, and says so", async () => {
    const { ended, lines } = await startWithout("0.3");
    expect(await ended).toBe(1);
    expect(lines.filter(({ level }) => level === "FATAL").map(({ msg }) => msg)).toEqual([
      "The router cannot start: None of the 1 mount targets could be connected to",
    ]);
  });

  test("stops when it is told to", async () => {
    const { ended, stop } = await startWithout("60");
    stop();
    expect(await ended).toBe(0);
  });
});

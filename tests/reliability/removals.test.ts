/** Many files that are removed at once, over connections that are cut or freeze at any request, and servers that stall. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { type FilePath, filePath, RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { connectNfs, OutcomeUnknownError } from "nfs-client";
import { afterEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { type Fault, FaultProxy } from "../support/fault-proxy.ts";
import { memoryLog } from "../support/memory-router.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { tableOf } from "../support/router-bundle.ts";

const TARGETS = 3;
const DIRECTORIES = 3;
const FILES = 150;
const DETECTION_TIMEOUT = 300;
const STALL = 2 * DETECTION_TIMEOUT;

const CUTS: readonly Fault[] = [
  "cut before request",
  "cut before reply",
  "cut inside reply",
  "cut after reply",
  "corrupt reply",
  "half-open",
];

/** Where a lost session can be fenced through another mount target, and where it cannot. */
describe.each(["file-system", "connection"] as const)("client records of each %s", (clientRecords) => {
  const counts = { removed: 0, unknown: 0, failed: 0, faults: 0, stalls: 0 };
  reportAtEnd(`removals at once (client records of each ${clientRecords})`, () => counts);
  const random = seededRandom(seed);

  const cleanups: (() => Promise<unknown>)[] = [];
  let directory: string;
  let servers: NfsServer[];
  let proxies: FaultProxy[];
  let router: RoutedFiles;
  const recorded = new Map<string, string>();

  afterEach(async () => {
    for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
  });

  async function start(): Promise<void> {
    const temporary = await makeTemporaryDirectory("removals-");
    cleanups.push(() => temporary.remove());
    directory = temporary.path;
    const startOne = () => startNfsServer({ directory, durable: false, dialect: { clientRecords } });
    servers = await Promise.all(Array.from({ length: TARGETS }, startOne));
    cleanups.push(() => Promise.all(servers.map((server) => server.close())));
    proxies = await Promise.all(servers.map((server) => FaultProxy.start(server)));
    cleanups.push(() => Promise.all(proxies.map((proxy) => proxy.stop())));
    router = await RoutedFiles.start(tableOf(proxies), {
      connect: connectNfs,
      connectTimeout: 5_000,
      operationTimeout: 10_000,
      detectionTimeout: DETECTION_TIMEOUT,
      drainTimeout: 1_000,
      rootDirectory: "/data",
      log: memoryLog().log,
    });
    cleanups.push(() => router.close());
    router.recordChanges({
      record: async ({ kind, path }) => {
        recorded.set(path, kind);
      },
    });
  }

  const onDisk = (path: string) => join(directory, "data", path);

  async function stored(): Promise<Set<string>> {
    const names = await readdir(onDisk(""), { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile());
    return new Set(files.map(({ parentPath, name }) => relative(onDisk(""), join(parentPath, name))));
  }

  async function write(paths: Iterable<string>): Promise<void> {
    for (let index = 0; index < DIRECTORIES; index++) await mkdir(onDisk(`${index}`), { recursive: true });
    for (const path of paths) await writeFile(onDisk(path), path);
  }

  /** Resolves when all that was sent before has been executed. */
  async function settled(): Promise<void> {
    for (const { host, port } of servers) {
      const client = await connectNfs({ host, port });
      await client.stat("/");
      await client.close();
    }
  }

  /** Removes files, and makes them again: what a lost session may still do must not befall the new ones. */
  async function removeOnce(act: () => Promise<void>): Promise<{ readonly asked: number; readonly removed: number }> {
    const paths = Array.from({ length: FILES }, (_, index) => filePath(`${index % DIRECTORIES}/${index}`));
    const missing = paths.filter(() => random() < 0.02);
    const beside = paths.map((path) => `${path}-beside`);
    await write(beside);
    await write(paths.filter((path) => !missing.includes(path)));
    for (const path of missing) await rm(onDisk(path), { force: true });
    recorded.clear();
    await act();
    const results = await router.deleteFiles(paths);
    for (const proxy of proxies) proxy.faults = () => undefined;

    const after = await stored();
    expect(beside.filter((path) => !after.has(path))).toEqual([]);
    const removed: FilePath[] = [];
    for (const [index, path] of paths.entries()) {
      const result = results[index];
      const was = missing.includes(path) ? "missing" : "there";
      const is = after.has(path) ? "there" : "gone";
      if (result?.status === "fulfilled") {
        removed.push(path);
        expect([path, was, is]).toEqual([path, was, "gone"]);
        counts.removed += 1;
      } else if (result?.reason instanceof OutcomeUnknownError) counts.unknown += 1;
      else {
        expect([path, is]).toEqual([path, was === "there" ? "there" : "gone"]);
        counts.failed += 1;
      }
      if (was === "there" && is === "gone") expect(["delete", "uncertain"]).toContain(recorded.get(path));
    }

    await write(removed);
    await settled();
    const rewritten = await stored();
    expect(removed.filter((path) => !rewritten.has(path))).toEqual([]);
    return { asked: paths.length - missing.length, removed: removed.length };
  }

  test("what is removed is gone and recorded, and nothing else is", {
    timeout: rounds(240_000, 3_600_000),
  }, async () => {
    await start();
    for (let round = 0; round < rounds(4, 60); round++) {
      await removeOnce(async () => {
        for (const proxy of proxies) {
          // One request of the next ones, so that every kind of request has its turn. There is always a first one.
          let left = round === 0 ? 0 : Math.floor(random() * 4);
          const fault = CUTS[Math.floor(random() * CUTS.length)];
          proxy.faults = () => (left-- === 0 ? fault : undefined);
        }
      });
      for (const proxy of proxies) proxy.faults = () => undefined;
      await router.connected(10_000);
    }
    // A busy machine may be silent for the detection timeout, which is a fault as well.
    const unremoved = async () => {
      const { asked, removed } = await removeOnce(async () => {});
      return asked - removed;
    };
    await expect.poll(unremoved).toBe(0);
    counts.faults = proxies.reduce((sum, { totalInjected }) => sum + totalInjected, 0);
    expect(counts.faults).toBeGreaterThan(0);
    expect(counts.removed).toBeGreaterThan(0);
  });

  test("a server that stalled removes nothing that was made since", {
    timeout: rounds(120_000, 3_600_000),
  }, async () => {
    await start();
    for (let round = 0; round < rounds(2, 20); round++) {
      await removeOnce(async () => servers[round % TARGETS]?.stall(STALL));
      counts.stalls += 1;
    }
  });
});

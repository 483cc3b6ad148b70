/** Many routers append to one file, through failing networks, and next to one that dies with the lock in its hands. */
import {
  type FilePath,
  filePath,
  RoutedFiles,
  type RoutingStrategy,
  UnavailableError,
} from "@efs-mount-autoscaling/routed-files";
import { NfsError, OutcomeUnknownError } from "nfs-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { FAULTS, type Fault, FaultProxy } from "../support/fault-proxy.ts";
import { memoryLog } from "../support/memory-router.ts";
import { connectNfs } from "../support/nfs.ts";
import { describeEachServer, type TestServer } from "../support/nfs-servers.ts";
import { readFile } from "../support/read-file.ts";
import { reportAtEnd, rounds, seed, strategies } from "../support/reliability.ts";
import { tableOf } from "../support/router-bundle.ts";

const ROUTERS = 8;
const TARGETS = 3;
const FAULT_SHARE = rounds(0.02, 0.002);
const OPERATION_TIMEOUT = 60_000;

const ZONES = ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"];

for (const strategy of strategies) {
  describeEachServer(`appends from many routers to one file, ${strategy}`, (start, kind) =>
    suite(start, kind, strategy),
  );
}

function suite(start: () => Promise<TestServer>, kind: string, strategy: RoutingStrategy): void {
  const random = seededRandom(seed);
  let server: TestServer;
  let proxies: FaultProxy[];
  let routers: RoutedFiles[];
  const counts = {
    appended: 0,
    "outcome unknown": 0,
    failed: 0,
    lost: 0,
    duplicated: 0,
    torn: 0,
    "out of order": 0,
    "worst wait, ms": 0,
    "worst router's wait on average, ms": 0,
    "wait for the lock of a client that vanished, ms": 0,
  };

  reportAtEnd(`appends (${kind}, ${strategy})`, () => ({
    ...counts,
    ...Object.fromEntries(FAULTS.map((fault) => [`faults: ${fault}`, injected(fault)])),
  }));

  async function readText(path: FilePath): Promise<string> {
    const [router] = routers;
    return router === undefined ? "" : (await readFile(router, path)).toString();
  }

  const injected = (fault: Fault) => proxies.reduce((sum, proxy) => sum + proxy.injected[fault], 0);

  beforeAll(async () => {
    server = await start();
    proxies = await Promise.all(Array.from({ length: TARGETS }, () => FaultProxy.start(server)));
    routers = await Promise.all(
      Array.from({ length: ROUTERS }, (_, index) =>
        RoutedFiles.start(tableOf(proxies), {
          connect: connectNfs,
          connectTimeout: 2000,
          operationTimeout: OPERATION_TIMEOUT,
          detectionTimeout: 2000,
          drainTimeout: 1000,
          routing: { strategy, ownZone: ZONES[index % ZONES.length] },
          rootDirectory: server.root,
          log: memoryLog().log,
        }),
      ),
    );
  });

  afterAll(async () => {
    for (const proxy of proxies) proxy.faults = () => undefined;
    await Promise.all(routers.map((router) => router.close()));
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await server?.stop();
  });

  test("every record is there once, whole, and in its router's order", { timeout: 300_000 }, async () => {
    for (const proxy of proxies) {
      proxy.faults = () => (random() < FAULT_SHARE ? FAULTS[Math.floor(random() * FAULTS.length)] : undefined);
    }
    const path = filePath("appended");
    const each = rounds(40, 1250);
    const known = new Map<string, "appended" | "unknown">();
    const waits = await Promise.all(
      routers.map(async (router, index) => {
        let waited = 0;
        for (let number = 0; number < each; number++) {
          const record = `${index}:${number}:${"x".repeat(Math.floor(random() * 200))}\n`;
          const begin = performance.now();
          try {
            await router.appendFile(path, Buffer.from(record));
            known.set(record, "appended");
            counts.appended += 1;
          } catch (error) {
            expect(error instanceof NfsError || error instanceof UnavailableError, String(error)).toBe(true);
            if (error instanceof OutcomeUnknownError) known.set(record, "unknown");
            if (error instanceof OutcomeUnknownError) counts["outcome unknown"] += 1;
            else counts.failed += 1;
          }
          const wait = performance.now() - begin;
          waited += wait;
          counts["worst wait, ms"] = Math.max(counts["worst wait, ms"], Math.round(wait));
        }
        return waited / each;
      }),
    );
    counts["worst router's wait on average, ms"] = Math.round(Math.max(...waits));
    for (const proxy of proxies) proxy.faults = () => undefined;

    const text = await readText(path);
    const found = text.split(/(?<=\n)/);
    const times = new Map<string, number>();
    for (const record of found) times.set(record, (times.get(record) ?? 0) + 1);
    for (const [record, fate] of known) if (fate === "appended" && !times.has(record)) counts.lost += 1;
    for (const [record, count] of times) {
      if (count > 1) counts.duplicated += 1;
      if (!known.has(record)) counts.torn += 1;
    }
    const last = new Map<string, number>();
    for (const record of found) {
      const [index = "", number = ""] = record.split(":");
      if (Number(number) <= (last.get(index) ?? -1)) counts["out of order"] += 1;
      last.set(index, Number(number));
    }
    expect(counts).toMatchObject({ lost: 0, duplicated: 0, torn: 0, "out of order": 0 });
    expect(counts.appended).toBeGreaterThan(0.9 * ROUTERS * each);
    expect(proxies.reduce((sum, proxy) => sum + proxy.totalInjected, 0)).toBeGreaterThan(3);
  });

  test("the lock of a client that vanishes goes with its lease, and the others go on", async () => {
    const path = filePath("orphaned-lock");
    const proxy = await FaultProxy.start(server);
    const vanishing = await connectNfs({ host: proxy.host, port: proxy.port, operationTimeout: 1000 });
    let requests = 0;
    // the first one opens and locks, the second would write and unlock
    proxy.faults = () => {
      requests += 1;
      return requests > 1 ? "cut before request" : undefined;
    };
    const vanished = vanishing.appendFile(`${server.root}/${path}`, Buffer.from("never"));
    await expect(vanished).rejects.toBeInstanceOf(NfsError);
    await proxy.stop();
    const begin = performance.now();
    await Promise.all(routers.map((router, index) => router.appendFile(path, Buffer.from(`${index}`))));
    counts["wait for the lock of a client that vanished, ms"] = Math.round(performance.now() - begin);
    const text = await readText(path);
    expect([...text].sort().join("")).toBe("01234567");
    await vanishing.close();
  });

  test("an append that fails with the lock in its hands gives it back at once", async () => {
    const path = filePath("released");
    const options = { host: server.host, port: server.port };
    const [one, other] = [await connectNfs(options), await connectNfs(options)];
    const absolute = `${server.root}/${path}`;
    await one.appendFile(absolute, Buffer.from("a"));
    for (let round = 0; round < 10; round++) {
      const refused = one.appendFile(absolute, Buffer.from("x"), { when: { etag: "0-0" } });
      await expect(refused).rejects.toBeInstanceOf(NfsError);
      // far less than a lease
      await other.appendFile(absolute, Buffer.from("b"), { timeout: 2000 });
    }
    expect((await one.readFile(absolute)).data.toString()).toBe(`a${"b".repeat(10)}`);
    await Promise.all([one.close(), other.close()]);
  });
}

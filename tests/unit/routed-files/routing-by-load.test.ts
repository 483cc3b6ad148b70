/** What the router makes of loads and hot spots: over servers in memory. */
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { HotSpots } from "../../../packages/routed-files/src/hot-spots/hot-spots.ts";
import type { RoutedFiles } from "../../../packages/routed-files/src/routed-files.ts";
import { type FilePath, filePath } from "../../../packages/routed-files/src/routing/path.ts";
import { MemoryNetwork, memoryLog, startTestRouter } from "../../support/memory-router.ts";

async function read(router: RoutedFiles, path: FilePath): Promise<string> {
  const { body } = await router.openFile(path);
  return (await buffer(body)).toString();
}

/** Reads until the path is hot, so that from now on it is read once for many. */
async function heat(router: RoutedFiles, path: FilePath): Promise<void> {
  for (let request = 0; request < 1_000 && !router.hotSpots.isHot(path); request++) await read(router, path);
  await read(router, path);
  expect(router.hotSpots.report(1).hot).toEqual([path]);
}

const always = () => new HotSpots({ share: 0.05, log: memoryLog().log });

describe("a hot path", () => {
  const path = filePath("hot.txt");

  test("is read once for all who ask meanwhile, and each of them gets all of it", async () => {
    const { router, network } = await startTestRouter(new MemoryNetwork(3), { hotSpots: always() });
    await router.writeFile(path, Buffer.from("content"));
    await heat(router, path);
    const opens = () =>
      network.servers.reduce((sum, { log }) => sum + log.filter((line) => line.startsWith("openFile")).length, 0);
    const before = opens();
    const contents = await Promise.all(Array.from({ length: 96 }, () => read(router, path)));
    expect(new Set(contents)).toEqual(new Set(["content"]));
    expect(opens() - before).toBe(2);
    expect(router.sharedReads).toBe(94);
  });

  test("is read for each user anew, and nobody gets what was read for another one", async () => {
    const { router, network } = await startTestRouter(new MemoryNetwork(3), { hotSpots: always() });
    await router.writeFile(path, Buffer.from("content"));
    await heat(router, path);
    const opens = () =>
      network.servers.reduce((sum, { log }) => sum + log.filter((line) => line.startsWith("openFile")).length, 0);
    const before = opens();
    const users = [1_001, 1_002, 1_003].map((uid) => router.as({ uid, gid: 1_000 }));
    const sameAsFirst = router.as({ uid: 1_001, gid: 1_000, gids: [] });
    await Promise.all(
      [router, ...users, sameAsFirst].flatMap((files) => Array.from({ length: 20 }, () => read(files, path))),
    );
    // Each of the four begins one at once, and one for all who came meanwhile.
    expect(opens() - before).toBe(2 * 4);
  });

  test("is not shared when it is large", async () => {
    const { router } = await startTestRouter(new MemoryNetwork(3), { hotSpots: always() });
    await router.writeFile(path, Buffer.alloc(100_000));
    await heat(router, path);
    await Promise.all(Array.from({ length: 20 }, () => read(router, path)));
    expect(router.sharedReads).toBe(0);
  });

  test("that has become large is read by each reader alone", async () => {
    const { router } = await startTestRouter(new MemoryNetwork(3), { hotSpots: always() });
    await router.writeFile(path, Buffer.from("small"));
    await heat(router, path);
    await router.writeFile(path, Buffer.alloc(100_000, "x"));
    const contents = await Promise.all(Array.from({ length: 20 }, () => read(router, path)));
    expect(contents.map(({ length }) => length)).toEqual(contents.map(() => 100_000));
  });

  test("never shows a reader what was replaced before it asked, nor an older content after a newer one", async () => {
    const { router } = await startTestRouter(new MemoryNetwork(3), { hotSpots: always() });
    await router.writeFile(path, Buffer.from("0"));
    await heat(router, path);
    let written = 0;
    let newestRead = 0;
    let done = false;
    const writer = async () => {
      for (let version = 1; version <= 300; version++) {
        await router.writeFile(path, Buffer.from(String(version)));
        written = version;
      }
      done = true;
    };
    const reader = async () => {
      while (!done) {
        const oldest = Math.max(written, newestRead);
        const version = Number(await read(router, path));
        expect(version).toBeGreaterThanOrEqual(oldest);
        newestRead = Math.max(newestRead, version);
        await sleep(0);
      }
    };
    await Promise.all([writer(), ...Array.from({ length: 16 }, reader)]);
    expect(router.sharedReads).toBeGreaterThan(0);
  });

  test.each([
    ["rendezvous", 1],
    ["bounded-load", 3],
  ] as const)("is read by %s at %d of 3 targets", async (strategy, count) => {
    const { router, network } = await startTestRouter(new MemoryNetwork(3), {
      hotSpots: always(),
      routing: { strategy },
    });
    await router.writeFile(path, Buffer.alloc(100_000));
    await heat(router, path);
    for (const { log } of network.servers) log.length = 0;
    for (let request = 0; request < 100; request++) await read(router, path);
    const used = network.servers.filter(({ log }) => log.some((line) => line.startsWith("openFile")));
    expect(used).toHaveLength(count);
  });
});

describe("writes of one path", () => {
  test("go to one target while any is in flight, however loaded that is", async () => {
    const { router, network } = await startTestRouter(new MemoryNetwork(3), { routing: { strategy: "bounded-load" } });
    const path = filePath("same.txt");
    await Promise.all(Array.from({ length: 30 }, (_, version) => router.writeFile(path, Buffer.from(String(version)))));
    const used = network.servers.filter(({ log }) => log.some((line) => line.startsWith("writeFile")));
    expect(used).toHaveLength(1);
    await Promise.all(
      Array.from({ length: 30 }, (_, index) => router.writeFile(filePath(`${index}`), Buffer.from("x"))),
    );
    for (const { log } of network.servers) expect(log.some((line) => line.startsWith("writeFile"))).toBe(true);
  });

  test("follow each other to the next target when theirs is lost", async () => {
    const { router, network } = await startTestRouter(new MemoryNetwork(3), { routing: { strategy: "bounded-load" } });
    const path = filePath("same.txt");
    const writes = Array.from({ length: 10 }, (_, version) => router.writeFile(path, Buffer.from(String(version))));
    const [first] = network.ranked(path);
    if (first) first.state = "down";
    await Promise.all(writes);
    const next = network.servers.filter(
      (server) => server !== first && server.log.some((line) => line.startsWith("writeFile")),
    );
    expect(next).toHaveLength(1);
  });
});

describe("a router in a zone", () => {
  const inZone = { strategy: "zone-aware", ownZone: "ap-northeast-1c" } as const;

  test("uses the target of its zone, and the others while that is lost", async () => {
    const { router, network, targetOf } = await startTestRouter(new MemoryNetwork(3), { routing: inZone });
    const own = network.servers[1];
    if (own === undefined) throw new Error("There is no server in the zone");
    for (let index = 0; index < 30; index++) await router.writeFile(filePath(`${index}`), Buffer.from("x"));
    expect(targetOf(own).statistics.requests).toBe(30);
    own.state = "down";
    for (let index = 0; index < 30; index++) expect(await read(router, filePath(`${index}`))).toBe("x");
  });
});

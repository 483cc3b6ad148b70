/** Another mount table while the router runs. */
import { setTimeout as sleep } from "node:timers/promises";
import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import { describe, expect, test, vi } from "vitest";
import { Metrics } from "../../../fargate-app/src/metrics.ts";
import type { RoutedFiles } from "../../../packages/routed-files/src/routed-files.ts";
import { filePath } from "../../../packages/routed-files/src/routing/path.ts";
import { MemoryNetwork, startTestRouter as start } from "../../support/memory-router.ts";
import { readFile } from "../../support/read-file.ts";

const PATH = filePath("a/b.txt");

/** The network's table with only these servers. */
function only({ table }: MemoryNetwork, ...indexes: number[]): MountTable {
  return { mount_targets: table.mount_targets.filter((_, index) => indexes.includes(index)) };
}

/** The table without the server that `path` prefers, and that server. */
function withoutPreferred(network: MemoryNetwork) {
  const [first] = network.ranked(PATH);
  if (!first) throw new Error("There is no server");
  const { mount_targets } = network.table;
  return {
    first,
    table: { mount_targets: mount_targets.filter(({ mount_target_id }) => mount_target_id !== network.idOf(first)) },
  };
}

const ids = (router: RoutedFiles) => router.targets.map(({ id }) => id);

describe("a new mount target", () => {
  test("takes its share, and the others keep their sessions and counts", async () => {
    const network = new MemoryNetwork(3);
    const { router } = await start(network);
    await router.useTable(only(network, 0, 1));
    await vi.waitFor(() => expect(network.servers.map(({ clients }) => clients.size)).toEqual([1, 1, 0]));
    const kept = router.targets.map(({ connection }) => connection);
    for (let index = 0; index < 30; index++) await router.writeFile(filePath(`before-${index}`), Buffer.from("x"));
    await router.useTable(network.table);
    expect(ids(router)).toEqual(["fsmt-0", "fsmt-1", "fsmt-2"]);
    expect(router.targets.slice(0, 2).map(({ connection }) => connection)).toEqual(kept);
    for (let index = 0; index < 30; index++) await router.writeFile(filePath(`after-${index}`), Buffer.from("x"));
    const requests = router.targets.map(({ statistics }) => statistics.requests);
    expect(requests.reduce((sum, each) => sum + each, 0)).toBe(60);
    expect(requests[2]).toBeGreaterThan(3);
  });

  test("gets no path before it is connected", async () => {
    const network = new MemoryNetwork(3);
    const { first, table } = withoutPreferred(network);
    const { router, lines } = await start(network);
    await router.useTable(table);
    first.state = "frozen";
    const change = router.useTable(network.table);
    await router.writeFile(PATH, Buffer.from("one"));
    expect(ids(router)).toHaveLength(2);
    await change;
    expect(ids(router)).toHaveLength(3);
    await readFile(router, PATH);
    first.state = "up";
    await vi.waitFor(() => expect(router.targets.every(({ state }) => state === "connected")).toBe(true));
    expect(lines.filter(({ msg }) => msg.startsWith("The mount table has changed"))).toHaveLength(2);
  });
});

describe("a mount target that is no longer listed", () => {
  test("finishes what is in flight, gets nothing new, and its session ends", async () => {
    const network = new MemoryNetwork(3, { chunkSize: 2 });
    const { first, table } = withoutPreferred(network);
    const { router } = await start(network, { drainTimeout: 60_000 });
    await router.writeFile(PATH, Buffer.from("0123456789"));
    const { body } = await router.openFile(PATH);
    const uploading = router.writeFile(
      PATH,
      (async function* () {
        yield Buffer.from("new");
        await sleep(100);
        yield Buffer.from("er");
      })(),
    );
    await sleep(20);
    let read = "";
    for await (const chunk of body) {
      read += chunk.toString();
      if (read.length === 4) {
        await router.useTable(table);
        first.log.length = 0;
        await router.stat(PATH);
        expect(first.log).not.toContain("stat /data/a/b.txt");
        expect(first.clients.size).toBe(1);
      }
    }
    expect(read).toBe("0123456789");
    expect(first.log).toContain("read /data/a/b.txt");
    await uploading;
    expect((await readFile(router, PATH)).toString()).toBe("newer");
    await vi.waitFor(() => expect(first.clients.size).toBe(0));
  });

  test("hands a stream over when draining takes too long", async () => {
    const network = new MemoryNetwork(3, { chunkSize: 2 });
    const { first, table } = withoutPreferred(network);
    const { router } = await start(network, { drainTimeout: 50 });
    await router.writeFile(PATH, Buffer.from("0123456789"));
    const { body } = await router.openFile(PATH);
    let read = "";
    for await (const chunk of body) {
      read += chunk.toString();
      if (read.length === 4) {
        await router.useTable(table);
        await sleep(100);
        for (const { log } of network.servers) log.length = 0;
      }
    }
    expect(read).toBe("0123456789");
    const [, second] = network.ranked(PATH);
    expect(second?.log.at(-1)).toBe("read /data/a/b.txt");
    await vi.waitFor(() => expect(first.clients.size).toBe(0));
  });

  test.each(["down", "frozen"] as const)("and is %s meanwhile costs no operation, and is not probed", async (state) => {
    const network = new MemoryNetwork(3);
    const { first, table } = withoutPreferred(network);
    const { router, lines } = await start(network, { drainTimeout: 60_000 });
    await router.writeFile(PATH, Buffer.from("one"));
    first.state = "frozen";
    const reads = Array.from({ length: 20 }, () => readFile(router, PATH));
    await sleep(10);
    await router.useTable(table);
    first.state = state;
    for (const data of await Promise.all(reads)) expect(data.toString()).toBe("one");
    await vi.waitFor(() => expect(first.clients.size).toBe(0));
    first.state = "up";
    await sleep(300);
    expect(first.clients.size).toBe(0);
    expect(lines.filter(({ target, level }) => target === network.idOf(first) && level !== "INFO")).toEqual([]);
  });

  test("and was away is probed no more", async () => {
    const network = new MemoryNetwork(3);
    const { first, table } = withoutPreferred(network);
    first.state = "down";
    const { router } = await start(network);
    await router.useTable(table);
    first.state = "up";
    await sleep(300);
    expect(first.clients.size).toBe(0);
  });

  test("is gone from the metrics", async () => {
    const network = new MemoryNetwork(3);
    const { first, table } = withoutPreferred(network);
    const metrics = new Metrics();
    const { router } = await start(network, { onOperation: metrics.observeOperation });
    metrics.watch(router);
    for (let index = 0; index < 30; index++) await router.writeFile(filePath(`file-${index}`), Buffer.from("x"));
    const mentions = async () => (await metrics.registry.metrics()).split(`target="${network.idOf(first)}"`).length - 1;
    expect(await mentions()).toBeGreaterThan(10);
    await router.useTable(table);
    expect(await mentions()).toBe(0);
  });
});

describe("a table", () => {
  test("with another address for a target means another target", async () => {
    const network = new MemoryNetwork(2);
    const { router } = await start(network);
    await router.useTable(only(network, 0));
    const [old] = router.targets;
    const [, { ip_address } = { ip_address: "" }] = network.table.mount_targets;
    await router.useTable({ mount_targets: only(network, 0).mount_targets.map((each) => ({ ...each, ip_address })) });
    expect(ids(router)).toEqual(["fsmt-0"]);
    expect(router.targets[0]).not.toBe(old);
    await vi.waitFor(() => expect(network.servers.map(({ clients }) => clients.size)).toEqual([0, 1]));
  });

  test("that is the same changes and says nothing", async () => {
    const network = new MemoryNetwork(3);
    const { router, lines } = await start(network);
    const before = router.targets;
    lines.splice(0);
    const reversed = [...network.table.mount_targets].reverse();
    await router.useTable({ mount_targets: reversed.map((each) => ({ ...each, note: "new" })) });
    expect(router.targets).toBe(before);
    expect(lines).toEqual([]);
  });

  test("of which nothing can be reached leaves the targets before in place until something can be", async () => {
    const network = new MemoryNetwork(3);
    const { router, lines } = await start(network);
    await router.useTable(only(network, 0, 1));
    const [, , third] = network.servers;
    if (!third) throw new Error("There is no third server");
    third.state = "down";
    for (let times = 0; times < 3; times++) {
      await router.useTable(only(network, 2));
      await router.writeFile(PATH, Buffer.from("one"));
    }
    expect(ids(router)).toEqual(["fsmt-2", "fsmt-0", "fsmt-1"]);
    expect(lines.filter(({ level }) => level === "WARN").map(({ msg }) => msg)).toEqual([
      "No mount target in the new mount table can be reached: the connected ones of the table before stay in use",
    ]);
    third.state = "up";
    await vi.waitFor(() => expect(router.targets[0]?.state).toBe("connected"));
    await router.useTable(only(network, 2));
    expect(ids(router)).toEqual(["fsmt-2"]);
    await vi.waitFor(() => expect(network.servers.map(({ clients }) => clients.size)).toEqual([0, 0, 1]));
  });

  test("with a mount target that responds ends the waiting for one", async () => {
    const network = new MemoryNetwork(2);
    const { router } = await start(network, { operationTimeout: 60_000, detectionTimeout: 60_000 });
    await router.useTable(only(network, 0));
    for (const server of network.servers.slice(0, 1)) server.state = "down";
    const written = router.writeFile(PATH, Buffer.from("one"));
    await vi.waitFor(() => expect(router.ready).toBe(false));
    const begin = performance.now();
    await router.useTable(only(network, 1));
    expect(await written).toMatchObject({ attributes: { size: 3 } });
    expect(performance.now() - begin).toBeLessThan(30_000);
  });

  test("that arrives while the router closes leaves nothing open", async () => {
    const network = new MemoryNetwork(3);
    const { router } = await start(network);
    await router.useTable(only(network, 0));
    const change = router.useTable(network.table);
    await router.close();
    await change;
    await vi.waitFor(() => expect(network.servers.map(({ clients }) => clients.size)).toEqual([0, 0, 0]));
  });
});

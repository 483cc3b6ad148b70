/** Mount targets that are going to be deleted: they get nothing new, and can be taken back at any moment. */
import { setTimeout as sleep } from "node:timers/promises";
import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Changes } from "../../../fargate-app/src/status/changes.ts";
import { HotSpots } from "../../../packages/routed-files/src/hot-spots/hot-spots.ts";
import type { RoutedFiles } from "../../../packages/routed-files/src/routed-files.ts";
import { filePath, ROOT } from "../../../packages/routed-files/src/routing/path.ts";
import { ROUTING_STRATEGIES } from "../../../packages/routed-files/src/routing/strategies.ts";
import type { MemoryServer } from "../../support/memory-nfs.ts";
import { MemoryNetwork, memoryLog, startTestRouter as start, startMemoryRouter } from "../../support/memory-router.ts";
import { startMemoryServer } from "../../support/memory-server.ts";
import { readFile } from "../../support/read-file.ts";

const PATH = filePath("a/b.txt");

/** The network's table, in which these servers are retiring. */
function retiring({ table, servers }: MemoryNetwork, ...which: (MemoryServer | undefined)[]): MountTable {
  const retiring_since = "2026-11-29T01:02:03Z";
  return {
    mount_targets: table.mount_targets.map((target, index) =>
      which.includes(servers[index]) ? { ...target, retiring_since } : target,
    ),
  };
}

/** The server that {@link PATH} prefers. */
function preferred(network: MemoryNetwork): MemoryServer {
  const [first] = network.ranked(PATH);
  if (first === undefined) throw new Error("There is no server");
  return first;
}

/** One of every kind of operation on each of `count` paths. */
async function useAll(router: RoutedFiles, count: number, directory = "tree"): Promise<void> {
  for (let index = 0; index < count; index++) {
    const path = filePath(`${directory}/${index}`);
    await router.writeFile(path, Buffer.from("x"));
    await router.appendFile(path, Buffer.from("y"));
    await router.stat(path);
    expect((await readFile(router, path)).toString()).toBe("xy");
    for await (const _ of router.list(ROOT)) break;
    await router.deleteFile(path);
  }
}

/** Goes on with operations until it is stopped, and then tells how many failed. */
function startUsing(router: RoutedFiles, workers: number) {
  let stopped = false;
  const rounds = Array.from({ length: workers }, () => 0);
  const failures: unknown[] = [];
  const running = rounds.map(async (_, worker) => {
    while (!stopped) {
      await useAll(router, 1, `worker-${worker}`).catch((error: unknown) => failures.push(error));
      rounds[worker] = (rounds[worker] ?? 0) + 1;
    }
  });
  return {
    /** Resolves when all that was in flight is over. */
    nextRound: async () => {
      const before = [...rounds];
      await vi.waitFor(() => expect(rounds.every((round, worker) => round > (before[worker] ?? 0))).toBe(true), {
        interval: 1,
        timeout: 60_000,
      });
    },
    stop: async () => {
      stopped = true;
      await Promise.all(running);
      return failures;
    },
  };
}

test("whatever comes, retires, is taken back and goes, no operation fails, and none goes where it should not", async () => {
  const state = fc.constantFrom("absent", "retiring", "serving");
  const tables = fc
    .array(fc.array(state, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 6 })
    .filter((tables) => tables.every((states) => states.some((each) => each !== "absent")));
  await fc.assert(
    fc.asyncProperty(tables, fc.constantFrom(...ROUTING_STRATEGIES), async (tables, strategy) => {
      const network = new MemoryNetwork(3);
      const { router } = await startMemoryRouter(network, { routing: { strategy }, drainTimeout: 60_000 });
      try {
        const load = startUsing(router, 4);
        for (const states of tables) {
          const { mount_targets } = retiring(
            network,
            ...network.servers.filter((_, index) => states[index] === "retiring"),
          );
          await router.useTable({ mount_targets: mount_targets.filter((_, index) => states[index] !== "absent") });
          await load.nextRound();
          for (const { log } of network.servers) log.length = 0;
          await useAll(router, 20);
          const used = network.servers.flatMap(({ log }, index) => (log.length > 0 ? states[index] : []));
          expect(new Set(used)).toEqual(new Set(states.includes("serving") ? ["serving"] : ["retiring"]));
        }
        expect(await load.stop()).toEqual([]);
      } finally {
        await router.close();
      }
    }),
    { numRuns: 40 },
  );
});

describe("a mount target that is retiring", () => {
  test.each(ROUTING_STRATEGIES)(
    "gets nothing new from %s, also of hot paths, and keeps its session",
    async (strategy) => {
      const network = new MemoryNetwork(3);
      const hotSpots = new HotSpots({ share: 0.05, log: memoryLog().log });
      const routing = { strategy, ownZone: "ap-northeast-1c" };
      const { router, targetOf } = await start(network, { hotSpots, routing, drainTimeout: 60_000 });
      for (const server of network.servers) {
        await router.useTable(network.table);
        await useAll(router, 60);
        const { connection } = targetOf(server);
        await router.useTable(retiring(network, server));
        server.log.length = 0;
        await router.writeFile(PATH, Buffer.from("hot"));
        for (let request = 0; request < 400; request++) await readFile(router, PATH);
        expect(router.hotSpots.isHot(PATH)).toBe(true);
        await useAll(router, 60);
        await router.removeOrphans({ olderThan: 1, maximum: 10, duration: 1_000 });
        expect(server.log).toEqual([]);
        expect(targetOf(server).connection).toBe(connection);
        expect(connection?.lost.aborted).toBe(false);
      }
    },
  );

  test("gives its paths to those that follow it, and no other path moves", async () => {
    const network = new MemoryNetwork(4);
    const { router } = await start(network);
    for (const leaving of network.servers) {
      await router.useTable(retiring(network, leaving));
      for (let index = 0; index < 40; index++) {
        const path = `tree/${index}`;
        for (const { log } of network.servers) log.length = 0;
        await router.writeFile(filePath(path), Buffer.from("x"));
        const [used] = network.servers.filter(({ log }) => log.length > 0);
        expect(used).toBe(network.ranked(path).find((server) => server !== leaving));
      }
    }
  });

  test("finishes what is in flight, and takes no further change of a path that is being changed there", async () => {
    const network = new MemoryNetwork(3);
    const { router, targetOf } = await start(network, { drainTimeout: 60_000 });
    const first = preferred(network);
    let finish = () => {};
    const upload = router.writeFile(
      PATH,
      (async function* () {
        yield Buffer.alloc(2_000, "o");
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        yield Buffer.from("ld");
      })(),
    );
    await vi.waitFor(() => expect(targetOf(first).connection?.active).toBe(1));
    await sleep(20);
    await router.useTable(retiring(network, first));
    const before = first.log.length;
    await router.writeFile(PATH, Buffer.from("new"));
    expect(first.log).toHaveLength(before);
    finish();
    await upload;
    expect((await readFile(router, PATH)).toString()).toMatch(/^o{2000}ld$/);
    expect(first.clients.size).toBe(1);
    expect(targetOf(first).connection?.active).toBe(0);
  });

  test("hands a stream over when draining takes too long, and is connected again", async () => {
    const network = new MemoryNetwork(3, { chunkSize: 2 });
    const { router, targetOf, lines } = await start(network, { drainTimeout: 50 });
    const first = preferred(network);
    await router.writeFile(PATH, Buffer.from("0123456789"));
    const { connection } = targetOf(first);
    const { body } = await router.openFile(PATH);
    let read = "";
    for await (const chunk of body) {
      read += chunk.toString();
      if (read.length !== 4) continue;
      await router.useTable(retiring(network, first));
      await vi.waitFor(() => expect(connection?.lost.aborted).toBe(true));
      for (const { log } of network.servers) log.length = 0;
    }
    expect(read).toBe("0123456789");
    // It was asked once more, over the session that had ended.
    expect(first.log).toEqual(["read /data/a/b.txt"]);
    expect(network.ranked(PATH)[1]?.log.at(-1)).toBe("read /data/a/b.txt");
    await vi.waitFor(() => expect(targetOf(first).isConnected).toBe(true));
    expect(lines.filter(({ level }) => level !== "INFO" && level !== "DEBUG")).toEqual([]);
  });

  test("hands a stream over later where no other was connected when its time was over", async () => {
    const network = new MemoryNetwork(2, { chunkSize: 2 });
    const first = preferred(network);
    const others = network.servers.filter((server) => server !== first);
    for (const server of others) server.state = "down";
    const { router, targetOf } = await start(network, { drainTimeout: 50 });
    await router.writeFile(PATH, Buffer.from("0123456789"));
    const { connection } = targetOf(first);
    const { body } = await router.openFile(PATH);
    await router.useTable(retiring(network, first));
    await sleep(75);
    expect(connection?.lost.aborted).toBe(false);
    for (const server of others) server.state = "up";
    await vi.waitFor(() => expect(connection?.lost.aborted).toBe(true));
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe("0123456789");
  });

  test("is taken back at once, with its session, and nothing is handed over later", async () => {
    const network = new MemoryNetwork(3, { chunkSize: 2 });
    const { router, targetOf } = await start(network, { drainTimeout: 500 });
    const first = preferred(network);
    await router.writeFile(PATH, Buffer.from("0123456789"));
    const { connection } = targetOf(first);
    const { body } = await router.openFile(PATH);
    await router.useTable(retiring(network, first));
    await router.useTable(network.table);
    await sleep(700);
    first.log.length = 0;
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe("0123456789");
    await router.stat(PATH);
    expect(first.log).toContain("stat /data/a/b.txt");
    expect(targetOf(first).connection).toBe(connection);
  });

  test("is among the changes each time that it begins and ends", async () => {
    const network = new MemoryNetwork(2);
    const changes = new Changes();
    const { router } = await start(network, { onStateChange: (target, state) => changes.note(target, state) });
    for (const table of [retiring(network, network.servers[0]), network.table]) {
      await router.useTable(table);
      await router.useTable(table);
    }
    await router.useTable(retiring(network, network.servers[0]));
    const first = changes.latest.filter(({ target }) => target === "fsmt-0");
    expect(first.map(({ state }) => state)).toEqual(["connected", "retiring", "connected", "retiring"]);
  });

  test.each(["down", "frozen"] as const)("serves while all others are %s, and only then", async (state) => {
    const network = new MemoryNetwork(3);
    const { router, targetOf } = await start(network, { drainTimeout: 300 });
    const first = preferred(network);
    await router.useTable(retiring(network, first));
    const others = network.servers.filter((server) => server !== first);
    for (const server of others) server.state = state;
    // What is begun after the drain time is not handed over to nobody, either.
    const until = performance.now() + 500;
    while (performance.now() < until) await useAll(router, 3);
    expect(first.log.length).toBeGreaterThan(0);
    expect(router.ready).toBe(true);
    for (const server of others) server.state = "up";
    await vi.waitFor(() => expect(others.every((server) => targetOf(server).isConnected)).toBe(true));
    first.log.length = 0;
    await useAll(router, 20);
    expect(first.log).toEqual([]);
  });

  test("is closed by a table without it, and that it went away before is no error", async () => {
    const network = new MemoryNetwork(3);
    const { router, lines } = await start(network, { drainTimeout: 20 });
    const first = preferred(network);
    await router.useTable(retiring(network, first));
    first.state = "down";
    await vi.waitFor(() =>
      expect(lines.at(-1)?.msg).toBe(`Mount target ${network.idOf(first)} is still failing: The server is down`),
    );
    await useAll(router, 20);
    await router.useTable({
      mount_targets: network.table.mount_targets.filter(
        ({ mount_target_id }) => mount_target_id !== network.idOf(first),
      ),
    });
    first.state = "up";
    await sleep(300);
    expect(first.clients.size).toBe(0);
    expect(router.targets).toHaveLength(2);
    expect(lines.filter(({ level }) => level === "ERROR" || level === "WARN")).toEqual([]);
  });

  test("and stays away when it is taken back is an error", async () => {
    const network = new MemoryNetwork(3);
    const { router, lines } = await start(network, { drainTimeout: 20 });
    const first = preferred(network);
    await router.useTable(retiring(network, first));
    first.state = "down";
    await vi.waitFor(() => expect(lines.at(-1)?.msg).toContain("is still failing"));
    await router.useTable(network.table);
    await vi.waitFor(() =>
      expect(lines.filter(({ level }) => level === "ERROR").map(({ target }) => target)).toEqual([network.idOf(first)]),
    );
  });

  test("may be so from the start", async () => {
    const network = new MemoryNetwork(3);
    const first = preferred(network);
    const { router } = await start(network, { table: retiring(network, first) });
    await useAll(router, 40);
    expect(first.log).toEqual([]);
    expect(first.clients.size).toBe(1);
    await router.useTable(network.table);
    await useAll(router, 40);
    expect(first.log.length).toBeGreaterThan(0);
  });

  test("may be the only one that can be reached at the start", async () => {
    const network = new MemoryNetwork(2);
    const [first, second] = network.servers;
    if (second) second.state = "down";
    const { router } = await start(network, { table: retiring(network, first) });
    await useAll(router, 3);
    expect(router.ready).toBe(true);
  });

  test("is like the others where all of them are", async () => {
    const network = new MemoryNetwork(3);
    const { router } = await start(network);
    await router.useTable(retiring(network, ...network.servers));
    await useAll(router, 40);
    for (const { log } of network.servers) expect(log.length).toBeGreaterThan(0);
  });

  test("is shown as such", async () => {
    const network = new MemoryNetwork(2);
    const { router, url, close } = await startMemoryServer(network);
    onTestFinished(close);
    const shown = async () => {
      const { targets } = (await (await fetch(`${url}/targets`)).json()) as { targets: { retiring: boolean }[] };
      const metrics = await (await fetch(`${url}/metrics`)).text();
      return [targets.map((target) => target.retiring), metrics.match(/^router_target_retiring.*$/gm)];
    };
    const series = (first: number) => [
      `router_target_retiring{target="fsmt-0"} ${first}`,
      `router_target_retiring{target="fsmt-1"} 0`,
    ];
    expect(await shown()).toEqual([[false, false], series(0)]);
    await router.useTable(retiring(network, network.servers[0]));
    expect(await shown()).toEqual([[true, false], series(1)]);
    await router.useTable(network.table);
    expect(await shown()).toEqual([[false, false], series(0)]);
  });
});

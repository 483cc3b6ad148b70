/** Mount targets that die, hang and come back under load. */
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  filePath,
  RoutedFiles,
  type RoutingStrategy,
  rankingOf,
  type Target,
} from "@efs-mount-autoscaling/routed-files";
import { afterEach, describe, expect, test, vi } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { GaneshaServer, ganesha } from "../support/ganesha.ts";
import { Gate } from "../support/gate.ts";
import { type LogLine, memoryLog } from "../support/memory-router.ts";
import { type MountTargets, startLocalTargets } from "../support/mount-targets.ts";
import { connectNfs, expectConnectionsOf } from "../support/nfs.ts";
import { readFile } from "../support/read-file.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { describeRequiring } from "../support/requirements.ts";
import { tableOf } from "../support/router-bundle.ts";
import { RouterLoad } from "../support/router-load.ts";

const CLIENTS = 64;
const DETECTION_TIMEOUT = 1_000;
const CONNECT_TIMEOUT = 500;

/** A machine that is busy with other things adds to every latency, but not as much as this many detection timeouts. */
const PATIENCE = 10;

/** One of those in the table. */
const OWN_ZONE = "ap-northeast-1a";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** One nfs-ganesha with three ways to it. */
async function startGaneshaTargets(server: GaneshaServer): Promise<MountTargets> {
  return {
    addresses: [server, server, server],
    root: server.root,
    restart: async () => {},
    stop: () => server.stop(),
  };
}

function suite(kind: string, start: () => Promise<MountTargets>, strategy: RoutingStrategy = "rendezvous"): void {
  const counts: Record<string, number | string> = {};
  reportAtEnd(`failover (${kind})`, () => counts);

  const cleanups: (() => Promise<unknown>)[] = [];
  let mountTargets: MountTargets;
  let gates: Gate[];
  let router: RoutedFiles;
  let lines: LogLine[];

  afterEach(async () => {
    for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
  });

  /** A router over one file system with three mount targets. */
  async function startRouter(): Promise<void> {
    mountTargets = await start();
    cleanups.push(() => mountTargets.stop());
    gates = await Promise.all(mountTargets.addresses.map((address) => Gate.open(address)));
    cleanups.push(() => Promise.all(gates.map((gate) => gate.close())));
    const memory = memoryLog();
    lines = memory.lines;
    router = await RoutedFiles.start(tableOf(gates), {
      connect: connectNfs,
      connectTimeout: CONNECT_TIMEOUT,
      operationTimeout: 30_000,
      detectionTimeout: DETECTION_TIMEOUT,
      drainTimeout: 1_000,
      routing: { strategy, ownZone: OWN_ZONE },
      rootDirectory: `${mountTargets.root}/data`,
      log: memory.log,
    });
    cleanups.push(() => router.close());
  }

  function gate(index: number): Gate {
    const found = gates[index];
    if (found === undefined) throw new Error(`There is no gate ${index}`);
    return found;
  }

  function target(index: number): Target {
    const found = router.targets[index];
    if (found === undefined) throw new Error(`There is no target ${index}`);
    return found;
  }

  const until = (index: number, connected: boolean) =>
    vi.waitFor(() => expect(target(index).connection !== undefined).toBe(connected), { timeout: 60_000, interval: 5 });

  /** The share of each target, in percent, of the next requests. */
  async function shares(): Promise<number[]> {
    const requests = () => router.targets.map(({ statistics }) => statistics.requests);
    const before = requests();
    const done = () => requests().map((after, index) => after - (before[index] ?? 0));
    const total = () => done().reduce((sum, each) => sum + each, 0);
    await vi.waitFor(() => expect(total()).toBeGreaterThan(5 * CLIENTS), { timeout: 60_000 });
    return done().map((each) => Math.round((100 * each) / total()));
  }

  function heap(): number {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  }

  test("a mount target that is killed, frozen or restarted costs no request", { timeout: 240_000 }, async () => {
    await startRouter();
    const load = new RouterLoad(router, CLIENTS, seededRandom(seed));
    await sleep(500);
    const usual = await shares();
    load.takeSlowest();
    await sleep(500);
    const usually = load.takeSlowest();

    const slowest = { killed: 0, frozen: 0, restarted: 0, appends: 0 };
    const note = (what: "killed" | "frozen" | "restarted") => {
      const { repeatable, appends } = load.takeSlowest();
      slowest[what] = Math.max(slowest[what], repeatable);
      slowest.appends = Math.max(slowest.appends, appends);
    };
    let heapOverFreeze = 0;
    let mostInFlight = 0;
    let leastWhileFrozen = Number.POSITIVE_INFINITY;
    const cycles = rounds(1, 8);
    for (let cycle = 0; cycle < cycles; cycle++) {
      const [killed = 0, frozen = 1, restarted = 2] = [0, 1, 2].map((index) => (index + cycle) % 3);

      load.takeSlowest();
      await gate(killed).set("shut");
      await until(killed, false);
      await sleep(500);
      await gate(killed).set("open");
      await until(killed, true);
      note("killed");

      const heapBefore = heap();
      await gate(frozen).set("frozen");
      await until(frozen, false);
      // What can go elsewhere has gone; what cannot is over one detection timeout later.
      await sleep(DETECTION_TIMEOUT + 200);
      const before = load.operations;
      for (let sample = 0; sample < 10; sample++) {
        await sleep(100);
        const inFlight = router.targets.map(({ connection }) => connection?.active ?? 0);
        mostInFlight = Math.max(
          mostInFlight,
          inFlight.reduce((sum, each) => sum + each, 0),
        );
      }
      leastWhileFrozen = Math.min(leastWhileFrozen, load.operations - before);
      heapOverFreeze = Math.max(heapOverFreeze, heap() - heapBefore);
      await gate(frozen).set("open");
      await until(frozen, true);
      note("frozen");

      await gate(restarted).set("shut");
      await mountTargets.restart(restarted);
      await until(restarted, false);
      await gate(restarted).set("open");
      await until(restarted, true);
      note("restarted");
    }

    // A target that was away is slow at first, and a strategy by load gives it less until it is no more.
    let after: number[] = [];
    const recovered = async () => {
      after = await shares();
      return after.every((share, index) => share > (usual[index] ?? 0) / 2);
    };
    // In its own zone, a router uses what is fastest there.
    if (strategy !== "zone-aware") await expect.poll(recovered).toBe(true);
    else after = await shares();
    const { operations, failed, unknown, wrong } = await load.stop();
    Object.assign(counts, {
      "operations of 64 clients": operations,
      "faults injected": 3 * cycles,
      failed: failed.length,
      "lost, torn, duplicated or stale": wrong.length,
      "appends of unknown outcome": unknown,
      "lost sessions that could not be ended": lines.filter(({ msg }) => msg.includes("could not be ended")).length,
      "detection timeout, ms": DETECTION_TIMEOUT,
      "slowest request without faults, ms": Math.round(usually.repeatable),
      "slowest when one is killed, ms": Math.round(slowest.killed),
      "slowest when one is frozen, ms": Math.round(slowest.frozen),
      "slowest when one is restarted, ms": Math.round(slowest.restarted),
      "slowest append, ms": Math.round(slowest.appends),
      "heap over a freeze, KiB": Math.round(heapOverFreeze / 1024),
      "most in flight during a freeze": mostInFlight,
      "operations in 1 s of a freeze, at least": leastWhileFrozen,
      "shares of the targets before, %": usual.join(" "),
      "shares of the targets after, %": after.join(" "),
    });
    expect({ failed, wrong }).toEqual({ failed: [], wrong: [] });
    expect(leastWhileFrozen).toBeGreaterThan(CLIENTS);
    // A write asks beside it whether there is a file.
    expect(mostInFlight).toBeLessThanOrEqual(2 * CLIENTS);
    expect(heapOverFreeze).toBeLessThan(16 * 2 ** 20);
    for (const what of ["killed", "frozen", "restarted"] as const) {
      expect(slowest[what] - usually.repeatable, what).toBeLessThan(PATIENCE * DETECTION_TIMEOUT);
    }

    // One line for each change: connected, failed, connected, …
    for (const { id } of router.targets) {
      const levels = lines.filter((line) => line.target === id && line.level !== "DEBUG").map(({ level }) => level);
      expect(levels.map((level) => level === "INFO")).toEqual(levels.map((_, index) => index % 2 === 0));
    }
    // A connection has a socket on either side of its gate.
    const connections = () => gates.map(({ sockets }) => sockets / 2);
    await vi.waitFor(() => expectConnectionsOf(1, connections()), { timeout: 60_000 });
  });

  test("a mount target that thaws does nothing that was done elsewhere meanwhile", { timeout: 120_000 }, async () => {
    await startRouter();
    const freezes = rounds(1, 10);
    let undone = 0;
    for (let freeze = 0; freeze < freezes; freeze++) {
      const written = filePath(`written-${freeze}`);
      await router.writeFile(written, Buffer.from("old"));
      const paths = router.targets.map(({ id, zone }, index) => ({ id, zone, index }));
      const [first] = rankingOf(paths, strategy, { ownZone: OWN_ZONE })(written);
      const frozen = first?.index ?? 0;

      await gate(frozen).set("frozen");
      await router.writeFile(written, Buffer.from("first"));
      await router.writeFile(written, Buffer.from("second"));
      await gate(frozen).set("open");
      await until(frozen, true);
      await sleep(200);
      const data = await readFile(router, written);
      if (data.toString() !== "second") undone += 1;
    }
    Object.assign(counts, { "thaws after a write": freezes, "writes undone by them": undone });
    expect(undone).toBe(0);
  });
}

describeRequiring([ganesha], "failover (nfs-ganesha)", ([command]) =>
  suite("nfs-ganesha", async () => startGaneshaTargets(await GaneshaServer.start(command))),
);

describe("failover (local NFS server)", () => suite("local NFS server", startLocalTargets));

describe.each(["modulo", "bounded-load", "zone-aware"] as const)("failover (local NFS server, %s)", (strategy) =>
  suite(`local NFS server, ${strategy}`, startLocalTargets, strategy),
);

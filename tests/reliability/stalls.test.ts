/**
 * File systems that stall as a whole, and connections that are closed for rebalancing: normal for Amazon EFS, and no
 * outage. Both where mount targets share their client records, and where they do not.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type FilePath, filePath, RoutedFiles, rankingOf } from "@efs-mount-autoscaling/routed-files";
import { onDiagnostics } from "nfs-client";
import { afterEach, describe, expect, test, vi } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { CONNECTIONS } from "../support/connections.ts";
import { memoryLog } from "../support/memory-router.ts";
import { type LocalMountTargets, startLocalTargets } from "../support/mount-targets.ts";
import { connectNfs } from "../support/nfs.ts";
import { readFile } from "../support/read-file.ts";
import { reportAtEnd, rounds, seed, strategies } from "../support/reliability.ts";
import { tableOf } from "../support/router-bundle.ts";
import { RouterLoad } from "../support/router-load.ts";

const CLIENTS = 64;
const DETECTION_TIMEOUT = 1_000;
const MAX_STALL = 20_000;

/** Milliseconds from the end of a stall until service is back. */
const BACK_WITHIN = 1_000;

/** In each world, who knows a client; and the stall of the short form, which takes as long. */
const WORLDS = [
  { clientRecords: "file-system", stall: 12_000 },
  { clientRecords: "mount-target", stall: 3_000 },
  { clientRecords: "connection", stall: 3_000 },
] as const;

const OWN_ZONE = "ap-northeast-1a";

const CASES = strategies.flatMap((strategy) => WORLDS.map((world) => ({ ...world, strategy })));

describe.each(CASES)("client records of each $clientRecords, $strategy", (world) => {
  const { clientRecords, stall: shortStall, strategy } = world;
  const counts: Record<string, number | string> = {};
  reportAtEnd(`failover, stalls (client records of each ${clientRecords}, ${strategy})`, () => counts);

  const cleanups: (() => unknown)[] = [];
  let servers: LocalMountTargets;
  let router: RoutedFiles;
  let connects: number;

  afterEach(async () => {
    for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
  });

  async function startRouter(operationTimeout = 30_000): Promise<void> {
    servers = await startLocalTargets({ clientRecords });
    cleanups.push(() => servers.stop());
    connects = 0;
    cleanups.push(
      onDiagnostics("nfs-client:connect", () => {
        connects += 1;
      }),
    );
    router = await RoutedFiles.start(tableOf(servers.addresses), {
      connect: connectNfs,
      connectTimeout: 5_000,
      operationTimeout,
      detectionTimeout: DETECTION_TIMEOUT,
      drainTimeout: 1_000,
      routing: { strategy, ownZone: OWN_ZONE },
      rootDirectory: "/data",
      log: memoryLog().log,
    });
    cleanups.push(() => router.close());
  }

  /** Of the targets that paths prefer, one for each round in turns: in its own zone, a router prefers one alone. */
  function preferred(round: number): number {
    return strategy === "zone-aware" ? router.targets.findIndex(({ zone }) => zone === OWN_ZONE) : round % 3;
  }

  /** A path that prefers the target. */
  function pathOf(index: number, name: string): FilePath {
    const targets = router.targets.map(({ id, zone }) => ({ id, zone }));
    const ranking = rankingOf(targets, strategy, { ownZone: OWN_ZONE });
    for (let attempt = 0; ; attempt++) {
      const path = filePath(`${name}-${attempt}`);
      if (ranking(path)[0]?.id === targets[index]?.id) return path;
    }
  }

  /** Writes a file of each target that paths prefer; resolves with the moment when all of them are written. */
  async function writeToEach(name: string): Promise<number> {
    const paths = router.targets.map((_, index) => pathOf(preferred(index), `${name}-${index}`));
    await Promise.all(paths.map((path) => router.writeFile(path, Buffer.from(name))));
    return performance.now();
  }

  const allConnected = () =>
    vi.waitFor(() => expect(router.targets.map(({ state }) => state)).toEqual(router.targets.map(() => "connected")), {
      timeout: 60_000,
      interval: 5,
    });

  test("a stall of the whole file system fails no request", { timeout: 400_000 }, async () => {
    await startRouter();
    const random = seededRandom(seed);
    const load = new RouterLoad(router, CLIENTS, random);
    await sleep(500);
    // A busy machine adds to every latency: writes and their failover take a few of the usual ones.
    const usually = 3 * load.takeSlowest().repeatable;

    let latestService = 0;
    let latestTarget = 0;
    let mostConnects = 0;
    const cycles = rounds(1, 4);
    for (let cycle = 0; cycle < cycles; cycle++) {
      const longest = rounds(shortStall, shortStall + random() * (MAX_STALL - shortStall));
      // Some go on seconds before others; in every other round of the long form, all at once.
      const lead = cycle % 2 === 0 ? Math.min(longest / 3, 3_000) : 0;
      const connectsBefore = connects;
      const begin = performance.now();
      await Promise.all([0, 1, 2].map((index) => servers.stall(index === 0 ? longest - lead : longest, index)));

      let notReady = 0;
      const readiness = setInterval(() => {
        if (!router.ready) notReady += 1;
      }, 50);
      // A request that comes in the middle of it waits.
      await sleep((longest - lead) / 2);
      const back = writeToEach(`stall-${cycle}`);
      latestService = Math.max(latestService, (await back) - (begin + longest - lead));
      await sleep(Math.max(0, begin + longest - performance.now()));
      await allConnected();
      latestTarget = Math.max(latestTarget, performance.now() - (begin + longest));
      clearInterval(readiness);
      mostConnects = Math.max(mostConnects, connects - connectsBefore);
      expect(notReady).toBe(0);
      await sleep(500);
    }

    const { operations, failed, unknown, wrong } = await load.stop();
    Object.assign(counts, {
      "operations of 64 clients": operations,
      stalls: cycles,
      failed: failed.length,
      "lost, torn, duplicated or stale": wrong.length,
      "appends of unknown outcome": unknown,
      "service back after the first target goes on, ms": Math.round(latestService),
      "all targets back after the last one goes on, ms": Math.round(latestTarget),
      "connections made in a stall, at most": mostConnects,
    });
    expect({ failed, wrong }).toEqual({ failed: [], wrong: [] });
    expect(latestService - usually).toBeLessThan(BACK_WITHIN);
    expect(latestTarget - usually).toBeLessThan(BACK_WITHIN);
    // Each waits twice as long as the one before.
    expect(mostConnects).toBeLessThanOrEqual(3 * router.targets.length * CONNECTIONS);
  });

  test("a mount target that hangs fails no request, and does nothing late", { timeout: 120_000 }, async () => {
    await startRouter();
    const load = new RouterLoad(router, CLIENTS, seededRandom(seed));
    const hangs = rounds(1, 6);
    let undone = 0;
    for (let hang = 0; hang < hangs; hang++) {
      const index = preferred(hang);
      const [written, deleted] = [pathOf(index, `written-${hang}`), pathOf(index, `deleted-${hang}`)];
      for (const path of [written, deleted]) await router.writeFile(path, Buffer.from("old"));
      const duration = 3 * DETECTION_TIMEOUT;
      await servers.stall(duration, index);
      const begin = performance.now();
      const deleting = router.deleteFile(deleted);
      await router.writeFile(written, Buffer.from("first"));
      await router.writeFile(written, Buffer.from("second"));
      // Writes do not wait for a target that hangs.
      expect(performance.now() - begin).toBeLessThan(duration);
      await deleting;
      await sleep(Math.max(0, begin + duration - performance.now()));
      await allConnected();
      await sleep(200);
      if ((await readFile(router, written)).toString() !== "second") undone += 1;
      expect(await router.exists(deleted)).toBe(false);
    }
    const { failed, unknown, wrong } = await load.stop();
    Object.assign(counts, {
      "mount targets that hung": hangs,
      "failed meanwhile": failed.length,
      "done late, or wrong": undone + wrong.length,
      "appends of unknown outcome meanwhile": unknown,
    });
    expect({ failed, wrong, undone }).toEqual({ failed: [], wrong: [], undone: 0 });
  });

  test("connections that are closed again and again fail no request", { timeout: 120_000 }, async () => {
    // Where only a connection knows its client, the lock of a lost append stays for as long as its lease.
    const losesLocks = clientRecords === "connection";
    await startRouter(losesLocks ? 5_000 : 30_000);
    const load = new RouterLoad(router, CLIENTS, seededRandom(seed));
    const lifetime = 700;
    await servers.changeDialect({ connectionLifetimeMs: lifetime });
    const connectsBefore = connects;
    await sleep(rounds(2_500, 30_000));
    await servers.changeDialect({ connectionLifetimeMs: 0 });
    const { operations, unknown, wrong, ...rest } = await load.stop();
    const waitedForLock = (failure: string) => losesLocks && /^append: (DeadlineError|BusyError)/.test(failure);
    const failed = rest.failed.filter((failure) => !waitedForLock(failure));
    Object.assign(counts, {
      "connections closed": connects - connectsBefore,
      "operations meanwhile": operations,
      "failed then": failed.length,
      "wrong then": wrong.length,
      "appends of unknown outcome then": unknown,
      "appends that a lost lock kept out": rest.failed.length - failed.length,
    });
    expect({ failed, wrong }).toEqual({ failed: [], wrong: [] });
    expect(connects - connectsBefore).toBeGreaterThan(5);
  });
});

/** Mount targets that come and go while routers work: no request may fail, and no router may have to be replaced. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PutParameterCommand } from "@aws-sdk/client-ssm";
import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import type { RoutingStrategy } from "@efs-mount-autoscaling/routed-files";
import { afterEach, expect, test, vi } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { createAccount, SERVICE_NAME } from "../../local/account.ts";
import { startControlPlane } from "../../local/control-plane/server.ts";
import { TARGET_DIRECTORY } from "../../local/environments.ts";
import { startStack } from "../../local/stack.ts";
import { clients } from "../support/aws-clients.ts";
import { startHttpLoad } from "../support/http-load.ts";
import { expectConnectionsOf, startNfsServer } from "../support/nfs.ts";
import { reportAtEnd, rounds, seed, strategies } from "../support/reliability.ts";
import { startRouter, tableOf, targetsOf, WORKERS } from "../support/router-bundle.ts";
import { startZoneMetadata } from "../support/task-metadata.ts";

const PARAMETER = "/efs-mount-autoscaling/mount-targets";

const counts: Record<string, number> = {};
reportAtEnd("hot reload", () => counts);

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

/** So many servers over one directory, and a router that reads its table when it is told to. */
async function startRouterOver(count: number, strategy: RoutingStrategy) {
  const directory = await mkdtemp(join(tmpdir(), "hot-reload-"));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const servers = await Promise.all(Array.from({ length: count }, () => startNfsServer({ directory, durable: false })));
  cleanups.push(() => Promise.all(servers.map((server) => server.close())));
  const controlPlane = await startControlPlane({ state: createAccount(new Date()) });
  cleanups.push(() => controlPlane.close());
  const { ssm } = clients(controlPlane.url);
  const table = tableOf(servers).mount_targets;
  const publish = async (mount_targets: typeof table) => {
    const Value = serializeMountTable({ mount_targets });
    await ssm.send(new PutParameterCommand({ Name: PARAMETER, Value, Type: "String", Overwrite: true }));
  };
  await publish(table);
  const metadata = await startZoneMetadata();
  cleanups.push(() => metadata.close());
  const router = await startRouter({
    AWS_ENDPOINT_URL: controlPlane.url,
    ROUTING_STRATEGY: strategy,
    ECS_CONTAINER_METADATA_URI_V4: metadata.uri("ap-northeast-1a"),
    // No mount target hangs here. A busy machine is not to be taken for one.
    NFS_DETECTION_TIMEOUT_SECONDS: "60",
    NFS_OPERATION_TIMEOUT_SECONDS: "120",
    // Only a signal makes it look.
    MOUNT_TABLE_REFRESH_SECONDS: "0",
  });
  cleanups.push(() => router.stop());
  /** Publishes a table, and waits until the router uses it. */
  const use = async (mount_targets: typeof table) => {
    await publish(mount_targets);
    router.child.kill("SIGHUP");
    const inUse = async () => (await router.targets()).map(({ id, retiring }) => ({ id, retiring }));
    const expected = mount_targets.map(({ mount_target_id: id, retiring_since }) => ({
      id,
      retiring: retiring_since !== undefined,
    }));
    await vi.waitFor(async () => expect(await inUse()).toEqual(expected), { timeout: 60_000, interval: 10 });
  };
  /** Ends a server, and returns what starts it anew at the same address. */
  const stop = async (index: number) => {
    const server = servers[index];
    await server?.close();
    return async () => {
      servers[index] = await startNfsServer({ directory, port: server?.port ?? 0, durable: false });
    };
  };
  return { servers, table, router, use, stop };
}

test.each(strategies)(
  "mount targets are taken out of the table and put back under load, and no request fails (%s)",
  {
    timeout: 240_000,
  },
  async (strategy) => {
    const random = seededRandom(seed);
    const { servers, table, router, use } = await startRouterOver(3, strategy);

    const load = startHttpLoad(router.url, 32);
    const slow = Buffer.alloc(2 ** 24, "slow");
    await fetch(`${router.url}/files/slow`, { method: "PUT", body: slow });
    let bytes = 0;
    const reader = (async () => {
      // Longer in the making than any table lives.
      const response = await fetch(`${router.url}/files/slow`);
      for await (const chunk of response.body ?? []) {
        bytes += chunk.length;
        await sleep(20);
      }
    })();

    const changes = rounds(15, 150);
    let before = table;
    let differences = 0;
    const tableLines = () => router.lines.filter(({ msg }) => msg.startsWith("The mount table has changed: "));
    for (let change = 0; change < changes; change++) {
      const listed = table.filter(() => random() < 0.6);
      const next = listed.length > 0 ? listed : table.slice(0, 1);
      if (next.length !== before.length || next.some((target) => !before.includes(target))) differences += 1;
      before = next;
      await use(next);
      await vi.waitFor(
        async () => {
          // Each worker, before it hears of another table.
          expect(tableLines()).toHaveLength(WORKERS * differences);
          const metrics = await (await fetch(`${router.url}/metrics`)).text();
          for (const target of table) {
            expect(metrics.includes(`target="${target.mount_target_id}"`)).toBe(next.includes(target));
          }
        },
        { timeout: 60_000 },
      );
      await sleep(50);
    }
    await use(table);
    await vi.waitFor(
      async () => expect(Math.min(...(await router.targets()).map((each) => each.requests))).toBeGreaterThan(0),
      { timeout: 60_000 },
    );
    await reader;
    const { failures, requests, slowest } = await load.stop();
    Object.assign(counts, {
      [`table changes, ${strategy}`]: changes,
      [`requests, ${strategy}`]: requests,
      [`failed, ${strategy}`]: failures.length,
      [`slowest, ${strategy}, ms`]: Math.round(slowest),
    });
    expect(failures).toEqual([]);
    expect(bytes).toBe(slow.length);
    expect(router.lines.filter(({ level, target }) => level !== "INFO" && target !== undefined)).toEqual([]);
    expect(tableLines()).toHaveLength(WORKERS * (before.length < table.length ? differences + 1 : differences));
    // Every session that was opened is over, but for those in use.
    await vi.waitFor(
      () => {
        const connections = servers.map((server) => server.statistics().connections);
        expectConnectionsOf(WORKERS, connections);
      },
      { timeout: 60_000 },
    );
    expect(await router.stop()).toBe(0);
  },
);

test.each(strategies)(
  "mount targets retire under load, are taken back or deleted, and no request fails (%s)",
  {
    timeout: 240_000,
  },
  async (strategy) => {
    const random = seededRandom(seed);
    const { table, router, use, stop } = await startRouterOver(3, strategy);
    const load = startHttpLoad(router.url, 32);
    const retirements = rounds(8, 50);
    let deletions = 0;
    for (let retirement = 0; retirement < retirements; retirement++) {
      const chosen = Math.floor(random() * table.length);
      const seen = async () => (await router.targets())[chosen];
      const retiring_since = new Date().toISOString();
      await use(table.map((target, index) => (index === chosen ? { ...target, retiring_since } : target)));
      await vi.waitFor(async () => expect((await seen())?.inFlight).toBe(0), { timeout: 60_000, interval: 10 });
      const atRest = await seen();
      await sleep(50);
      expect((await seen())?.requests).toBe(atRest?.requests);
      const isDeleted = random() < 0.5;
      if (isDeleted) {
        deletions += 1;
        // As when EFS deletes it: it is gone before the table says so.
        const restart = await stop(chosen);
        await use(table.filter((_, index) => index !== chosen));
        await restart();
      }
      await use(table);
      const before = isDeleted ? 0 : (atRest?.requests ?? 0);
      await vi.waitFor(async () => expect((await seen())?.requests).toBeGreaterThan(before), {
        timeout: 60_000,
        interval: 10,
      });
    }
    const { failures, requests, slowest } = await load.stop();
    Object.assign(counts, {
      [`retirements, ${strategy}`]: retirements,
      [`mount targets deleted, ${strategy}`]: deletions,
      [`requests during retirements, ${strategy}`]: requests,
      [`failed during retirements, ${strategy}`]: failures.length,
      [`slowest during retirements, ${strategy}, ms`]: Math.round(slowest),
    });
    expect(failures).toEqual([]);
    expect(router.lines.filter(({ level, target }) => level !== "INFO" && target !== undefined)).toEqual([]);
    expect(await router.stop()).toBe(0);
  },
);

test("past the threshold, the new mount target serves without a task being replaced", {
  timeout: 120_000,
}, async () => {
  const stack = await startStack({
    tasks: 2,
    mountTargets: 2,
    fileCountThreshold: 100,
    rollout: "hot-reload",
    monitorInterval: 300,
    mountTargetCreationDelay: 300,
    log: () => {},
    onMonitorRun: () => {},
    signal: new AbortController().signal,
  });
  cleanups.push(() => stack.close());
  const tasks = stack.taskUrls();
  expect(tasks).toHaveLength(2);

  const load = startHttpLoad(stack.url, 16);
  const directory = join(stack.fileSystemPath, TARGET_DIRECTORY, "more");
  await mkdir(directory);
  for (let file = 0; file <= 100; file++) await writeFile(join(directory, `${file}`), "");
  const passed = performance.now();
  await vi.waitFor(
    async () => {
      for (const url of tasks) {
        const served = (await targetsOf(url)).map(({ requests }) => requests);
        expect(served).toHaveLength(3);
        expect(Math.min(...served)).toBeGreaterThan(0);
      }
    },
    { timeout: 60_000, interval: 50 },
  );
  const milliseconds = Math.round(performance.now() - passed);
  await sleep(1_000);
  const { failures, requests } = await load.stop();
  Object.assign(counts, {
    "requests during a scale-out": requests,
    "failed during a scale-out": failures.length,
    "from threshold to serving, ms": milliseconds,
  });
  expect(failures).toEqual([]);
  expect(stack.taskUrls()).toEqual(tasks);
  const { services, tasks: started } = stack.controlPlane.state();
  expect(services.find(({ serviceName }) => serviceName === SERVICE_NAME)?.deployments).toHaveLength(1);
  expect(started).toHaveLength(2);
});

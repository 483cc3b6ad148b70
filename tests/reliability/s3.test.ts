/**
 * The S3 API while mount targets die, hang and come and go, and while routers and their workers are replaced: for the AWS SDK,
 * which retries by itself, no request fails, and no object is torn, lost or stale.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UpdateServiceCommand } from "@aws-sdk/client-ecs";
import { filePath, RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { afterEach, expect, test, vi } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { CLUSTER_NAME, SERVICE_NAME } from "../../local/account.ts";
import { TARGET_DIRECTORY } from "../../local/environments.ts";
import { startStack } from "../../local/stack.ts";
import { clients } from "../support/aws-clients.ts";
import { Gate } from "../support/gate.ts";
import { memoryLog } from "../support/memory-router.ts";
import { OWNER, s3ClientOf, startS3ServerOver } from "../support/memory-s3-server.ts";
import { startLocalTargets } from "../support/mount-targets.ts";
import { connectNfs } from "../support/nfs.ts";
import { reportAtEnd, rounds, seed, strategies } from "../support/reliability.ts";
import { tableOf, targetsOf } from "../support/router-bundle.ts";
import { S3Load } from "../support/s3-load.ts";
import { startS3Router } from "../support/s3-router.ts";
import { childrenOf } from "../support/worker-processes.ts";

const BUCKET = "bucket";
const CLIENTS = 16;
const DETECTION_TIMEOUT = 1_000;

/** Milliseconds: a machine that is busy with other things takes minutes. */
const TIMEOUT = rounds(240_000, 1_200_000);

const counts: Record<string, number> = {};
reportAtEnd("S3 API", () => counts);

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

function startLoad(url: string): S3Load {
  return new S3Load(s3ClientOf(url, OWNER), { bucket: BUCKET, clients: CLIENTS, random: seededRandom(seed) });
}

/** Ends a load, of which nothing may have gone wrong. */
async function expectNothingWrong(load: S3Load, during: string): Promise<void> {
  const { operations, failed, wrong, retries, slowest } = await load.stop();
  Object.assign(counts, {
    [`operations, ${during}`]: operations,
    [`retries of the SDK, ${during}`]: retries,
    [`failed, ${during}`]: failed.length,
    [`torn, lost or stale, ${during}`]: wrong.length,
    [`slowest, ${during}, ms`]: slowest,
  });
  expect({ failed, wrong }).toEqual({ failed: [], wrong: [] });
  expect(operations).toBeGreaterThan(CLIENTS);
}

/** Lets some operations be done. */
async function someOperations(load: S3Load): Promise<void> {
  const before = load.operations;
  await vi.waitFor(() => expect(load.operations - before).toBeGreaterThan(5 * CLIENTS), { timeout: 60_000 });
}

test.each(strategies)(
  "mount targets that are killed, frozen or restarted cost no request, and no object (%s)",
  { timeout: TIMEOUT },
  async (strategy) => {
    const targets = await startLocalTargets();
    cleanups.push(() => targets.stop());
    const gates = await Promise.all(targets.addresses.map((address) => Gate.open(address)));
    cleanups.push(() => Promise.all(gates.map((gate) => gate.close())));
    const { log } = memoryLog();
    const router = await RoutedFiles.start(tableOf(gates), {
      connect: connectNfs,
      connectTimeout: 500,
      operationTimeout: 30_000,
      detectionTimeout: DETECTION_TIMEOUT,
      drainTimeout: 1_000,
      routing: { strategy, ownZone: "ap-northeast-1a" },
      rootDirectory: `${targets.root}/data`,
      log,
    });
    cleanups.push(() => router.close());
    await router.makeDirectory(filePath(BUCKET));
    const { url } = await startS3ServerOver(router, log);
    const until = (index: number, connected: boolean) =>
      vi.waitFor(() => expect(router.targets[index]?.connection !== undefined).toBe(connected), {
        timeout: 60_000,
        interval: 5,
      });

    const load = startLoad(url);
    for (let cycle = 0; cycle < rounds(1, 8); cycle++) {
      for (const [kind, offset] of [
        ["killed", 0],
        ["frozen", 1],
        ["restarted", 2],
      ] as const) {
        const index = (offset + cycle) % 3;
        await someOperations(load);
        await gates[index]?.set(kind === "frozen" ? "frozen" : "shut");
        if (kind === "restarted") await targets.restart(index);
        await until(index, false);
        await someOperations(load);
        await gates[index]?.set("open");
        await until(index, true);
      }
    }
    await expectNothingWrong(load, `failover, ${strategy}`);
    await expect.poll(() => router.memory.reserved).toBe(0);
  },
);

test("a new mount target, and new tasks in place of the old ones, cost no request, and no object", {
  timeout: TIMEOUT,
}, async () => {
  const stack = await startStack({
    tasks: 2,
    mountTargets: 2,
    fileCountThreshold: 1_000,
    rollout: "hot-reload",
    monitorInterval: 300,
    mountTargetCreationDelay: 300,
    s3: { port: 0, accessKey: OWNER, bucket: BUCKET },
    log: () => {},
    onMonitorRun: () => {},
    signal: new AbortController().signal,
  });
  cleanups.push(() => stack.close());
  const load = startLoad(stack.s3Url ?? "");
  await someOperations(load);

  const directory = join(stack.fileSystemPath, TARGET_DIRECTORY, "more");
  await mkdir(directory);
  for (let file = 0; file <= 1_000; file++) await writeFile(join(directory, `${file}`), "");
  await vi.waitFor(
    async () => {
      for (const url of stack.taskUrls()) {
        const requests = (await targetsOf(url)).map((target) => target.requests);
        expect(requests).toHaveLength(3);
        expect(Math.min(...requests)).toBeGreaterThan(0);
      }
    },
    { timeout: 60_000, interval: 50 },
  );

  const { ecs } = clients(stack.controlPlane.url);
  for (let roll = 0; roll < rounds(1, 5); roll++) {
    await someOperations(load);
    const before = stack.taskUrls();
    await ecs.send(
      new UpdateServiceCommand({ cluster: CLUSTER_NAME, service: SERVICE_NAME, forceNewDeployment: true }),
    );
    await vi.waitFor(
      () => {
        const now = stack.taskUrls();
        expect(now).toHaveLength(2);
        for (const url of now) expect(before).not.toContain(url);
      },
      { timeout: 60_000, interval: 50 },
    );
  }
  await someOperations(load);
  await expectNothingWrong(load, "scale-out and new tasks");
});

test("workers that are killed cost no request, and no object", { timeout: TIMEOUT }, async () => {
  const { router, url, close } = await startS3Router([OWNER], { ROUTER_WORKERS: "3" });
  cleanups.push(close);
  const created = await fetch(`${router.url}/files/${BUCKET}/first`, { method: "PUT", body: "" });
  expect(created.status).toBe(201);
  const listening = () => router.lines.filter(({ msg }) => msg.startsWith("Worker listening")).length;
  const load = startLoad(url);
  for (let kill = 1; kill <= rounds(2, 8); kill++) {
    await someOperations(load);
    const [worker = 0] = await childrenOf(router.child.pid);
    process.kill(worker, "SIGKILL");
    await vi.waitFor(() => expect(listening()).toBe(3 + kill), { timeout: 60_000, interval: 20 });
  }
  await expectNothingWrong(load, "killed workers");
});

/** What clients notice when a mount target fails under load. */
import { setTimeout as sleep } from "node:timers/promises";
import { createFileClient } from "../../local/demo/file-client.ts";
import { FaultProxy } from "../../tests/support/fault-proxy.ts";
import type { RouterProcess } from "../../tests/support/router-bundle.ts";
import { type FileService, startFileService } from "../file-service.ts";
import { makeFileTree } from "../file-tree/file-tree.ts";
import { summarize } from "../judgement.ts";
import { type Bench, boundedFigure, type Figure, type Row, valueAtMost } from "../row.ts";

const MOUNT_TARGETS = 3;
const CLIENTS = 64;
/** Every so many requests is a write. */
const WRITE_EVERY = 8;
const FILES = 1_000;
const FILE_BYTES = 4 * 1024;
/** The router's default. */
const DETECTION = 2_000;
/** Milliseconds before the failure, and after it. */
const BEFORE = 1_000;
const AFTER = 3_000;
const CONNECT_TIMEOUT = 20_000;

export const failover: Row = {
  name: "failover",
  what: `${CLIENTS} clients read and write 4 KiB files over three mount targets, and one of them fails, each in turn`,
  seconds: 37,
  measure,
};

async function measure(bench: Bench): Promise<Figure[]> {
  const service = await startFileService(bench, { mountTargets: MOUNT_TARGETS });
  await makeFileTree(`${service.directory}/read`, { files: FILES, bytes: FILE_BYTES });
  return [...(await whenOneEnds(bench, service)), ...(await whenOneFallsSilent(bench, service))];
}

/** Its connections are reset, and new ones refused. */
async function whenOneEnds(bench: Bench, service: FileService): Promise<Figure[]> {
  const router = await service.startRouter(service.addresses);
  const rounds: Round[] = [];
  for (const address of service.addresses) {
    bench.progress(`the target at ${address.host} ends`);
    rounds.push(await failUnderLoad(bench, router, () => service.stopMountTarget(address)));
    await service.startMountTarget(address);
  }
  return figures("one ends", rounds);
}

/** It accepts connections and requests, and answers none. */
async function whenOneFallsSilent(bench: Bench, service: FileService): Promise<Figure[]> {
  const proxies = await Promise.all(service.addresses.map((address) => FaultProxy.start(address)));
  const router = await service.startRouter(proxies);
  for (const proxy of proxies) bench.cleanups.add(() => proxy.stop());
  const rounds: Round[] = [];
  for (const [index, proxy] of proxies.entries()) {
    bench.progress(`target ${index + 1} falls silent`);
    const fallSilent = async () => {
      proxy.faults = () => "half-open";
    };
    rounds.push(await failUnderLoad(bench, router, fallSilent));
    proxy.faults = () => undefined;
  }
  return figures("one falls silent", rounds);
}

interface Round {
  readonly requests: number;
  readonly failed: number;
  /** Milliseconds of the slowest one since the failure, above the median of those before it. */
  readonly addedToReads: number;
  readonly addedToWrites: number;
}

async function failUnderLoad({ signal }: Bench, router: RouterProcess, fail: () => Promise<void>): Promise<Round> {
  await untilConnected(router, signal);
  const client = createFileClient(router.url);
  const content = Buffer.alloc(FILE_BYTES);
  const reads: number[] = [];
  const writes: number[] = [];
  let requests = 0;
  let failed = 0;
  let stopping = false;
  const work = async () => {
    while (!stopping && !signal.aborted) {
      const number = requests++;
      const file = `file-${number % FILES}`;
      const isWrite = number % WRITE_EVERY === 0;
      const start = performance.now();
      try {
        await (isWrite ? client.put(`write/${file}`, content) : client.get(`read/${file}`));
      } catch {
        failed += 1;
      }
      (isWrite ? writes : reads).push(performance.now() - start);
    }
  };
  const workers = Promise.all(Array.from({ length: CLIENTS }, work));
  await sleep(BEFORE, undefined, { signal });
  const [usualRead, usualWrite] = [summarize(reads).median, summarize(writes).median];
  reads.length = 0;
  writes.length = 0;
  await fail();
  await sleep(AFTER, undefined, { signal });
  stopping = true;
  await workers;
  client.close();
  return {
    requests,
    failed,
    addedToReads: summarize(reads).max - usualRead,
    addedToWrites: summarize(writes).max - usualWrite,
  };
}

/** Waits until the target that failed in the last round is back. */
async function untilConnected(router: RouterProcess, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + CONNECT_TIMEOUT;
  for (;;) {
    const targets = await router.targets();
    if (targets.every(({ state }) => state === "connected")) return;
    if (Date.now() > deadline) throw new Error("A mount target that is back was not connected to again");
    await sleep(100, undefined, { signal });
  }
}

function figures(failure: string, rounds: readonly Round[]): Figure[] {
  const added = (request: string, milliseconds: (round: Round) => number): Figure => ({
    name: `${failure}, added to the slowest ${request}`,
    unit: "ms",
    better: "lower",
    ours: rounds.map(milliseconds),
    goal: valueAtMost(DETECTION),
  });
  return [
    boundedFigure(
      `${failure}, failed requests`,
      rounds.reduce((sum, { failed }) => sum + failed, 0),
      0,
    ),
    {
      name: `${failure}, requests`,
      unit: "",
      better: "higher",
      ours: [rounds.reduce((sum, { requests }) => sum + requests, 0)],
    },
    added("read", ({ addedToReads }) => addedToReads),
    added("write", ({ addedToWrites }) => addedToWrites),
  ];
}

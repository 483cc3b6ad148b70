/**
 * Whether the router is a bottleneck: over one, two and three servers, each with the same bandwidth. It says nothing of
 * Amazon EFS, which documents its limits per file system.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createFileClient, type FileClient } from "../../local/demo/file-client.ts";
import { type FileService, startFileService } from "../file-service.ts";
import { makeFileTree } from "../file-tree/file-tree.ts";
import { interleave } from "../interleave.ts";
import { type Bench, type Figure, type Goal, type Row, ratioAtLeast, valueAtMost } from "../row.ts";

const MEGABYTE = 1e6;
/** So little that all three together leave the two cores of a small machine idle for more than half of the time. */
const CAP = 8 * MEGABYTE;
const CLIENTS = 96;
const FILE_BYTES = 64 * 1024;
/** So many that the targets' shares of them differ by about one percent. */
const FILES = 20_000;
const ROUNDS = 2;
/** Milliseconds until every target has a queue. */
const WARM_UP = 800;
/** Milliseconds. */
const WINDOW = 1_500;

export const scaling: Row = {
  name: "scaling",
  what: `${CLIENTS} clients at a router, with files of 64 KiB; ${CAP / MEGABYTE} MB/s through each mount target`,
  seconds: 32,
  measure,
};

async function measure(bench: Bench): Promise<Figure[]> {
  const service = await startFileService(bench, { mountTargets: 3, bytesPerSecond: CAP });
  await makeFileTree(join(service.directory, "read"), { files: FILES, bytes: FILE_BYTES });
  const content = Buffer.alloc(FILE_BYTES, "efs");
  const read = await scale(bench, service, "read", async (client) => {
    await client.get(`read/file-${anyFile()}`);
  });
  const write = await scale(bench, service, "write", (client) => client.put(`write/file-${anyFile()}`, content));
  return [...read, ...write];
}

async function scale(
  bench: Bench,
  service: FileService,
  name: string,
  request: (client: FileClient) => Promise<void>,
): Promise<Figure[]> {
  const over = async (mountTargets: number) => {
    const router = await service.startRouter(service.addresses.slice(0, mountTargets));
    return () => megabytesPerSecond(bench, router.url, request);
  };
  const { one, two, three } = await interleave(bench, name, ROUNDS, {
    one: await over(1),
    two: await over(2),
    three: await over(3),
  });
  const figures = (mountTargets: number, values: number[], goal: Goal): Figure[] => [
    {
      name: `${name}, ${mountTargets} targets`,
      unit: "MB/s",
      better: "higher",
      ours: values,
      peer: { name: "1 target", values: one },
      goal,
    },
    {
      name: `${name}, ${mountTargets} targets, of their bandwidth`,
      unit: "%",
      better: "higher",
      ours: values.map((value) => ((value * MEGABYTE) / (mountTargets * CAP)) * 100),
      goal: valueAtMost(100),
    },
  ];
  return [...figures(2, two, ratioAtLeast(1.95)), ...figures(3, three, ratioAtLeast(2.9))];
}

/** Counts the files that arrive within a window of time, in which all clients are busy. */
async function megabytesPerSecond(
  { signal }: Bench,
  url: string,
  request: (client: FileClient) => Promise<void>,
): Promise<number> {
  const client = createFileClient(url);
  let files = 0;
  let stopping = false;
  const work = async () => {
    for (; !stopping && !signal.aborted; files++) await request(client);
  };
  const workers = Promise.all(Array.from({ length: CLIENTS }, work));
  try {
    await Promise.race([workers, sleep(WARM_UP)]);
    const before = files;
    const start = performance.now();
    await Promise.race([workers, sleep(WINDOW)]);
    return ((files - before) * FILE_BYTES) / 1000 / (performance.now() - start);
  } finally {
    stopping = true;
    await workers;
    client.close();
  }
}

function anyFile(): number {
  return Math.floor(Math.random() * FILES);
}

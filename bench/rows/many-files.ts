/** Whole directories of small files over HTTP, against one request for each file. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createFileClient, type FileClient } from "../../local/demo/file-client.ts";
import type { RouterProcess } from "../../tests/support/router-bundle.ts";
import { startFileService } from "../file-service.ts";
import { interleave } from "../interleave.ts";
import { startDelayProxy } from "../nfs/delay-proxy.ts";
import { type Exported, startGanesha } from "../nfs/servers.ts";
import { peakMemoryOf } from "../peak-memory.ts";
import { compilePeer } from "../peers/compile.ts";
import { type Bench, boundedFigure, type Figure, type Goal, type Row, ratioAtLeast, valueAtLeast } from "../row.ts";

export const manyFiles: Row = {
  name: "many-files",
  what: "20,000 files of 4 KiB in one request: as an archive, extracted, deleted; beside one request a file over 64 connections",
  seconds: 150,
  check,
  measure,
};

const FILES = 20_000;
const CHECKED_FILES = 2_000;
const FILES_IN_DIRECTORY = 1_000;
const BATCH = 1_000;
const BYTES = 4_096;
const CONNECTIONS = 64;
/** Requests with one file each. */
const SINGLE = 4_000;
const ROUNDS = 3;
const DELAYS = [0, 2];
const MEGABYTE = 1e6;

/** nfs-ganesha executes 100 operations in a COMPOUND: three a file make 33 files. */
const MAX_COMPOUNDS = 40;
/** Above idle, for any number of files. */
const MAX_MEGABYTES = 96;

async function check(bench: Bench): Promise<Figure[]> {
  const server = await startGanesha(bench);
  if (server === undefined) return [];
  await makeFiles(server, CHECKED_FILES);
  const router = await startRouterAt(bench, server);
  const idle = memoryOf(router);
  bench.progress(`${BATCH} files in one batch`);
  const paths = Array.from({ length: BATCH }, (_, index) => `many/0/${index}`);
  const reads = await compoundsOf(router, () => batch(router, "read", paths));
  const stats = await compoundsOf(router, () => batch(router, "stat", paths));
  bench.progress(`${CHECKED_FILES} files as an archive`);
  const archive = await compoundsOf(router, () => readArchive(router));
  const deletion = await compoundsOf(router, () => deleteTree(router, "many"));
  const thousands = CHECKED_FILES / 1_000;
  return [
    boundedFigure(`COMPOUNDs to read ${BATCH} files in a batch`, reads, MAX_COMPOUNDS),
    boundedFigure(`COMPOUNDs to look at ${BATCH} files in a batch`, stats, MAX_COMPOUNDS),
    boundedFigure("COMPOUNDs per 1,000 files of an archive", archive / thousands, 55),
    boundedFigure("COMPOUNDs per 1,000 files of a tree that is deleted", deletion / thousands, 25),
    boundedFigure("peak memory above idle", (memoryOf(router) - idle) / MEGABYTE, MAX_MEGABYTES, "MB"),
  ];
}

async function measure(bench: Bench): Promise<Figure[]> {
  const server = await startGanesha(bench);
  const program = await compilePeer(bench, "delay-proxy.c");
  if (server === undefined || program === undefined) return [];
  await makeFiles(server, FILES);
  const figures: Figure[] = [];
  for (const delay of DELAYS) {
    const at = delay === 0 ? server : await startDelayProxy(bench, program, server, delay);
    figures.push(...(await measureAt(bench, at, delay)));
  }
  return figures;
}

async function measureAt(bench: Bench, server: Exported, delay: number): Promise<Figure[]> {
  const router = await startRouterAt(bench, server);
  const client = createFileClient(router.url);
  bench.cleanups.add(async () => client.close());
  const content = Buffer.alloc(BYTES, "n");
  const idle = memoryOf(router);
  const archive = await readArchive(router);
  const compare = async (
    name: string,
    goal: Goal,
    ours: () => Promise<unknown>,
    single: (client: FileClient, index: number) => Promise<unknown>,
  ): Promise<Figure> => {
    const samples = await interleave<{ ours: number; single: number }>(bench, `${name}, ${delay} ms`, ROUNDS, {
      ours: () => perSecond(FILES, ours),
      single: () => perSecond(SINGLE, () => forEach(SINGLE, (index) => single(client, index))),
    });
    const peer = { name: `one request a file, ${CONNECTIONS} connections`, values: samples.single };
    return { name: `${name}, ${delay} ms`, unit: "/s", better: "higher", ours: samples.ours, peer, goal };
  };
  const outDirectory = `out-${delay}`;
  const figures = [
    await compare(
      "archive",
      delay === 0 ? valueAtLeast(10_000) : ratioAtLeast(8),
      () => readArchive(router),
      (each, index) => each.get(pathOf(index)),
    ),
    await compare(
      "extract",
      ratioAtLeast(1.5),
      () => extract(router, outDirectory, archive),
      (each, index) => each.put(`single-${delay}/${index}`, content),
    ),
  ];
  const deletions = await interleave<{ ours: number; single: number }>(bench, `delete, ${delay} ms`, 1, {
    ours: () => perSecond(FILES, () => deleteTree(router, outDirectory)),
    single: () => perSecond(SINGLE, () => forEach(SINGLE, (index) => client.delete(`single-${delay}/${index}`))),
  });
  const peer = { name: `one request a file, ${CONNECTIONS} connections`, values: deletions.single };
  const goal = delay === 0 ? {} : { goal: ratioAtLeast(10) };
  figures.push({ name: `delete, ${delay} ms`, unit: "/s", better: "higher", ours: deletions.ours, peer, ...goal });
  const peak = (memoryOf(router) - idle) / MEGABYTE;
  figures.push(boundedFigure(`peak memory above idle, ${delay} ms`, peak, MAX_MEGABYTES, "MB"));
  await router.stop();
  return figures;
}

/** A router over this server alone. */
async function startRouterAt(bench: Bench, { host, port, path }: Exported): Promise<RouterProcess> {
  const service = await startFileService(bench, { mountTargets: 1 });
  return service.startRouter([{ host, port }], { ROOT_DIRECTORY: path });
}

const directoryOf = (index: number) => `many/${Math.floor(index / FILES_IN_DIRECTORY)}`;
const pathOf = (index: number) => `${directoryOf(index)}/${index}`;

async function makeFiles({ directory }: Exported, files: number): Promise<void> {
  const content = Buffer.alloc(BYTES, "n");
  for (let index = 0; index < files; index++) {
    if (index % FILES_IN_DIRECTORY === 0) await mkdir(join(directory, directoryOf(index)), { recursive: true });
    await writeFile(join(directory, pathOf(index)), content);
  }
}

async function compoundsOf(router: RouterProcess, act: () => Promise<unknown>): Promise<number> {
  const compounds = async () => (await router.targets()).reduce((sum, target) => sum + target.compounds, 0);
  const before = await compounds();
  await act();
  return (await compounds()) - before;
}

async function batch(router: RouterProcess, operation: "read" | "stat", paths: readonly string[]): Promise<void> {
  const items = paths.map((path) => ({ operation, path }));
  const response = await request(router, "POST", "/batch", JSON.stringify({ items }));
  const lines = (await response.text()).trimEnd().split("\n");
  const failed = lines.find((line) => !line.includes('"status":200'));
  if (lines.length !== paths.length || failed !== undefined) throw new Error(`The batch was answered with ${failed}`);
}

async function readArchive(router: RouterProcess): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await request(router, "GET", "/files/many/?archive=tar")).arrayBuffer());
}

async function extract(router: RouterProcess, directory: string, archive: Uint8Array<ArrayBuffer>): Promise<void> {
  await (await request(router, "PUT", `/files/${directory}/?extract=tar`, archive)).text();
}

async function deleteTree(router: RouterProcess, directory: string): Promise<void> {
  const lines = await (await request(router, "DELETE", `/files/${directory}/?recursive`)).text();
  if (!lines.includes('"complete":true')) throw new Error(`The tree was not deleted: ${lines.slice(-500)}`);
}

async function request(
  { url }: RouterProcess,
  method: string,
  path: string,
  body?: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const response = await fetch(url + path, { method, ...(body !== undefined && { body }) });
  if (response.status !== 200) throw new Error(`${method} ${path} was answered with ${response.status}`);
  return response;
}

async function perSecond(count: number, act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return count / ((performance.now() - start) / 1_000);
}

async function forEach(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}

/** The most bytes that a router has held. */
function memoryOf({ child }: RouterProcess): number {
  return peakMemoryOf(child.pid);
}

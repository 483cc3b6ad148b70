/** Whole directories of small files over HTTP, against one request for each file. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createFileClient } from "../../local/demo/file-client.ts";
import type { RouterProcess } from "../../tests/support/router-bundle.ts";
import { compoundsOf } from "../compounds-of.ts";
import { startFileService } from "../file-service.ts";
import { makeFileTree } from "../file-tree/file-tree.ts";
import { interleave } from "../interleave.ts";
import { type ClientProgram, libnfs } from "../nfs/clients.ts";
import { startDelayProxy } from "../nfs/delay-proxy.ts";
import { type Exported, startGanesha } from "../nfs/servers.ts";
import { operationsPerSecond } from "../nfs/small-files.ts";
import { peakMemoryOf } from "../peak-memory.ts";
import { compilePeer } from "../peers/compile.ts";
import { type Curl, parallelCurl, type Transfer } from "../peers/curl.ts";
import { perSecond } from "../per-second.ts";
import { type Bench, boundedFigure, type Figure, type Goal, type Row, ratioAtLeast, valueAtLeast } from "../row.ts";

export const manyFiles: Row = {
  name: "many-files",
  what: "20,000 files of 4 KiB in one request: as an archive, extracted, deleted; beside one request a file over 64 connections",
  seconds: 68,
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
const SINGLE = 2_000;
/** Of a tree that is deleted. */
const TREE = { files: 100_000, levels: 2 };
const ROUNDS = 2;
/** That libnfs reads one file after the other. */
const LIBNFS_SECONDS = 0.7;
const DELAYS = [0, 2];
const MEGABYTE = 1e6;
const SINGLE_REQUESTS = `one request a file, ${CONNECTIONS} connections`;

/** nfs-ganesha executes 100 operations in a COMPOUND: three a file make 33 files. */
const MAX_COMPOUNDS = 40;
/** Above idle, for any number of files. */
const MAX_MEGABYTES = 96;

async function check(bench: Bench): Promise<Figure[]> {
  const server = await startGanesha(bench);
  if (server === undefined) return [];
  await makeFiles(server, CHECKED_FILES);
  const router = await startRouterAt(bench, server);
  const idle = peakMemoryOf(router.child.pid);
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
    boundedFigure("peak memory above idle", (peakMemoryOf(router.child.pid) - idle) / MEGABYTE, MAX_MEGABYTES, "MB"),
  ];
}

interface Peers {
  readonly curl: Curl | undefined;
  readonly libnfs: ClientProgram | undefined;
}

async function measure(bench: Bench): Promise<Figure[]> {
  const server = await startGanesha(bench);
  const program = await compilePeer(bench, "delay-proxy.c");
  if (server === undefined || program === undefined) return [];
  await makeFiles(server, FILES);
  const peers: Peers = { curl: await parallelCurl(bench, CONNECTIONS), libnfs: await libnfs(bench) };
  const figures: Figure[] = [];
  for (const delay of DELAYS) {
    const at = delay === 0 ? server : await startDelayProxy(bench, program, server, delay);
    figures.push(...(await measureAt(bench, at, delay, peers)));
  }
  return figures;
}

/** The same files, once as a whole and once in requests of their own, in files a second. */
interface Comparison {
  readonly goal: Goal;
  readonly ours: () => Promise<unknown>;
  readonly single: (index: number) => Promise<unknown>;
  readonly curl: (index: number) => Transfer;
  /** What libnfs does in a second, one file after the other, where it has the same to do. */
  readonly libnfs?: (() => Promise<number>) | undefined;
}

async function measureAt(bench: Bench, server: Exported, delay: number, peers: Peers): Promise<Figure[]> {
  const router = await startRouterAt(bench, server);
  const client = createFileClient(router.url);
  bench.cleanups.add(async () => client.close());
  const content = Buffer.alloc(BYTES, "n");
  const idle = peakMemoryOf(router.child.pid);
  const archive = await readArchive(router);
  const { curl, libnfs: reader } = peers;
  const compare = async (what: string, comparison: Comparison): Promise<Figure[]> => {
    const name = `${what}, ${delay} ms`;
    const transfers = Array.from({ length: SINGLE }, (_, index) => comparison.curl(index));
    const samples = await interleave<Record<"ours" | "single" | "curl" | "libnfs", number>>(bench, name, ROUNDS, {
      ours: () => perSecond(FILES, comparison.ours),
      single: () => perSecond(SINGLE, () => forEach(SINGLE, comparison.single)),
      curl: curl && (() => perSecond(SINGLE, () => curl(transfers))),
      libnfs: comparison.libnfs,
    });
    const figure = { name, unit: "/s", better: "higher", ours: samples.ours } as const;
    return [
      { ...figure, peer: { name: SINGLE_REQUESTS, values: samples.single }, goal: comparison.goal },
      { ...figure, peer: { name: `curl --parallel, ${CONNECTIONS} at most`, values: samples.curl } },
      ...(comparison.libnfs === undefined
        ? []
        : [{ ...figure, peer: { name: "libnfs, one file after the other", values: samples.libnfs } }]),
    ];
  };
  const outDirectory = `out-${delay}`;
  const source = join(server.directory, pathOf(0));
  const figures = [
    ...(await compare("archive", {
      goal: delay === 0 ? valueAtLeast(10_000) : ratioAtLeast(8),
      ours: () => readArchive(router),
      single: (index) => client.get(pathOf(index)),
      curl: (index) => ({ url: `${router.url}/files/${pathOf(index)}` }),
      libnfs: reader && (() => readOneByOne(reader, server)),
    })),
    ...(await compare("extract", {
      goal: ratioAtLeast(1.5),
      ours: () => extract(router, outDirectory, archive),
      single: (index) => client.put(`single-${delay}/${index}`, content),
      curl: (index) => ({ url: `${router.url}/files/curl-${delay}/${index}`, upload: source }),
    })),
  ];
  // The round trips are what a tree saves: without them a smaller one says as much.
  const tree = delay === 0 ? outDirectory : `tree-${delay}`;
  if (delay > 0) await makeFileTree(join(server.directory, tree), TREE);
  const count = delay === 0 ? FILES : TREE.files;
  const deletions = await interleave<{ ours: number; single: number }>(bench, `delete, ${delay} ms`, 1, {
    ours: () => perSecond(count, () => deleteTree(router, tree)),
    single: () => perSecond(SINGLE, () => forEach(SINGLE, (index) => client.delete(`single-${delay}/${index}`))),
  });
  figures.push({
    name: `delete a tree of ${count.toLocaleString("en-US")}, ${delay} ms`,
    unit: "/s",
    better: "higher",
    ours: deletions.ours,
    peer: { name: SINGLE_REQUESTS, values: deletions.single },
    ...(delay > 0 && { goal: ratioAtLeast(10) }),
  });
  const peak = (peakMemoryOf(router.child.pid) - idle) / MEGABYTE;
  figures.push(boundedFigure(`peak memory above idle, ${delay} ms`, peak, MAX_MEGABYTES, "MB"));
  await router.stop();
  return figures;
}

/** Files a second of a directory of the archive. Started anew each time: an idle libnfs loses its lease. */
async function readOneByOne(program: ClientProgram, server: Exported): Promise<number> {
  const at = { ...server, path: `${server.path}/${directoryOf(0)}` };
  const reader = await program.start(at, "reads", 1, FILES_IN_DIRECTORY, BYTES);
  const measured = await reader.measure(LIBNFS_SECONDS);
  await reader.end();
  return operationsPerSecond(measured);
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

async function forEach(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}

/** First counts of a tree, and those that go on from them after some of its directories have changed. */
import { readdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { connectNfs } from "nfs-client";
import { makeFileTree } from "../file-tree/file-tree.ts";
import { type ClientProgram, libnfs, type Measured, recountProgram } from "../nfs/clients.ts";
import { startDelayProxy } from "../nfs/delay-proxy.ts";
import { type Exported, startGanesha, startLocalServer } from "../nfs/servers.ts";
import { compilePeer } from "../peers/compile.ts";
import { type Bench, boundedFigure, type Figure, ratioAtMost, valueAtMost } from "../row.ts";

/** 11,111 directories, of 45 files each. */
const FILES = 500_000;
const LEVELS = 4;
/** Milliseconds: without one this machine decides, and not the network. */
const DELAY = 2;
const SHARES = [0, 0.01, 1];

const FIRST = 0;
const AGAIN = 1;

/** Longer than it takes until what has changed is settled. */
const REST = 1_000;

/** What does not depend on the machine. */
export async function checkRecounts(bench: Bench): Promise<Figure[]> {
  const server = await startLocalServer(bench);
  const tree = await makeTree(server, "checked", 20_000, 3);
  const change = await nfsChanger(bench, tree);
  const counts = await countAll(bench, await recountProgram(bench), tree, [0.01], change);
  const { first, recounts } = counts;
  const [recount] = recounts;
  if (recount === undefined) return [];
  const hundreds = first.directories / 100;
  return [
    boundedFigure("round trips of a recount with 1 % changed, per 100 directories", recount.compounds / hundreds, 5),
    boundedFigure("bytes kept of a directory and its name", keptBytesEach(first), 40, "B"),
  ];
}

/** @param directory a deep tree on the disk of this machine; files are added to it. */
export async function measureRecounts(bench: Bench, directory: string): Promise<Figure[]> {
  const program = await recountProgram(bench);
  const local: Exported = { host: "-", port: 0, path: directory, directory };
  const change = (paths: readonly string[], name: string) =>
    eachOf(paths, (path) => writeFile(join(directory, path, name), ""));
  const onDisk = await countAll(bench, program, local, SHARES, change);
  return [...localFigures(onDisk), ...(await measureOverNfs(bench, program))];
}

async function measureOverNfs(bench: Bench, program: ClientProgram): Promise<Figure[]> {
  const server = await startGanesha(bench);
  const delayProxy = await compilePeer(bench, "delay-proxy.c");
  if (server === undefined || delayProxy === undefined) return [];
  const peer = await libnfs(bench);
  bench.progress(`recounts: making ${FILES} files on an NFS server`);
  const tree = await makeTree(server, "counted", FILES, LEVELS);
  const change = await nfsChanger(bench, tree);
  const at = await startDelayProxy(bench, delayProxy, tree, DELAY);
  const counts = await countAll(bench, program, at, SHARES, change);
  bench.progress("recounts: libnfs walks");
  const walked = peer && (await walkTenth(peer, at));
  return nfsFigures(counts, walked);
}

/** Seconds in which libnfs walks the tree, by one of the ten directories in it: all of them take it a minute. */
async function walkTenth(peer: ClientProgram, tree: Exported): Promise<number> {
  const entries = await readdir(tree.directory, { withFileTypes: true });
  const name = entries.find((entry) => entry.isDirectory())?.name;
  const walk = await peer.start({ ...tree, path: `${tree.path}/${name}` }, "walk");
  const { seconds } = await walk.measure();
  await walk.end();
  return 10 * seconds;
}

interface Counts {
  readonly first: Measured;
  /** By share of changed directories, as in {@link SHARES}. */
  readonly recounts: readonly Measured[];
}

/** Counts all, and again after changes in each share of the directories. @throws {Error} when a count is wrong. */
async function countAll(
  bench: Bench,
  program: ClientProgram,
  tree: Exported,
  shares: readonly number[],
  change: Change,
): Promise<Counts> {
  const paths = await directoriesIn(tree.directory);
  const counting = await program.start(tree);
  await rest();
  bench.progress("recounts: the first count");
  // The second time, both sides find the directories in the caches, and V8 has compiled.
  await counting.measure(FIRST);
  const first = await counting.measure(FIRST);
  const recounts: Measured[] = [];
  let files = first.operations;
  for (const share of shares) {
    bench.progress(`recounts: ${share * 100} % of directories changed`);
    const changed = share === 0 ? [] : paths.filter((_, index) => index % Math.round(1 / share) === 0);
    await change(changed, `changed-${share}-${tree.port}`);
    files += changed.length;
    await rest();
    const recount = await counting.measure(AGAIN);
    if (recount.operations !== files) throw new Error(`${recount.operations} files were counted instead of ${files}`);
    recounts.push(recount);
  }
  await counting.end();
  return { first, recounts };
}

type Change = (paths: readonly string[], name: string) => Promise<void>;

/** Changes go through the server: it does not look at once for what changes behind its back. */
async function nfsChanger({ cleanups }: Bench, { host, port, path }: Exported): Promise<Change> {
  const client = await connectNfs({ host, port });
  cleanups.add(() => client.close());
  return (paths, name) =>
    eachOf(paths, (directory) => client.writeFile(`${path}/${directory}/${name}`, Buffer.of()).then(() => undefined));
}

async function eachOf(paths: readonly string[], change: (path: string) => Promise<void>): Promise<void> {
  const AT_ONCE = 32;
  const rest = paths.values();
  const worker = async () => {
    for (const path of rest) await change(path);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function directoriesIn(root: string): Promise<string[]> {
  const paths = [""];
  for (const path of paths) {
    const entries = await readdir(join(root, path), { withFileTypes: true });
    for (const entry of entries) if (entry.isDirectory()) paths.push(relative(root, join(root, path, entry.name)));
  }
  return paths;
}

async function makeTree(server: Exported, name: string, files: number, levels: number): Promise<Exported> {
  const directory = join(server.directory, name);
  await makeFileTree(directory, { files, levels });
  return { ...server, path: `${server.path}/${name}`, directory };
}

const rest = () => new Promise<void>((resolve) => setTimeout(resolve, REST));

const keptBytesEach = ({ keptBytes, directories }: Measured) => keptBytes / directories;

function localFigures({ first, recounts }: Counts): Figure[] {
  return [
    seconds("first count, local disk", first),
    ...recounts.map((recount, index) => againstFirst("local disk", index, recount, first)),
    {
      name: "bytes kept of a directory and its name",
      unit: "B",
      better: "lower",
      ours: [keptBytesEach(first)],
      goal: valueAtMost(40),
    },
  ];
}

function nfsFigures({ first, recounts }: Counts, walked: number | undefined): Figure[] {
  const where = `NFS, ${DELAY} ms`;
  return [
    {
      ...seconds(`first count, ${where}`, first),
      peer: { name: "libnfs, a tenth", values: walked === undefined ? [] : [walked] },
      goal: ratioAtMost(1 / 5),
    },
    ...recounts.flatMap((recount, index) => [
      againstFirst(where, index, recount, first),
      ...traffic(index, recount, first),
      ...(SHARES[index] === 0.01
        ? [boundedFigure(`recount, ${where}, 1 % changed, time`, recount.seconds, 2, "s")]
        : []),
    ]),
  ];
}

const seconds = (name: string, { seconds }: Measured): Figure => ({
  name,
  unit: "s",
  better: "lower",
  ours: [seconds],
});

function againstFirst(where: string, index: number, recount: Measured, first: Measured): Figure {
  const goal = SHARES[index] === 0.01 ? { goal: ratioAtMost(0.1) } : {};
  const name = `recount, ${where}, ${percent(index)} changed`;
  return { ...seconds(name, recount), peer: { name: "first count", values: [first.seconds] }, ...goal };
}

function traffic(index: number, recount: Measured, first: Measured): Figure[] {
  const goal = SHARES[index] === 0.01 ? { goal: ratioAtMost(0.03) } : {};
  const figure = (name: string, unit: string, of: (measured: Measured) => number): Figure => ({
    name: `${name} of a recount, ${percent(index)} changed`,
    unit,
    better: "lower",
    ours: [of(recount)],
    peer: { name: "first count", values: [of(first)] },
    ...goal,
  });
  return [
    figure("round trips", "", ({ compounds }) => compounds),
    figure("traffic", "MB", ({ bytesReceived }) => bytesReceived / 1e6),
  ];
}

const percent = (index: number) => `${(SHARES[index] ?? 0) * 100} %`;

/** The monitor's count of a directory's files, on the disk of this machine. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { printedCount } from "../counting/printed-count.ts";
import { checkRecounts, measureRecounts } from "../counting/recounts.ts";
import { makeTemporaryFileTree } from "../file-tree/file-tree.ts";
import { interleave } from "../interleave.ts";
import { bundleProgram, runProgram } from "../program.ts";
import { type Bench, boundedFigure, type Figure, type Row, ratioAtMost, valueAtMost } from "../row.ts";

const FILES = 500_000;

export const counting: Row = {
  name: "counting",
  what: `The monitor counts ${FILES.toLocaleString("en-US")} files: on local disk as a process with its start, and again, also over NFS`,
  seconds: 55,
  check: async (bench) => [...(await checkMemory(bench)), ...(await checkRecounts(bench))],
  measure,
};

const ROUNDS = 2;
/** 11,111 directories, of 45 files each. */
const DEEP_LEVELS = 4;
/** The stack's own: directories, and threads that read them. */
const CONCURRENCY = "32";
const MEGABYTE = 1e6;
const MAX_MEGABYTES = 100;

const exec = promisify(execFile);

/** Ten times as many files must not take more memory, but for what the garbage collector has not got round to. */
async function checkMemory(bench: Bench): Promise<Figure[]> {
  const few = await peakMegabytes(bench, 20_000);
  const many = await peakMegabytes(bench, 200_000);
  return [
    boundedFigure("memory for 200,000 files", many, MAX_MEGABYTES, "MB"),
    boundedFigure("memory for 200,000 files above that for 20,000", Math.max(0, many - few), 20, "MB"),
  ];
}

async function peakMegabytes(bench: Bench, files: number): Promise<number> {
  const monitor = await bundleProgram("counting/monitor.ts");
  const tree = await makeTemporaryFileTree(bench, { files });
  return (await count(bench, files, [process.execPath, monitor, tree, CONCURRENCY])).peakBytes / MEGABYTE;
}

async function measure(bench: Bench): Promise<Figure[]> {
  bench.progress(`making ${FILES} files, twice`);
  const [flat, deep] = await Promise.all([
    makeTemporaryFileTree(bench, { files: FILES }),
    makeTemporaryFileTree(bench, { files: FILES, levels: DEEP_LEVELS }),
  ]);
  return [
    ...(await compare(bench, "flat", flat)),
    ...(await compare(bench, "deep", deep)),
    // These change the tree.
    ...(await measureRecounts(bench, deep)),
  ];
}

async function compare(bench: Bench, kind: string, tree: string): Promise<Figure[]> {
  const monitor = await bundleProgram("counting/monitor.ts");
  const fdir = await bundleProgram("counting/fdir.ts");
  const sides = {
    ours: () => timed(() => count(bench, FILES, [process.execPath, monitor, tree, CONCURRENCY])),
    find: () => timed(() => findCount(bench, FILES, tree)),
    fdir: () => timed(() => count(bench, FILES, [process.execPath, fdir, tree])),
  };
  // So that all of them find the directories in the page cache.
  await sides.find();
  const samples = await interleave(bench, kind, ROUNDS, sides);
  const seconds = ({ seconds }: { readonly seconds: number }) => seconds;
  const megabytes = ({ peakBytes }: { readonly peakBytes: number }) => peakBytes / MEGABYTE;
  const figure = { name: kind, unit: "s", better: "lower", ours: samples.ours.map(seconds) } as const;
  return [
    { ...figure, peer: { name: "find | wc", values: samples.find.map(seconds) }, goal: ratioAtMost(1.1) },
    { ...figure, peer: { name: "fdir", values: samples.fdir.map(seconds) } },
    {
      name: `${kind}, peak memory`,
      unit: "MB",
      better: "lower",
      ours: samples.ours.map(megabytes),
      peer: { name: "fdir", values: samples.fdir.map(megabytes) },
      goal: valueAtMost(MAX_MEGABYTES),
    },
  ];
}

async function timed<Counted>(count: () => Promise<Counted>): Promise<Counted & { readonly seconds: number }> {
  const start = performance.now();
  const counted = await count();
  return { ...counted, seconds: (performance.now() - start) / 1000 };
}

/** @throws {Error} when it counted something else than there is. */
async function count(bench: Bench, files: number, command: readonly [string, ...string[]]) {
  const counted = await runProgram(bench, printedCount, command, { UV_THREADPOOL_SIZE: CONCURRENCY });
  return mustBe(files, counted);
}

async function findCount({ signal }: Bench, files: number, tree: string) {
  const { stdout } = await exec("sh", ["-c", 'find "$1" ! -type d | wc -l', "sh", tree], { signal });
  return mustBe(files, { files: Number(stdout) });
}

function mustBe<Counted extends { files: number }>(files: number, counted: Counted): Counted {
  if (counted.files !== files) throw new Error(`${counted.files} files were counted instead of ${files}`);
  return counted;
}

/** Measures small files on one server, in a directory that it removes afterwards. */
import { randomBytes } from "node:crypto";
import type { NfsClient } from "../types.ts";
import { UNINTERRUPTED } from "./command.ts";

export interface BenchOptions {
  readonly files: number;
  /** Bytes in each file. */
  readonly size: number;
  /** Ends the measurement early; the files are removed even so. */
  readonly signal: AbortSignal;
  /** Called when a phase begins. */
  readonly onPhase: (name: string) => void;
}

/** Files per second, durable where written, and COMPOUNDs per file. */
export interface BenchResult {
  readonly sequentialReadsPerSecond: number;
  readonly concurrentReadsPerSecond: number;
  readonly sequentialWritesPerSecond: number;
  readonly concurrentWritesPerSecond: number;
  readonly compoundsPerRead: number;
  readonly compoundsPerWrite: number;
}

const AT_ONCE = 64;

/** Each of the small files is written whole or not at all: one that came late would keep the directory. */
const WHOLE = { signal: UNINTERRUPTED };

export async function runBench(client: NfsClient, parent: string, options: BenchOptions): Promise<BenchResult> {
  const { files, size, signal, onPhase } = options;
  const directory = `${parent}/nfs-bench-${randomBytes(6).toString("hex")}`;
  const paths = Array.from({ length: files }, (_, index) => `${directory}/${index}`);
  const data = randomBytes(size);
  const writeOne = async (path: string) => {
    await client.writeFile(path, data, WHOLE);
  };
  const readOne = async (path: string) => {
    const read = await client.readFile(path, WHOLE);
    if (!read.data.equals(data)) throw new Error(`${path} was read with other bytes than were written`);
  };
  const measure = async (phase: string, atOnce: number, each: (path: string) => Promise<void>) => {
    onPhase(phase);
    const before = client.statistics().compounds;
    const start = performance.now();
    await forEach(paths, atOnce, async (path) => {
      signal.throwIfAborted();
      await each(path);
    });
    const seconds = (performance.now() - start) / 1000;
    return { perSecond: Math.round(files / seconds), compounds: (client.statistics().compounds - before) / files };
  };

  await client.makeDirectory(directory, { ...WHOLE, recursive: true });
  try {
    const sequentialWrites = await measure("sequential writes", 1, writeOne);
    const sequentialReads = await measure("sequential reads", 1, readOne);
    const concurrentWrites = await measure("concurrent writes", AT_ONCE, writeOne);
    const concurrentReads = await measure("concurrent reads", AT_ONCE, readOne);
    return {
      sequentialReadsPerSecond: sequentialReads.perSecond,
      concurrentReadsPerSecond: concurrentReads.perSecond,
      sequentialWritesPerSecond: sequentialWrites.perSecond,
      concurrentWritesPerSecond: concurrentWrites.perSecond,
      compoundsPerRead: Math.max(sequentialReads.compounds, concurrentReads.compounds),
      compoundsPerWrite: Math.max(sequentialWrites.compounds, concurrentWrites.compounds),
    };
  } finally {
    onPhase("removing");
    await removeTree(client, directory);
  }
}

async function removeTree(client: NfsClient, directory: string): Promise<void> {
  const names: string[] = [];
  for await (const { name } of client.readDirectory(directory, WHOLE)) names.push(name);
  await forEach(names, AT_ONCE, (name) => client.remove(`${directory}/${name}`, WHOLE));
  await client.remove(directory, WHOLE);
}

/** Runs `each` on all items, `atOnce` of them at a time. After a failure it begins no more; it ends when none is left. */
async function forEach<T>(items: readonly T[], atOnce: number, each: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    for (const item of queue) {
      if (failure !== undefined) return;
      await each(item).catch((error: unknown) => {
        failure ??= { error };
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failure !== undefined) throw failure.error;
}

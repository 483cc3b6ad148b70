/** What a demo does with its files: copy them in, read and delete them, and keep at it while the system changes. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inParallel } from "../machine/in-parallel.ts";
import type { FileClient } from "./file-client.ts";
import type { SourceFile } from "./source-files.ts";

/** What went through, over all of the demo. */
interface Tally {
  requests: number;
  failed: number;
  /** Why the first requests failed. */
  readonly failures: string[];
  /** Files that were read back with other bytes than were written. */
  readonly mismatched: Set<string>;
}

/** Failures that are kept to be shown. */
const MAX_FAILURES = 10;

export interface Workload {
  readonly client: FileClient;
  readonly tally: Tally;
  /** SHA-256 of each file as it was copied in. */
  readonly hashes: Map<string, string>;
  readonly signal: AbortSignal;
}

export function newWorkload(client: FileClient, signal: AbortSignal): Workload {
  const tally = { requests: 0, failed: 0, failures: [], mismatched: new Set<string>() };
  return { client, tally, hashes: new Map(), signal };
}

/** Copies the files in, `concurrency` at a time. */
export async function copyIn(
  work: Workload,
  files: readonly SourceFile[],
  { source, concurrency, onFile }: { readonly source: string; readonly concurrency: number; onFile: () => void },
): Promise<void> {
  await inParallel(work.signal, concurrency, files, async ({ path }) => {
    const content = await readFile(join(source, path));
    work.hashes.set(path, sha256(content));
    await attempt(work.tally, () => work.client.put(path, content));
    onFile();
  });
}

/**
 * Reads all the files, and all of them again until `seconds` are over, and compares their hashes.
 *
 * @returns megabytes (10^6) a second.
 */
export async function readAll(
  work: Workload,
  files: readonly SourceFile[],
  { concurrency, seconds }: { readonly concurrency: number; readonly seconds: number },
): Promise<number> {
  const started = performance.now();
  let bytes = 0;
  const passes = (function* () {
    do yield* files;
    while (performance.now() - started < seconds * 1000);
  })();
  await inParallel(work.signal, concurrency, passes, async ({ path }) => {
    const content = await readOne(work, path);
    bytes += content?.length ?? 0;
  });
  return bytes / 1000 / (performance.now() - started);
}

/** Deletes the files, `concurrency` at a time. */
export async function remove(
  work: Workload,
  files: readonly SourceFile[],
  { concurrency, onFile }: { readonly concurrency: number; onFile: () => void },
): Promise<void> {
  await inParallel(work.signal, concurrency, files, async ({ path }) => {
    await attempt(work.tally, () => work.client.delete(path));
    onFile();
  });
}

/** Every so many requests of the traffic is a write. */
const WRITE_EVERY = 8;

/**
 * Reads the files in turn, and rewrites some of them unchanged, until it is stopped.
 *
 * @param pause Milliseconds that each of `concurrency` clients waits after a request.
 */
export function startTraffic(
  work: Workload,
  files: readonly SourceFile[],
  { concurrency, pause = 0 }: { readonly concurrency: number; readonly pause?: number },
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const rounds = (function* () {
    for (let request = 0; !stopping.signal.aborted; request++) {
      const file = files[request % files.length];
      if (file !== undefined) yield { path: file.path, write: request % WRITE_EVERY === 0 };
    }
  })();
  const running = inParallel(work.signal, concurrency, rounds, async ({ path, write }) => {
    const content = await readOne(work, path);
    if (write && content !== undefined) await attempt(work.tally, () => work.client.put(path, content));
    if (pause > 0) await sleep(pause);
  });
  running.catch(() => {});
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** @returns what the file holds, or undefined when it could not be read. */
async function readOne({ client, tally, hashes }: Workload, path: string): Promise<Buffer | undefined> {
  const content = await attempt(tally, () => client.get(path));
  if (content !== undefined && sha256(content) !== hashes.get(path)) tally.mismatched.add(path);
  return content;
}

async function attempt<T>(tally: Tally, send: () => Promise<T>): Promise<T | undefined> {
  tally.requests++;
  try {
    return await send();
  } catch (error) {
    tally.failed++;
    if (tally.failures.length < MAX_FAILURES)
      tally.failures.push(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

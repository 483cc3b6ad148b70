/**
 * What the task of a comparison runs: the same files through a mount of the file system, and through a router beside it.
 * It is one text in a task definition, so it imports Node.js alone. It ends by itself, and removes what it made.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Line, Result } from "../lines.ts";
import type { Settings } from "../script.ts";
import { mountSide } from "./mount-side.ts";
import { routerSide } from "./router-side.ts";
import type { Side } from "./side.ts";

/** The bundler puts it here: see script.ts. */
declare const SETTINGS: Settings;

/** Milliseconds after its time limit until it ends without removing anything: a mount that hangs waits for ever. */
const GRACE = 120_000;

async function main(settings: Settings): Promise<void> {
  const directory = join(settings.mountPath, settings.directory);
  const stopped = new AbortController();
  process.once("SIGTERM", () => stopped.abort(new Error("It was stopped")));
  const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(settings.timeLimit)]);
  // An exit would wait for the calls that hang.
  setTimeout(() => process.kill(process.pid, "SIGKILL"), settings.timeLimit + GRACE).unref();

  let error: string | undefined;
  try {
    await mkdir(directory);
    await measure(settings, directory, signal);
  } catch (cause) {
    error = messageOf(cause);
  }
  let leftBehind: string | undefined;
  try {
    await rm(directory, { recursive: true, force: true });
  } catch (cause) {
    leftBehind = `${settings.directory}: ${messageOf(cause)}`;
  }
  print({ end: { ...(error === undefined ? {} : { error }), ...(leftBehind === undefined ? {} : { leftBehind }) } });
  process.exitCode = error === undefined && leftBehind === undefined ? 0 : 1;
}

async function measure(settings: Settings, directory: string, signal: AbortSignal): Promise<void> {
  const { rounds, filesPerRound, oneAtATime, atOnce, fileBytes } = settings;
  const mount = mountSide(directory);
  const router = routerSide(`${settings.url}/files/${settings.directory}`);
  const content = Buffer.alloc(fileBytes, "efs");
  try {
    for (let round = 0; round < rounds; round++) {
      const names = Array.from({ length: filesPerRound }, (_, file) => `${round}-${file}`);
      // The router makes them, so that the kernel has none of them in its cache when it reads them first.
      await each(names, atOnce, signal, (name) => router.replace(name, content));

      const sides = round % 2 === 0 ? [mount, router] : [router, mount];
      for (const [share, count] of [
        [names.slice(0, oneAtATime), 1],
        [names.slice(oneAtATime), atOnce],
      ] as const) {
        const timed = async (side: Side, operation: Result["operation"], run: (name: string) => Promise<void>) => {
          const summary = summarize(await each(share, count, signal, run));
          print({ result: { side: side.name, operation, atOnce: count, round, ...summary } });
        };
        for (const side of sides) {
          await timed(side, "read", async (name) => {
            const { length } = await side.read(name);
            if (length !== fileBytes) throw new Error(`${side.name}: ${name} has ${length} bytes, not ${fileBytes}`);
          });
        }
        for (const side of sides) await timed(side, "replace", (name) => side.replace(name, content));
      }
    }
  } finally {
    mount.close();
    router.close();
  }
}

interface Times {
  /** Milliseconds of each operation. */
  readonly latencies: readonly number[];
  readonly seconds: number;
}

/** Runs it once for each name, `atOnce` of them at a time. */
async function each(
  names: readonly string[],
  atOnce: number,
  signal: AbortSignal,
  run: (name: string) => Promise<void>,
): Promise<Times> {
  const latencies: number[] = [];
  const left = names.values();
  const start = performance.now();
  const worker = async () => {
    for (const name of left) {
      signal.throwIfAborted();
      const began = performance.now();
      await run(name);
      latencies.push(performance.now() - began);
    }
  };
  // All of them have ended before anything is removed.
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const worker of ended) if (worker.status === "rejected") throw worker.reason;
  return { latencies, seconds: (performance.now() - start) / 1000 };
}

function summarize({ latencies, seconds }: Times): Pick<Result, "operations" | "seconds" | "p50" | "p99"> {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { operations: sorted.length, seconds, p50: at(0.5), p99: at(0.99) };
}

function print(line: Line): void {
  console.log(JSON.stringify(line));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await main(SETTINGS);

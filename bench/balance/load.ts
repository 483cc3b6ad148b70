/** Clients of several routers, each with one request at a time, for paths that are drawn at random. */
import { setTimeout as sleep } from "node:timers/promises";
import { createFileClient } from "../../local/demo/file-client.ts";

export interface Load {
  /** Of the routers; each gets its share of the clients. */
  readonly urls: readonly string[];
  readonly clients: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly drawPath: () => string;
  /** Requests a second of each client, at random times; one after the other when absent. */
  readonly pace?: number | undefined;
}

export interface LoadSample {
  readonly requests: number;
  readonly failed: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export async function sendLoad(
  { urls, clients, duration, drawPath, pace }: Load,
  signal: AbortSignal,
): Promise<LoadSample> {
  const times: number[] = [];
  let failed = 0;
  const start = performance.now();
  const end = start + duration;
  const routers = urls.map(createFileClient);
  const work = async (_: unknown, index: number) => {
    const router = routers[index % routers.length];
    let next = start;
    while (performance.now() < end && !signal.aborted) {
      if (pace !== undefined) {
        // All at once would be bursts.
        next += (-1_000 / pace) * Math.log(1 - Math.random());
        await sleep(next - performance.now());
      }
      const begin = performance.now();
      try {
        await router?.get(drawPath());
      } catch {
        failed += 1;
      }
      times.push(performance.now() - begin);
    }
  };
  await Promise.all(Array.from({ length: clients }, work));
  const seconds = (performance.now() - start) / 1_000;
  for (const router of routers) router.close();
  signal.throwIfAborted();
  times.sort((a, b) => a - b);
  const percentile = (share: number) => times[Math.floor((times.length - 1) * share)] ?? Number.NaN;
  return {
    requests: times.length,
    failed,
    perSecond: times.length / seconds,
    p50: percentile(0.5),
    p99: percentile(0.99),
  };
}

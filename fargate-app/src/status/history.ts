/** An hour of what went through each mount target, as one router counted it. */
import { countsSince, type LatencyCounts, percentile } from "@efs-mount-autoscaling/routed-files";
import type { HistoryPoint } from "./document.ts";

/** Milliseconds between two points. */
export const HISTORY_STEP = 10_000;

/** An hour. */
const MAX_POINTS = 360;

/** What is counted of a target, since the router started. */
export interface TargetCounts {
  readonly id: string;
  readonly requests: number;
  readonly bytes: number;
  readonly latencies: LatencyCounts;
}

export class StatusHistory {
  readonly #points: HistoryPoint[] = [];
  #before: { readonly time: number; readonly targets: ReadonlyMap<string, TargetCounts> } | undefined;

  /**
   * Adds what was counted since the call before.
   *
   * @param time About {@link HISTORY_STEP} after that, and at a multiple of it: routers' points are added up.
   */
  add(time: number, targets: readonly TargetCounts[]): void {
    const before = this.#before;
    this.#before = { time, targets: new Map(targets.map((target) => [target.id, target])) };
    if (before === undefined || time <= before.time) return;
    const seconds = (time - before.time) / 1_000;
    const rates = targets.map(({ id, requests, bytes, latencies }): [string, [number, number, number]] => {
      const last = before.targets.get(id);
      const since = countsSince(latencies, last?.latencies ?? {});
      return [
        id,
        [
          Math.max(0, requests - (last?.requests ?? 0)) / seconds,
          Math.max(0, bytes - (last?.bytes ?? 0)) / seconds,
          round(percentile(since, 0.99) ?? 0),
        ],
      ];
    });
    this.#points.push({ time: Math.round(time / HISTORY_STEP) * HISTORY_STEP, targets: Object.fromEntries(rates) });
    if (this.#points.length > MAX_POINTS) this.#points.shift();
  }

  /** Oldest first. */
  get points(): HistoryPoint[] {
    return [...this.#points];
  }
}

/** Several routers' histories as one: rates add up, and of latencies the highest counts. */
export function mergeHistories(histories: readonly (readonly HistoryPoint[])[]): HistoryPoint[] {
  const merged = new Map<number, Record<string, [number, number, number]>>();
  for (const { time, targets } of histories.flat()) {
    const at = merged.get(time) ?? {};
    merged.set(time, at);
    for (const [id, [requests, bytes, p99]] of Object.entries(targets)) {
      const [r, b, p] = at[id] ?? [0, 0, 0];
      at[id] = [r + requests, b + bytes, Math.max(p, p99)];
    }
  }
  return [...merged].sort(([a], [b]) => a - b).map(([time, targets]) => ({ time, targets }));
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}

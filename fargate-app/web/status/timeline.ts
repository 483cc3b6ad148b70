/** What the charts show: the last hour, from what the router remembers and what came since. */
import type { History, ServiceStatus } from "../../src/status/document.ts";

const HOUR = 3_600_000;

/** Of one quantity: times in seconds, as uPlot has them, and a row of values for each mount target. */
export interface Series {
  readonly times: readonly number[];
  readonly values: readonly (readonly (number | null)[])[];
}

export type Quantity = "requests" | "bytes" | "latency";

const INDEX: Readonly<Record<Quantity, 0 | 1 | 2>> = { requests: 0, bytes: 1, latency: 2 };

/** An hour of points; live ones come once a second. */
export class Timeline {
  #points: History = [];
  readonly #counts = new Map<number, number>();

  /** Takes what the routers remember for the time that they do. New ones remember little, and this page what it saw. */
  recall(history: History): void {
    const [first = Number.POSITIVE_INFINITY, last = Number.NEGATIVE_INFINITY] = [
      history[0]?.time,
      history.at(-1)?.time,
    ];
    const before = this.#points.filter(({ time }) => time < first);
    const after = this.#points.filter(({ time }) => time >= first && time > last);
    this.#points = [...before, ...history, ...after];
  }

  add({ time, targets, monitor }: ServiceStatus): void {
    const rates = targets.map(({ id, requestsPerSecond, readPerSecond, writtenPerSecond, p99 = 0 }) => {
      const point: [number, number, number] = [requestsPerSecond, readPerSecond + writtenPerSecond, p99];
      return [id, point] as const;
    });
    this.#points = [...this.#points, { time, targets: Object.fromEntries(rates) }].filter(
      (point) => time - point.time <= HOUR,
    );
    for (const [at, files] of monitor.status?.counts ?? []) this.#counts.set(at, files);
  }

  get length(): number {
    return this.#points.length;
  }

  series(quantity: Quantity, ids: readonly string[]): Series {
    return {
      times: this.#points.map(({ time }) => time / 1_000),
      values: ids.map((id) => this.#points.map(({ targets }) => targets[id]?.[INDEX[quantity]] ?? null)),
    };
  }

  /** Every number of files that the monitor was heard of, oldest first. */
  counts(): [time: number, files: number][] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }
}

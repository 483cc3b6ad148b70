/** What the charts show: the last hour, from what the router remembers and what came since. */
import type { History, HistoryPoint, ServiceStatus } from "../../src/status/document.ts";

const HOUR = 3_600_000;

/** Of one quantity: times in seconds, as uPlot has them, and a row of values for each mount target. */
export interface Series {
  readonly times: readonly number[];
  readonly values: readonly (readonly (number | null)[])[];
}

export type Quantity = "requests" | "bytes" | "latency";

const INDEX: Readonly<Record<Quantity, 0 | 1 | 2>> = { requests: 0, bytes: 1, latency: 2 };

/** A latency of 0 says that there was no request: it is no fall. */
function shownValue(quantity: Quantity, point: HistoryPoint["targets"][string] | undefined): number | null {
  const value = point?.[INDEX[quantity]] ?? null;
  return quantity === "latency" && value === 0 ? null : value;
}

/** Milliseconds around a point that the page has itself, in which it needs none of what the routers remember. */
const NEAR = 5_000;

/** An hour of points; live ones come once a second. */
export class Timeline {
  #points: History = [];
  readonly #counts = new Map<number, number>();

  /** Takes what the routers remember for times at which this page was not open: in a roll, they forget what it saw. */
  recall(history: History): void {
    const unseen = history.filter(({ time }) => !this.#points.some((point) => Math.abs(point.time - time) < NEAR));
    this.#points = [...this.#points, ...unseen].sort((one, two) => one.time - two.time);
  }

  add({ time, targets, monitor, withoutRates }: ServiceStatus): void {
    for (const [at, files] of monitor.status?.counts ?? []) this.#counts.set(at, files);
    if (withoutRates) return;
    const rates = targets.map(({ id, requestsPerSecond, readPerSecond, writtenPerSecond, p99 = 0 }) => {
      const point: [number, number, number] = [requestsPerSecond, readPerSecond + writtenPerSecond, p99];
      return [id, point] as const;
    });
    this.#points = [...this.#points, { time, targets: Object.fromEntries(rates) }].filter(
      (point) => time - point.time <= HOUR,
    );
  }

  get length(): number {
    return this.#points.length;
  }

  series(quantity: Quantity, ids: readonly string[]): Series {
    return {
      times: this.#points.map(({ time }) => time / 1_000),
      values: ids.map((id) => this.#points.map(({ targets }) => shownValue(quantity, targets[id]))),
    };
  }

  /** Every number of files that the monitor was heard of, oldest first. */
  counts(): [time: number, files: number][] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }
}

/** What a router counts of one mount target, since it started. */
import { createHistogram } from "node:perf_hooks";
import { LatencyCounter } from "./latency-counts.ts";

export const OPERATIONS = ["read", "write", "append", "stat", "delete", "list"] as const;

/** What routers do at mount targets. */
export type OperationName = (typeof OPERATIONS)[number];

/** Called after each operation; `seconds` until the result, for a stream until its first byte. */
export type OperationObserver = (target: string, operation: OperationName, seconds: number) => void;

/** Milliseconds. */
export interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

const MICROSECONDS_PER_SECOND = 1e6;
const ONE_HOUR = 3600 * MICROSECONDS_PER_SECOND;

export class TargetStatistics {
  requests = 0;
  /** Requests that failed through the fault of the target; "no such file" is none. */
  errors = 0;
  bytesRead = 0;
  bytesWritten = 0;
  readonly latencies = new LatencyCounter();
  readonly #microseconds = createHistogram({ lowest: 1, highest: ONE_HOUR, figures: 2 });

  record(seconds: number, failed: boolean): void {
    this.requests += 1;
    if (failed) this.errors += 1;
    this.latencies.add(seconds * 1_000);
    this.#microseconds.record(Math.min(ONE_HOUR, Math.max(1, Math.round(seconds * MICROSECONDS_PER_SECOND))));
  }

  get latency(): Latency {
    const histogram = this.#microseconds;
    if (histogram.count === 0) return { mean: 0, p50: 0, p99: 0 };
    return {
      mean: histogram.mean / 1000,
      p50: histogram.percentile(50) / 1000,
      p99: histogram.percentile(99) / 1000,
    };
  }
}

/** What the latencies of the targets say of each of them. */
import { lowerMedian } from "./latency.ts";

/** Milliseconds. Below this, differences say nothing of a target. */
const MIN_LATENCY = 1;

/** So many times the median is far above it. */
const FAR = 3;

/** So many times the median is near it, for the target of the own zone. */
const NEAR = 1.5;

/** Milliseconds of a latency; undefined before the first response. */
export type Latencies = readonly (number | undefined)[];

/** Of each target: 1, or where its latency is far above the median, the median as a share of it. */
export function speedsOf(latencies: Latencies): number[] {
  const median = medianOf(latencies);
  return latencies.map((latency) => (atLeast(latency) > FAR * median ? median / atLeast(latency) : 1));
}

/** Whether a latency is near the median of them all, or below it. */
export function isNear(latency: number | undefined, latencies: Latencies): boolean {
  return !(atLeast(latency) > NEAR * medianOf(latencies));
}

function medianOf(latencies: Latencies): number {
  return lowerMedian(latencies.flatMap((latency) => (latency === undefined ? [] : [atLeast(latency)])));
}

/** NaN for an unknown latency, which is neither far nor near. */
function atLeast(latency: number | undefined): number {
  return latency === undefined ? Number.NaN : Math.max(latency, MIN_LATENCY);
}

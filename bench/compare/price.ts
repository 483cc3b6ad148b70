/** What a comparison costs at most, by public list prices of us-east-1 (docs/costs.md). */
import { MAX_MINUTES } from "./run.ts";
import { TASK_CPU, TASK_MEMORY } from "./task.ts";
import type { Workload } from "./workload.ts";

/** No comparison may cost more. */
export const MAX_DOLLARS = 10;

/** Other Regions are up to 40 % above: docs/costs.md. What is left is for what nobody has thought of. */
const MARGIN = 2;

const KIBIBYTE = 1024;
const GIGABYTE = 1e9;

/** Dollars: Fargate on x86, a vCPU and a GB for an hour; elastic throughput, a metered GB. */
const VCPU = 0.04048;
const MEMORY = 0.004445;
const READ = 0.03;
const WRITE = 0.06;

/** EFS meters data as 32 KiB at least, and metadata as 4 KiB; how many operations a kernel sends is not documented. */
const OPERATION_KIBIBYTES = 32 + 8 * 4;

/** @returns US dollars. */
export function maxPrice({ rounds, filesPerRound }: Workload): number {
  const hours = MAX_MINUTES / 60;
  const task = hours * ((TASK_CPU / 1024) * VCPU + (TASK_MEMORY / 1024) * MEMORY);
  // Each file is made once, read and replaced by both sides, and removed.
  const files = rounds * filesPerRound;
  const metered = (operations: number) => (operations * OPERATION_KIBIBYTES * KIBIBYTE) / GIGABYTE;
  return MARGIN * (task + metered(2 * files) * READ + metered(4 * files) * WRITE);
}

/**
 * How many operations took how long, in steps of 10 %. Unlike percentiles, such counts of several routers, or of two
 * times, can be added and subtracted.
 */

/** Milliseconds that the first step ends at. */
const FIRST = 0.05;
const FACTOR = 1.1;

/** Up to 100 s; what takes longer counts as that. */
const STEPS = 154;

/** The number of operations by step; steps without any may be missing. */
export type LatencyCounts = Readonly<Record<number, number>>;

/** The step that a duration in milliseconds belongs to. */
function stepOf(milliseconds: number): number {
  if (milliseconds <= FIRST) return 0;
  return Math.min(STEPS - 1, Math.ceil(Math.log(milliseconds / FIRST) / Math.log(FACTOR)));
}

/**
 * Milliseconds that `share` of the operations took at most, to within 5 %: the middle of their step.
 *
 * @returns undefined where there was no operation.
 */
export function percentile(counts: LatencyCounts, share: number): number | undefined {
  const steps = Object.entries(counts).map(([step, count]) => ({ step: Number(step), count }));
  const total = steps.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return undefined;
  let seen = 0;
  for (const { step, count } of steps.sort((a, b) => a.step - b.step)) {
    seen += count;
    if (seen >= share * total) return FIRST * FACTOR ** (step - 0.5);
  }
  return undefined;
}

/** What came since `before`. */
export function countsSince(now: LatencyCounts, before: LatencyCounts): Record<number, number> {
  const since: Record<number, number> = {};
  for (const [step, count] of Object.entries(now)) {
    const more = count - (before[Number(step)] ?? 0);
    if (more > 0) since[Number(step)] = more;
  }
  return since;
}

export function addCounts(all: readonly LatencyCounts[]): Record<number, number> {
  const sum: Record<number, number> = {};
  for (const counts of all) {
    for (const [step, count] of Object.entries(counts)) sum[Number(step)] = (sum[Number(step)] ?? 0) + count;
  }
  return sum;
}

/** Counts operations. */
export class LatencyCounter {
  readonly #counts = new Float64Array(STEPS);

  add(milliseconds: number): void {
    const step = stepOf(milliseconds);
    this.#counts[step] = (this.#counts[step] ?? 0) + 1;
  }

  get counts(): LatencyCounts {
    const counts: Record<number, number> = {};
    for (const [step, count] of this.#counts.entries()) if (count > 0) counts[step] = count;
    return counts;
  }
}

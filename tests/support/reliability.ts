/** How long and with which random numbers the reliability suites run, and what they counted. */
import { ROUTING_STRATEGIES, type RoutingStrategy } from "@efs-mount-autoscaling/routed-files";
import { afterAll } from "vitest";

/** `npm run test:reliability` runs the long form; everything else the short one. */
const full = process.env.RELIABILITY === "full";

/** The seed of every random choice: RELIABILITY_SEED, which the configuration sets to a new one where it is not given. */
export const seed = Number(process.env.RELIABILITY_SEED);

/** The number of rounds: `short` in CI, `long` in the full run. */
export function rounds(short: number, long: number): number {
  return full ? long : short;
}

/** How the routers of a suite choose their mount targets: in the long form in each way, in the short one as the seed says. */
export const strategies: readonly RoutingStrategy[] = ROUTING_STRATEGIES.filter(
  (_, index) => full || index === Math.abs(seed) % ROUTING_STRATEGIES.length,
);

/** What one suite counted, for the table at the end of the run. */
export interface Counts {
  readonly name: string;
  readonly counts: Readonly<Record<string, number | string>>;
}

declare module "vitest" {
  interface TaskMeta {
    reliability?: Counts[];
  }
}

/** Puts a suite's counts into the table that tests/reliability/reporter.ts prints when the run is over. */
export function reportAtEnd(name: string, counts: () => Counts["counts"]): void {
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from this pattern which fixtures a hook wants.
  afterAll(({}, { file }) => {
    file.meta.reliability ??= [];
    file.meta.reliability.push({ name, counts: counts() });
  });
}

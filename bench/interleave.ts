/** Measuring several sides fairly: all in each round, in turns. */
import type { Bench } from "./row.ts";

/** One round of one side. */
type Side<Sample> = () => Promise<Sample>;

/**
 * Runs each side once a round, forwards and backwards by turns (ABBA): what drifts on the machine hits all sides alike.
 *
 * @param sides those that are undefined, because what they need is missing, are left out: their samples stay empty.
 * @returns the samples of each side, by round.
 */
export async function interleave<Samples extends Record<string, unknown>>(
  bench: Pick<Bench, "signal" | "progress">,
  what: string,
  rounds: number,
  sides: { readonly [Name in keyof Samples]: Side<Samples[Name]> | undefined },
): Promise<{ [Name in keyof Samples]: Samples[Name][] }> {
  const names: (keyof Samples)[] = Object.keys(sides);
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as {
    [Name in keyof Samples]: Samples[Name][];
  };
  for (let round = 0; round < rounds; round++) {
    bench.progress(`${what}, round ${round + 1} of ${rounds}`);
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      bench.signal.throwIfAborted();
      const side = sides[name];
      if (side !== undefined) samples[name].push(await side());
    }
  }
  return samples;
}

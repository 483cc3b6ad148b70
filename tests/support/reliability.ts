/** How long and with which random numbers the reliability suites run, and the table of what they counted. */
import Table from "cli-table3";
import { afterAll } from "vitest";

/** `npm run test:reliability` runs the long form; everything else the short one. */
const full = process.env.RELIABILITY === "full";

/** The seed of every random choice: RELIABILITY_SEED, or a new one. */
export const seed = Number(process.env.RELIABILITY_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** The number of rounds: `short` in CI, `long` in the full run. */
export function rounds(short: number, long: number): number {
  return full ? long : short;
}

/** A random number from 0 to 1 at each call, the same ones for the same seed (mulberry32). */
export function randomNumbers(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Prints a suite's counts when it is over, with the seed that repeats it. */
export function reportAtEnd(name: string, counts: () => Readonly<Record<string, number | string>>): void {
  afterAll(() => {
    const table = new Table({ head: [name, ""], style: { head: [], border: [] } });
    for (const [what, count] of Object.entries({ ...counts(), seed })) table.push([what, count]);
    console.log(table.toString());
  });
}

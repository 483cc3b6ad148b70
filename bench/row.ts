/** What a row of the benchmark is: the contract between the harness and `rows/`. */
import type { Cleanups } from "../local/machine/cleanups.ts";

/** Something that is measured, beside what a user would pick instead. */
export interface Row {
  /** What `npm run bench -- NAME` takes. */
  readonly name: string;
  /** What is measured, without a full stop. */
  readonly what: string;
  /** Seconds the whole row takes on a quiet machine; it is given up after {@link PATIENCE} times as long. */
  readonly seconds: number;
  /** What it consists of, where its parts can run alone: what `--only` takes. */
  readonly parts?: readonly string[];
  /** Of these, what runs only when it is asked for: it takes minutes, and says little on a small machine. */
  readonly partsOnDemand?: readonly string[];
  /**
   * Figures that do not depend on the machine, in a few seconds; each has a goal. They are all that `--quick` runs, and
   * it fails when one misses its goal.
   */
  readonly check?: (bench: Bench) => Promise<readonly Figure[]>;
  /** Figures that do depend on the machine. */
  readonly measure?: (bench: Bench) => Promise<readonly Figure[]>;
}

/** Also on a machine of CI that is slow, and busy with something else. */
export const PATIENCE = 6;

/** What the harness gives to a row that runs. */
export interface Bench {
  /** Aborts when the user interrupts, or when the row has taken far too long. */
  readonly signal: AbortSignal;
  /** Undone when the row is over, however it ends. */
  readonly cleanups: Cleanups;
  /** Whether this part of the row is to run. */
  readonly wants: (part: string) => boolean;
  /** Tells whoever waits what goes on now. */
  readonly progress: (what: string) => void;
  /** A sentence that belongs to the row's figures: a peer that is missing, how something was set up. */
  readonly note: (sentence: string) => void;
}

/** One thing that was measured in several rounds. */
export interface Figure {
  readonly name: string;
  /** As it stands behind a number: "/s", "MB/s", "ms". Empty for plain numbers. */
  readonly unit: string;
  readonly better: "higher" | "lower";
  /** One value a round. */
  readonly ours: readonly number[];
  readonly peer?: Peer;
  readonly goal?: Goal;
}

/** The other side of a comparison. */
export interface Peer {
  readonly name: string;
  /** One value a round, the same rounds as ours; none when the peer is not installed. */
  readonly values: readonly number[];
}

/** A limit to the median of our values, or to the median of the ratios ours / peer's. */
export interface Goal {
  readonly on: "value" | "ratio";
  readonly bound: "at least" | "at most";
  readonly limit: number;
}

export const valueAtLeast = (limit: number): Goal => ({ on: "value", bound: "at least", limit });
export const valueAtMost = (limit: number): Goal => ({ on: "value", bound: "at most", limit });
export const ratioAtLeast = (limit: number): Goal => ({ on: "ratio", bound: "at least", limit });
export const ratioAtMost = (limit: number): Goal => ({ on: "ratio", bound: "at most", limit });

/** A figure of one value, which is better the lower it is, and must not be above `limit`. */
export function boundedFigure(name: string, value: number, limit: number, unit = ""): Figure {
  return { name, unit, better: "lower", ours: [value], goal: valueAtMost(limit) };
}

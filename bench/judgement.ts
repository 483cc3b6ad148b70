/** What the rounds of a figure come to, and whether that is good enough. */
import type { Figure, Goal } from "./row.ts";

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Judgement {
  readonly figure: Figure;
  readonly ours: Summary;
  readonly peer?: Summary;
  /** Of the rounds' ratios, ours / peer's. */
  readonly ratio?: Summary;
  readonly verdict: Verdict;
}

export type Verdict =
  | { readonly kind: "met" }
  /** `by`: how far from the limit, as a share of it; where the limit is 0, the distance itself. */
  | { readonly kind: "missed"; readonly by: number }
  | { readonly kind: "no goal" }
  /** The goal is on the ratio, and the peer is missing. */
  | { readonly kind: "not compared" };

/** @throws {RangeError} when there are no values, or the two sides do not have the same number of them. */
export function judge(figure: Figure): Judgement {
  const ours = summarize(figure.ours);
  const { peer, goal } = figure;
  if (peer === undefined || peer.values.length === 0)
    return { figure, ours, verdict: verdictOn(goal, ours, undefined) };
  const ratio = summarize(ratios(figure.ours, peer.values));
  return { figure, ours, peer: summarize(peer.values), ratio, verdict: verdictOn(goal, ours, ratio) };
}

/** @throws {RangeError} when there are no values. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const [min, max] = [sorted.at(0), sorted.at(-1)];
  if (min === undefined || max === undefined) throw new RangeError("A figure needs at least one round");
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? max;
  const lower = sorted.length % 2 === 0 ? (sorted[middle - 1] ?? min) : upper;
  return { median: (lower + upper) / 2, min, max };
}

function ratios(ours: readonly number[], peers: readonly number[]): number[] {
  if (ours.length !== peers.length) {
    throw new RangeError(`${ours.length} rounds of ours cannot be compared with ${peers.length} of the peer's`);
  }
  return ours.map((value, round) => value / (peers[round] ?? Number.NaN));
}

function verdictOn(goal: Goal | undefined, ours: Summary, ratio: Summary | undefined): Verdict {
  if (goal === undefined) return { kind: "no goal" };
  const judged = goal.on === "value" ? ours : ratio;
  if (judged === undefined) return { kind: "not compared" };
  const distance = goal.bound === "at least" ? goal.limit - judged.median : judged.median - goal.limit;
  if (distance <= 0) return { kind: "met" };
  return { kind: "missed", by: goal.limit === 0 ? distance : distance / Math.abs(goal.limit) };
}

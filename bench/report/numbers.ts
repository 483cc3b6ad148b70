/** Numbers as people read them. */
import type { Summary, Verdict } from "../judgement.ts";
import type { Goal } from "../row.ts";

/** Three digits that count: 0.0123, 1.23, 45.6, 789, 12,300. */
function shortNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1000) return `${value}`;
  return value.toLocaleString("en-US", { maximumSignificantDigits: Math.abs(value) < 1e5 ? 3 : 4 });
}

export function withUnit(value: number, unit: string): string {
  const space = unit === "" || unit.startsWith("/") ? "" : " ";
  return `${shortNumber(value)}${space}${unit}`;
}

/** The median, and the least and the most of the rounds where they differ. */
export function withSpread({ median, min, max }: Summary): string {
  return min === max ? shortNumber(median) : `${shortNumber(median)} (${shortNumber(min)} to ${shortNumber(max)})`;
}

export function goalText({ on, bound, limit }: Goal, unit: string): string {
  return `${bound} ${on === "ratio" ? `${limit} x` : withUnit(limit, unit)}`;
}

export function verdictText(verdict: Verdict, limit: number | undefined): string {
  if (verdict.kind === "no goal") return "";
  if (verdict.kind !== "missed") return verdict.kind;
  return `missed by ${limit === 0 ? shortNumber(verdict.by) : `${shortNumber(verdict.by * 100)} %`}`;
}

/** Example: 75 s, 11 min 40 s. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

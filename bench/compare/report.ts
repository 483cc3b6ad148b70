/** The results as a table on a terminal. */
import Table from "cli-table3";
import type { Result } from "./lines.ts";

/** What is shown of a side in a round. */
const FIGURES = {
  "median, ms": ({ p50 }: Result) => p50,
  "99th percentile, ms": ({ p99 }: Result) => p99,
  "a second": ({ operations, seconds }: Result) => operations / seconds,
} as const;

/** Medians of the rounds; a ratio is of the same round, with the smallest and the largest in brackets. */
export function toReport(results: readonly Result[]): string {
  const table = new Table({
    head: ["operation", "at once", "figure", "mount", "router", "router / mount (spread)"],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
    colAligns: ["left", "right", "left", "right", "right", "right"],
  });
  for (const operation of ["read", "replace"] as const) {
    for (const atOnce of new Set(results.map((result) => result.atOnce))) {
      const of = (side: Result["side"]) =>
        results
          .filter((result) => result.side === side && result.operation === operation && result.atOnce === atOnce)
          .sort((a, b) => a.round - b.round);
      const [mount, router] = [of("mount"), of("router")];
      for (const [name, figure] of Object.entries(FIGURES)) {
        const ratios = router.flatMap((ours) => {
          const peer = mount.find(({ round }) => round === ours.round);
          return peer === undefined ? [] : [figure(ours) / figure(peer)];
        });
        if (ratios.length === 0) continue;
        table.push([
          operation,
          atOnce,
          name,
          text(median(mount.map(figure))),
          text(median(router.map(figure))),
          spread(ratios),
        ]);
      }
    }
  }
  return table.toString();
}

function spread(ratios: readonly number[]): string {
  return `${text(median(ratios))} (${text(Math.min(...ratios))} to ${text(Math.max(...ratios))})`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

function text(value: number): string {
  return String(Number(value.toPrecision(3)));
}

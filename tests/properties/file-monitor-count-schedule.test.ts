/**
 * When the monitor counts: seldom where a count is expensive and the threshold far, and never too late.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isCountDue, type PastCount, type PastCounts } from "../../functions/file-monitor/decide/count-schedule.ts";

/** Milliseconds from one run to the next. */
const RUN_INTERVAL = 300_000;

interface Tree {
  readonly files: number;
  /** Milliseconds that a count of it takes. */
  readonly duration: number;
}

/** The counts that runs make of a tree which is another one at each run. */
function countsOf(
  trees: readonly Tree[],
  settings: { readonly fileCountThreshold: number; readonly maxCountTimeShare: number },
): (PastCount & { readonly run: number })[] {
  const counts: (PastCount & { readonly run: number })[] = [];
  let past: PastCounts | undefined;
  for (const [run, tree] of trees.entries()) {
    const startedAt = run * RUN_INTERVAL;
    if (!isCountDue(startedAt, past, settings)) continue;
    const last = { ...tree, complete: true, startedAt };
    past = { last, before: past?.last };
    counts.push({ ...last, run });
  }
  return counts;
}

const settings = fc.record({
  fileCountThreshold: fc.integer({ min: 0, max: 10_000_000 }),
  maxCountTimeShare: fc.double({ min: 0.01, max: 1, noNaN: true }),
});
const duration = fc.integer({ min: 1, max: 840_000 });
const tree = fc.record({ files: fc.nat(20_000_000), duration });
const trees = fc.array(tree, { minLength: 3, maxLength: 200 });

test("far from the threshold, where the number does not change, counting takes at most its share of the time", () => {
  fc.assert(
    fc.property(settings, fc.nat(20_000_000), fc.array(duration, { minLength: 3 }), (limits, files, durations) => {
      fc.pre(Math.abs(files - limits.fileCountThreshold) > 0.2 * limits.fileCountThreshold);
      const counts = countsOf(
        durations.map((duration) => ({ files, duration })),
        limits,
      );
      // Two counts in a row say how fast the number changes.
      for (const [index, { startedAt }] of counts.entries()) {
        const before = counts[index - 1];
        if (index < 2 || before === undefined) continue;
        expect(before.duration / (startedAt - before.startedAt)).toBeLessThanOrEqual(limits.maxCountTimeShare + 1e-9);
      }
    }),
  );
});

test("while the number grows by g to 2g files a run, the threshold is noticed in the run that passes it", () => {
  const increments = fc
    .integer({ min: 1, max: 500_000 })
    .chain((least) => fc.array(fc.integer({ min: least, max: 2 * least }), { minLength: 10, maxLength: 300 }));
  fc.assert(
    fc.property(settings, duration, increments, (limits, duration, increments) => {
      const grown: Tree[] = [];
      for (const increment of increments) grown.push({ files: (grown.at(-1)?.files ?? 0) + increment, duration });
      const passedAt = grown.findIndex((one) => one.files > limits.fileCountThreshold);
      fc.pre(passedAt >= 0);
      expect(countsOf(grown, limits).map(({ run }) => run)).toContain(passedAt);
    }),
  );
});

test("however the number changes, no run is put off for longer than the last count and its share allow", () => {
  fc.assert(
    fc.property(settings, trees, (limits, trees) => {
      const counts = countsOf(trees, limits);
      for (const [index, count] of counts.entries()) {
        const next = counts[index + 1]?.startedAt ?? (trees.length - 1) * RUN_INTERVAL;
        const allowed = count.duration / limits.maxCountTimeShare;
        expect(next - count.startedAt).toBeLessThan(allowed + RUN_INTERVAL);
      }
    }),
  );
});

test("near the threshold every run counts, as it does with all of the time", () => {
  fc.assert(
    fc.property(settings, trees, fc.double({ min: 0.8, max: 1.2, noNaN: true }), (limits, trees, distance) => {
      const near = trees.map((tree) => ({ ...tree, files: Math.round(limits.fileCountThreshold * distance) }));
      fc.pre(near.every(({ files }) => Math.abs(files - limits.fileCountThreshold) <= 0.2 * limits.fileCountThreshold));
      expect(countsOf(near, limits)).toHaveLength(trees.length);
      const short = trees.map((tree) => ({ ...tree, duration: Math.min(tree.duration, RUN_INTERVAL) }));
      expect(countsOf(short, { ...limits, maxCountTimeShare: 1 })).toHaveLength(trees.length);
    }),
  );
});

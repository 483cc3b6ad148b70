import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addCounts,
  countsSince,
  LatencyCounter,
  percentile,
} from "../../../packages/routed-files/src/targets/latency-counts.ts";

const latencies = fc.array(fc.double({ min: 0.05, max: 90_000, noNaN: true }), { minLength: 1, maxLength: 200 });

function countsOf(milliseconds: readonly number[]) {
  const counter = new LatencyCounter();
  for (const each of milliseconds) counter.add(each);
  return counter.counts;
}

test("a percentile is within 5 % of the value of that rank", () => {
  fc.assert(
    fc.property(latencies, fc.constantFrom(0.01, 0.5, 0.99, 1), (milliseconds, share) => {
      const sorted = milliseconds.toSorted((a, b) => a - b);
      const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
      const estimate = percentile(countsOf(milliseconds), share) ?? Number.NaN;
      expect(estimate / exact).toBeGreaterThan(0.95);
      expect(estimate / exact).toBeLessThan(1.05);
    }),
  );
});

test("the counts of two routers add up to those of one that did all, and later ones less earlier ones are what came between", () => {
  fc.assert(
    fc.property(latencies, latencies, (first, second) => {
      const all = countsOf([...first, ...second]);
      expect(addCounts([countsOf(first), countsOf(second)])).toEqual(all);
      expect(countsSince(all, countsOf(first))).toEqual(countsOf(second));
    }),
  );
});

test("of no operations there is no percentile", () => {
  expect(percentile({}, 0.5)).toBeUndefined();
});

test.each([0, 0.01, 1e9])("%d ms count, too, as the shortest or longest there is", (milliseconds) => {
  expect(percentile(countsOf([milliseconds]), 0.99)).toBeGreaterThan(0);
});

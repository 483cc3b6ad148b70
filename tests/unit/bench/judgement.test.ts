import { describe, expect, test } from "vitest";
import { judge, summarize } from "../../../bench/judgement.ts";
import { type Figure, ratioAtLeast, valueAtMost } from "../../../bench/row.ts";

const figure: Figure = { name: "reads", unit: "/s", better: "higher", ours: [200, 300, 100] };

test("the median is the middle round, or what lies between the two middle ones", () => {
  expect(summarize([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
  expect(summarize([4, 1, 2, 9])).toEqual({ median: 3, min: 1, max: 9 });
  expect(() => summarize([])).toThrow("at least one round");
});

describe("a goal on the ratio", () => {
  const compared = (values: number[], limit: number) =>
    judge({ ...figure, peer: { name: "other", values }, goal: ratioAtLeast(limit) });

  test("is held against the median of the rounds' ratios, not the ratio of the medians", () => {
    const { ratio, verdict } = compared([100, 50, 100], 2);
    expect(ratio).toEqual({ median: 2, min: 1, max: 6 });
    expect(verdict).toEqual({ kind: "met" });
  });

  test("says by what share it was missed", () => {
    expect(compared([200, 300, 100], 1.25).verdict).toEqual({ kind: "missed", by: 0.2 });
  });

  test("cannot be judged without the peer", () => {
    expect(compared([], 2).verdict).toEqual({ kind: "not compared" });
  });

  test("needs the same number of rounds on both sides", () => {
    expect(() => compared([1, 2], 2)).toThrow("3 rounds of ours");
  });
});

describe("a goal on the value", () => {
  test("is held against the median", () => {
    expect(judge({ ...figure, goal: valueAtMost(200) }).verdict).toEqual({ kind: "met" });
    expect(judge({ ...figure, goal: valueAtMost(160) }).verdict).toEqual({ kind: "missed", by: 0.25 });
  });

  test("of nothing is missed by the whole value", () => {
    expect(judge({ ...figure, goal: valueAtMost(0) }).verdict).toEqual({ kind: "missed", by: 200 });
  });
});

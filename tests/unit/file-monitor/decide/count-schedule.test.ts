import { describe, expect, test } from "vitest";
import {
  countInterval,
  isCountDue,
  type PastCount,
  type PastCounts,
} from "../../../../functions/file-monitor/decide/count-schedule.ts";

const MINUTE = 60_000;
const settings = { fileCountThreshold: 100_000, maxCountTimeShare: 0.1 };

function count(parts: Partial<PastCount>): PastCount {
  return { files: 1_000, complete: true, startedAt: 5 * MINUTE, duration: MINUTE, ...parts };
}

function past(last: Partial<PastCount>, before: Partial<PastCount> = {}): PastCounts {
  return { last: count(last), before: count({ startedAt: 0, ...before }) };
}

describe("the interval between counts", () => {
  test.each<[string, PastCounts, number]>([
    ["far from the threshold, a count may take its share of the time", past({}), 10],
    ["far above it too", past({ files: 900_000 }, { files: 900_000 }), 10],
    ["a count that costs little is repeated with every run", past({ duration: 100 }), 1 / 60],
    ["near the threshold, every run counts", past({ files: 80_000 }, { files: 80_000 }), 0],
    ["also just above it", past({ files: 120_000 }, { files: 120_000 }), 0],
    ["after a lower bound, every run counts", past({ complete: false }), 0],
    ["a lower bound says nothing of how fast the number grows", past({}, { complete: false }), 0],
    ["the first count says nothing of it either", { last: count({}), before: undefined }, 0],
    ["the threshold is not reached in between, at twice the speed", past({ files: 40_000 }, { files: 0 }), 3.75],
    [
      "after a full count, the next one takes as long as the one before it",
      past({ readAll: true }, { duration: 600 }),
      0.1,
    ],
    ["unless that was a full one, too", past({ readAll: true }, { readAll: true, duration: 600 }), 10],
    ["nor while the number falls", past({ files: 160_000 }, { files: 200_000 }), 3.75],
  ])("%s", (_, counts, minutes) => {
    expect(countInterval(counts, settings) / MINUTE).toBeCloseTo(minutes);
  });

  test("with all of the time, every run counts as soon as the last count is over", () => {
    expect(countInterval(past({}), { ...settings, maxCountTimeShare: 1 })).toBe(MINUTE);
  });

  test("with a threshold of 0, a file is far from it and none is near", () => {
    const atZero = { ...settings, fileCountThreshold: 0 };
    expect(countInterval(past({ files: 0 }, { files: 0 }), atZero)).toBe(0);
    expect(countInterval(past({ files: 1 }, { files: 1 }), atZero)).toBe(10 * MINUTE);
  });
});

describe("a count is due", () => {
  test("when there was none", () => {
    expect(isCountDue(0, undefined, settings)).toBe(true);
  });

  test("once the interval is over, and not before", () => {
    const counts = past({});
    expect(isCountDue(15 * MINUTE - 1, counts, settings)).toBe(false);
    expect(isCountDue(15 * MINUTE, counts, settings)).toBe(true);
  });

  test("when the clock was set back", () => {
    expect(isCountDue(0, past({}), settings)).toBe(true);
  });
});

import { expect, test } from "vitest";
import { drawChart } from "../../../../../local/demo/scenario/chart.ts";
import { growth } from "../../../../../local/demo/scenario/growth.ts";
import type { Moment } from "../../../../../local/demo/scenario/recording.ts";
import { problemsOf, type ScenarioResult, toJson, toTable } from "../../../../../local/demo/scenario/result.ts";
import { shrink } from "../../../../../local/demo/scenario/shrink.ts";

const look = (second: number, files: number, [serving, mountTargets, retiring = 0]: readonly number[] = [2, 2]) =>
  ({ second, files, serving, mountTargets, retiring, possibleFiles: files + 50, effectiveThreshold: 970 }) as Moment;

const grown: ScenarioResult = {
  scenario: growth,
  threshold: 1000,
  moments: [look(0, 950), look(1, 980, [2, 3]), look(2.04, 990, [3, 3]), look(3, 1001, [3, 3])],
  files: 1001,
  requests: 12_345,
  failedRequests: 0,
  mismatchedFiles: 0,
};

const shrunk: ScenarioResult = {
  ...grown,
  scenario: shrink,
  moments: [look(0, 950), look(1, 1001), look(2, 1001, [3, 3]), look(3, 500, [2, 3, 1]), look(4, 500)],
};

test("the line of JSON has exactly the keys that programs read", () => {
  expect(JSON.parse(toJson(grown))).toEqual({
    scenario: "growth",
    minutesPerSecond: 6,
    threshold: 1000,
    files: 1001,
    failedRequests: 0,
    mismatchedFiles: 0,
    targetsBySecond: [2, 2, 3],
    thresholdPassedAtSecond: 3,
    thirdTargetAtSecond: 2,
    retiredAtSecond: null,
  });
  expect(JSON.parse(toJson(shrunk))).toMatchObject({
    targetsBySecond: [2, 3, 2, 2],
    thresholdPassedAtSecond: 1,
    thirdTargetAtSecond: 2,
    retiredAtSecond: 4,
  });
  expect(toJson(grown)).not.toContain("\n");
});

test("all is well only as promised", () => {
  expect(problemsOf(grown)).toEqual([]);
  expect(problemsOf(shrunk)).toEqual([]);
  expect(problemsOf({ ...grown, failedRequests: 1, mismatchedFiles: 2 })).toEqual([
    "1 of 12,345 requests failed.",
    "2 of 1,001 files were not read back as they were written.",
  ]);
  expect(problemsOf({ ...grown, moments: grown.moments.slice(0, 2) })).toEqual([
    "The threshold was not passed.",
    "The third mount target did not come.",
  ]);
});

test("a mount target that comes with the passing of the threshold, or after it, is late where it had to come before", () => {
  const late = (second: number) => [look(0, 950), look(1, 1001, [2, 3]), look(second, 1001, [3, 3])];
  const message = (seconds: string) => [`The third mount target came ${seconds} s after the threshold was passed.`];
  expect(problemsOf({ ...grown, moments: late(1.5) })).toEqual(message("0.5"));
  expect(problemsOf({ ...grown, moments: [look(0, 950), look(1, 1001, [3, 3])] })).toEqual(message("0.0"));
});

test("a mount target that stays must go where that is promised, and one that goes must stay elsewhere", () => {
  expect(problemsOf({ ...shrunk, moments: shrunk.moments.slice(0, 4) })).toEqual([
    "The third mount target was not taken away again.",
  ]);
  const again = [...grown.moments, look(4, 1001), look(5, 1001, [3, 3])];
  expect(problemsOf({ ...grown, moments: again })).toEqual(["Mount targets came and went: 3 changes."]);
});

test("the table says in order what happened, at which hour of the scenario", () => {
  const lines = toTable(shrunk).split("\n");
  const events = lines.flatMap((line) => /^│ (\S.*?) +│/.exec(line)?.[1] ?? []);
  expect(events).toEqual([
    "Begin",
    "The threshold is passed",
    "Most files",
    "EFS creates the third",
    "Every task uses it",
    "One is retiring",
    "It is gone",
    "End",
  ]);
  expect(lines.find((line) => line.includes("It is gone"))).toMatch(/│ +4\.0 │ +0:24 │ +500 │ +550 │ +970 │ +2 │$/);
  expect(lines.at(-1)).toBe("12,345 requests: 0 failed. 1,001 files read back and compared: 0 differ.");
});

test("the chart has files, forecast and threshold in the rows of their numbers, and the mount targets below", () => {
  const lines = drawChart(shrunk.moments, 1000).split("\n");
  const columns = lines.filter((line) => line.includes("│")).map((line) => line.slice(line.indexOf("│") + 1));
  expect(new Set(columns.map(({ length }) => length))).toEqual(new Set([shrunk.moments.length]));
  expect(columns.slice(-2)).toEqual(["22322", "   1 "]);
  expect(columns[0]).toBe(" ░░  ");
  expect(columns.at(-3)).toBe("█████");
  expect(lines[0]).toMatch(/^ +1,051 │/);
  expect(lines.find((line) => line.includes("┄"))).toMatch(/│█░?.*┄┄$/);
});

test("a chart of many moments is as wide as a terminal, and one of a single moment is a column", () => {
  const many = Array.from({ length: 1000 }, (_, index) => look(index / 5, 900 + index / 10));
  expect(
    Math.max(
      ...drawChart(many, 1000)
        .split("\n")
        .map(({ length }) => length),
    ),
  ).toBeLessThanOrEqual(120);
  expect(drawChart([look(0, 900)], 1000)).toContain("targets │2");
});

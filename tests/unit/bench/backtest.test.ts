import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backtest, defaultThreshold } from "../../../bench/backtest/backtest.ts";
import { drawBacktest } from "../../../bench/backtest/chart.ts";
import { CountsError, parseCounts } from "../../../bench/backtest/counts.ts";
import { serviceFigures } from "../../../bench/backtest/figures.ts";

const START = Date.UTC(2026, 0, 5);
const HOUR = 3_600_000;

const lines = (hours: number, files: (hour: number) => number) =>
  Array.from(
    { length: hours },
    (_, hour) => `${new Date(START + hour * HOUR).toISOString()},${Math.floor(files(hour))}`,
  );

const growth = lines(96, (hour) => 1000 + 500 * hour + 60 * ((hour * 7) % 5));

describe("counts are read", () => {
  test("from lines, with or without a header, seconds or a zone", () => {
    const expected = [
      { time: START, files: 1 },
      { time: START + HOUR, files: 25 },
    ];
    expect(parseCounts("2026-01-05T00:00Z,1\n2026-01-05T01:00:00.000Z,25\n")).toEqual(expected);
    expect(parseCounts("time,count\r\n2026-01-05T00:00,1\r\n2026-01-05 01:00:00,2.5e1")).toEqual(expected);
    expect(parseCounts('"2026-01-05T09:00+09:00", 1\n"2026-01-05T10:00+09:00", 25')).toEqual(expected);
  });

  test("from what CloudWatch exports, in whatever order", () => {
    const counts = [
      { time: START, files: 5 },
      { time: START + HOUR, files: 7 },
    ];
    const times = ["2026-01-05T01:00:00+00:00", "2026-01-05T00:00:00+00:00"];
    const data = { MetricDataResults: [{ Id: "m", Timestamps: times, Values: [7, 5] }], Messages: [] };
    expect(parseCounts(JSON.stringify(data))).toEqual(counts);
    const points = times.map((Timestamp, index) => ({ Timestamp, Maximum: [7, 5][index], Unit: "Count" }));
    expect(parseCounts(JSON.stringify({ Label: "FileCount", Datapoints: points }))).toEqual(counts);
  });

  test.each([
    ["2026-01-05T00:00Z,1\n\nyesterday,2", /^Line 3: "yesterday" must be a time/],
    ["2026-01-05T00:00Z,1\n2026-01-05T01:00Z,-2", /^Line 2: "-2" must be a number of files/],
    ["2026-01-05T00:00Z,1\n2026-01-05T01:00Z", /^Line 2 is .* must be a time and a count/],
    ["2026-01-05T00:00Z,1\n2026-01-05T01:00Z,2,3", /^Line 2 is/],
    ["2026-01-05T01:00Z,1\n2026-01-05T01:00Z,2", /^Line 2: the time is not later/],
    ["2026-13-05T01:00Z,1", /^Line 1: /],
    ["2026-01-05T00:00Z,1", /at least two counts, and there are 1/],
    ["", /at least two counts, and there are 0/],
    ['{\n"Datapoints": [\n', /^Line 3: this is not valid JSON/],
    ['{"Datapoints": [{"Timestamp": "soon", "Maximum": 1}]}', /^Line 1: this JSON must be/],
  ])("%j is refused with the line", (text, message) => {
    expect(() => parseCounts(text)).toThrow(CountsError);
    expect(() => parseCounts(text)).toThrow(message);
  });
});

describe("a backtest", () => {
  test("of steady growth has the mount target there before the threshold is passed, and fixed has not", () => {
    const counts = parseCounts(growth.join("\n"));
    const { days, modes, accuracy } = backtest(counts, defaultThreshold(counts));
    expect(days).toBeCloseTo(95 / 24, 1);
    expect(modes.fixed).toMatchObject({ crossings: 1, servedBefore: 0, falseScaleOuts: 0 });
    expect(modes.forecast).toMatchObject({ crossings: 1, servedBefore: 1, falseScaleOuts: 0 });
    expect(accuracy.coverage90).toBeGreaterThan(0.8);
  });

  test("has nothing to say about a threshold that is never passed", () => {
    expect(backtest(parseCounts(growth.join("\n")), 1e9).modes.forecast).toMatchObject({
      crossings: 0,
      falseScaleOuts: 0,
    });
  });

  test("counts a scale-out as false when a day passes without the threshold, and as late when it comes in the same run", () => {
    const scaleOut = { availableAt: 15 * 60_000, retiredAt: undefined, decidedAt: 0 };
    const figuresOf = (passedAt: number | undefined) => serviceFigures([{ ...scaleOut, passedAt }], 30 * HOUR);
    expect(figuresOf(HOUR)).toMatchObject({ crossings: 1, servedBefore: 1, falseScaleOuts: 0 });
    expect(figuresOf(0)).toMatchObject({ crossings: 1, servedBefore: 0, falseScaleOuts: 0 });
    // The run five minutes before may have just missed it.
    expect(figuresOf(15 * 60_000)).toMatchObject({ servedBefore: 0 });
    expect(figuresOf(25 * HOUR)).toMatchObject({ crossings: 1, servedBefore: 1, falseScaleOuts: 1 });
    expect(figuresOf(undefined)).toMatchObject({ crossings: 0, servedBefore: 0, falseScaleOuts: 1 });
  });

  test("is drawn with numbers only", () => {
    const counts = parseCounts(growth.join("\n"));
    const picture = drawBacktest("growth & <more>", backtest(counts, defaultThreshold(counts)));
    expect(picture).toContain("growth &#38; &#60;more&#62;");
    expect(picture).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe("the command", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "backtest-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, ["--import", "tsx", "bench/backtest/main.ts", ...args]).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );

  test("ends with one line of JSON, and draws", async () => {
    const file = join(directory, "growth.csv");
    await writeFile(file, growth.join("\n"));
    const { code, stdout } = await run(file, "--json", "--chart", directory, "--threshold", "40000");
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? ""))).toEqual([
      "days",
      "crossings",
      "servedBefore",
      "falseScaleOuts",
      "mase",
      "coverage90",
    ]);
    expect(await readFile(join(directory, "growth.svg"), "utf8")).toMatch(/^<svg /);
  });

  test.each([
    ["a broken line", ["broken.csv"], "Line 2"],
    ["a file that is not there", ["missing.csv"], "ENOENT"],
    ["a threshold that is no number", ["growth.csv", "--threshold", "many"], "whole number of files"],
  ])("exits with 2 on %s", async (_, [name = "", ...options], message) => {
    await writeFile(join(directory, "broken.csv"), `${growth[0]}\noops`);
    const { code, stderr } = await run(join(directory, name), ...options);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { interleave } from "../../../bench/interleave.ts";
import { toChart } from "../../../bench/report/chart.ts";
import { toDocument } from "../../../bench/report/document.ts";
import { checkMarks, toMarkdown, writeMarkdown } from "../../../bench/report/markdown.ts";
import { toTable } from "../../../bench/report/table.ts";
import { type Figure, type Row, ratioAtLeast, valueAtMost } from "../../../bench/row.ts";
import { type RowResult, runRows } from "../../../bench/run-rows.ts";
import { makeTemporaryDirectory, type TemporaryDirectory } from "../../../local/machine/temporary-directory.ts";

const structural: Figure = { name: "COMPOUNDs", unit: "", better: "lower", ours: [2], goal: valueAtMost(1) };
const speed: Figure = {
  name: "reads <4 KiB>",
  unit: "/s",
  better: "higher",
  ours: [4000, 5000],
  peer: { name: "other", values: [2000, 2000] },
  goal: ratioAtLeast(1.8),
};

function row(name: string, parts: Partial<Row> = {}): Row {
  return {
    name,
    what: "Something",
    seconds: 10,
    check: async () => [structural],
    measure: async () => [speed],
    ...parts,
  };
}

const options = { quick: false, signal: new AbortController().signal, progress: () => {} };

test("the sides of a comparison take turns, and the order of the turns changes", async () => {
  const order: string[] = [];
  const side = (name: string) => async () => order.push(name);
  const samples = await interleave(options, "reads", 3, { ours: side("ours"), peer: side("peer"), missing: undefined });
  expect(order).toEqual(["ours", "peer", "peer", "ours", "ours", "peer"]);
  expect(samples).toEqual({ ours: [1, 4, 5], peer: [2, 3, 6], missing: [] });
});

test("the full run has the figures of both forms, the quick one only those of the check", async () => {
  const rows = [row("both"), row("slow", { check: undefined as never })];
  const names = (results: Awaited<ReturnType<typeof runRows>>) =>
    results.map(({ row, judgements }) => [row.name, ...judgements.map(({ figure }) => figure.name)]);
  expect(names(await runRows([row("both")], options))).toEqual([["both", "COMPOUNDs", "reads <4 KiB>"]]);
  expect(names(await runRows(rows, { ...options, quick: true }))).toEqual([["both", "COMPOUNDs"]]);
});

test("a row that fails says why, cleans up, and does not keep the next one from running", async () => {
  const undone: string[] = [];
  const failing = row("failing", {
    measure: async ({ cleanups }) => {
      cleanups.add(async () => undone.push("server"));
      throw new Error("no server");
    },
  });
  const results = await runRows([failing, row("next")], options);
  expect(results.map(({ error }) => error)).toEqual(["no server", undefined]);
  expect(undone).toEqual(["server"]);
  expect(toTable(results)).toMatch(/^failing .*\n(.*\n)+Failed: no server\n/);
  expect(toTable(results)).toContain("Failed rows: failing.");
});

test("a row that waits for ever is given up, and does not keep the next one from running", async () => {
  const stuck = row("stuck", { seconds: 0.01, measure: () => new Promise(() => {}) });
  const results = await runRows([stuck, row("next")], options);
  expect(results.map(({ error }) => error)).toEqual(["It took longer than 0.06 s", undefined]);
  expect(results.map(({ judgements }) => judgements.length)).toEqual([1, 2]);
});

test("an interruption ends the run after the row's cleanups", async () => {
  const interruption = new AbortController();
  const ran: string[] = [];
  const interrupted = row("interrupted", {
    check: async ({ cleanups, signal }) => {
      cleanups.add(async () => ran.push("cleanup"));
      interruption.abort(new Error("Interrupted"));
      signal.throwIfAborted();
      return [];
    },
  });
  const next = row("next", {
    check: async () => {
      ran.push("next");
      return [];
    },
  });
  const onResult = (result: RowResult) => void ran.push(result.row.name);
  await expect(
    runRows([row("first"), interrupted, next], { ...options, signal: interruption.signal, onResult }),
  ).rejects.toThrow("Interrupted");
  expect(ran).toEqual(["first", "cleanup"]);
});

test("table, document and chart show figures, ratios and verdicts", async () => {
  const noted = row("both", {
    measure: async ({ note }) => {
      note("It is fast.");
      return [speed];
    },
  });
  const results = await runRows([noted], options);
  const table = toTable(results);
  expect(table).toMatch(/COMPOUNDs .* 2 .* at most 1 .* missed by 100 %/);
  expect(table).toMatch(/reads <4 KiB> .* 4,500\/s .* other 2,000\/s .* 2.25 \(2 to 2.5\) .* at least 1.8 x .* met/);
  expect(table).toContain("It is fast.");
  expect(table).toContain("Goals: 1 met, 1 missed, 0 not compared.");

  const machine = { processor: "a", cores: 2, memoryGiB: 4, system: "Linux", node: "v20" };
  const run = { date: "2026-01-01T00:00:00Z", command: "npm run bench", machine, results };
  const document = JSON.parse(toDocument(run));
  expect(document.rows[0].figures[1]).toMatchObject({
    ours: { median: 4500, rounds: [4000, 5000] },
    ratio: { median: 2.25, min: 2, max: 2.5 },
    verdict: "met",
  });

  const markdown = toMarkdown(run);
  expect(markdown).toContain("`npm run bench`, 2026-01-01, on a, 2 cores, 4 GiB, Linux, Node v20.");
  expect(markdown).toContain("| [both](#both) | COMPOUNDs | 2 |  |  | at most 1 | missed by 100 % |");
  expect(markdown).not.toContain("| [both](#both) | reads");
  expect(markdown).toContain("\n| reads <4 KiB> | 4,500/s | other 2,000/s | 2.25 (2 to 2.5) | at least 1.8 x | met |");

  const chart = toChart(results[0] as never);
  expect(chart).toContain("reads &#60;4 KiB&#62;");
  expect(chart).toContain("other 2,000/s");
});

test("a part that takes long runs only when it is asked for, and then alone", async () => {
  const ran: string[] = [];
  const withParts = row("parts", {
    parts: ["short", "long"],
    partsOnDemand: ["long"],
    measure: async ({ wants }) => {
      ran.push(["short", "long"].filter(wants).join());
      return [speed];
    },
  });
  await runRows([withParts], options);
  await runRows([withParts], { ...options, only: ["long"] });
  expect(ran).toEqual(["short", "long"]);
});

test("the table fits a terminal of 120 columns, however long a name is", async () => {
  const long = row("long", {
    measure: async () => [
      { ...speed, name: "reads of files of 4 KiB, 64 at once over ten connections, with a delay of 2 ms, over TLS" },
      { ...speed, peer: { name: "one request a file over 64 connections", values: [1234.56, 7890.12] } },
    ],
  });
  const lines = toTable(await runRows([long], options), 120).split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
});

describe("figures in a document", () => {
  let folder: TemporaryDirectory;
  beforeEach(async () => {
    folder = await makeTemporaryDirectory("bench-markdown-");
  });
  afterEach(() => folder.remove());

  const run = async () => ({
    date: "2026-01-01T00:00:00Z",
    command: "npm run bench",
    machine: { processor: "a", cores: 2, memoryGiB: 4, system: "Linux", node: "v20" },
    results: await runRows([row("both")], options),
  });

  test("replace what is between the marks, and nothing else", async () => {
    const file = join(folder.path, "performance.md");
    await writeFile(file, "Before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nafter\n");
    await checkMarks(file);
    await writeMarkdown(file, await run());
    const text = await readFile(file, "utf8");
    expect(text).toMatch(/^Before\n<!-- figures: begin -->\n\n`npm run bench`/);
    expect(text).toMatch(/\n\n<!-- figures: end -->\nafter\n$/);
    expect(text).not.toContain("old");
    await writeMarkdown(file, await run());
    expect(await readFile(file, "utf8")).toBe(text);
  });

  test("need marks, which is said before anything is measured", async () => {
    const file = join(folder.path, "other.md");
    await writeFile(file, "nothing");
    await expect(checkMarks(file)).rejects.toThrow("needs a line");
  });
});

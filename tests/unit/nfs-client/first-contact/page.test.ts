import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { latencyOf } from "../../../../packages/nfs-client/src/first-contact/latency.ts";
import { progressBar } from "../../../../packages/nfs-client/src/first-contact/progress.ts";
import { table, wrap } from "../../../../packages/nfs-client/src/first-contact/table.ts";

describe("wrapping", () => {
  const words = fc.array(
    fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 12 }).filter((each) => !each.includes(" ")),
  );

  test("keeps every character, in lines that fit", () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 20 }), (texts, width) => {
        const lines = wrap(texts.join(" "), width);
        expect(lines.every(({ length }) => length <= width)).toBe(true);
        expect(lines.join("").replaceAll(" ", "")).toBe(texts.join(""));
      }),
    );
  });

  test("keeps words whole where they fit, and fills each line", () => {
    expect(wrap("one two three four", 9)).toEqual(["one two", "three", "four"]);
    expect(wrap("a veryverylong word", 6)).toEqual(["a", "veryve", "rylong", "word"]);
  });
});

test("a table has aligned columns, and rows of several lines", () => {
  const columns = [
    { title: "what", maximumWidth: 7 },
    { title: "ms", alignment: "right" as const },
  ];
  const rows = [
    ["READ of a file", "1.20"],
    ["LOCK", "10.0"],
  ];
  expect(table(columns, rows)).toEqual(["what       ms", "-------  ----", "READ of  1.20", "a file", "LOCK     10.0"]);
});

test("p50 and p99 are values that were measured", () => {
  expect(latencyOf([3, 1, 2])).toEqual({ samples: 3, p50: 2, p99: 3 });
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(latencyOf(hundred)).toEqual({ samples: 100, p50: 50, p99: 99 });
  expect(latencyOf([])).toEqual({ samples: 0, p50: 0, p99: 0 });
});

describe("the progress", () => {
  function screen(isTTY: boolean, columns = 80) {
    let written = "";
    const write = (text: string | Uint8Array) => {
      written += String(text);
      return true;
    };
    return { bar: progressBar({ isTTY, columns, write }), written: () => written };
  }

  test("is a bar on a terminal, no wider than that", () => {
    const { bar, written } = screen(true, 50);
    bar.show(0.5, "exercises: RENAME over a file");
    expect(written()).toBe("\r\u001b[K[###############...............]  50 %  exercises");
    bar.clear();
    expect(written().endsWith("\r\u001b[K")).toBe(true);
  });

  test("is nothing elsewhere", () => {
    const { bar, written } = screen(false);
    bar.show(0.5, "exercises");
    bar.clear();
    expect(written()).toBe("");
  });
});

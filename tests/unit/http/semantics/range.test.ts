import { describe, expect, test } from "vitest";
import { parseRange, resolveRange } from "../../../../fargate-app/src/http/semantics/range.ts";

function rangeIn(header: string, size: number) {
  const range = parseRange(header);
  return range && (resolveRange(range, size) ?? "unsatisfiable");
}

describe("a Range header, for a file of 10 bytes", () => {
  test.each([
    ["bytes=0-0", { start: 0, length: 1 }],
    ["bytes=2-5", { start: 2, length: 4 }],
    ["bytes=2-", { start: 2, length: 8 }],
    ["bytes=9-99", { start: 9, length: 1 }],
    ["bytes=-3", { start: 7, length: 3 }],
    ["bytes=-99", { start: 0, length: 10 }],
    ["Bytes= 2 - 5 ", { start: 2, length: 4 }],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=99999999999999999999999-", "unsatisfiable"],
    ["bytes=0-99999999999999999999999", { start: 0, length: 10 }],
    ["bytes=-0", "unsatisfiable"],
  ])("%s", (header, expected) => {
    expect(rangeIn(header, 10)).toEqual(expected);
  });

  test.each(["bytes=5-2", "bytes=0-1,3-4", "bytes=-", "bytes=a-b", "items=0-1", "bytes", ""])(
    "%j is ignored",
    (header) => {
      expect(parseRange(header)).toBeUndefined();
    },
  );

  test("has nothing in an empty file", () => {
    expect(rangeIn("bytes=0-", 0)).toBe("unsatisfiable");
    expect(rangeIn("bytes=-1", 0)).toBe("unsatisfiable");
  });
});

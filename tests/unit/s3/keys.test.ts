import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareKeys, directoriesAbove, isBucketName, placeOf } from "../../../fargate-app/src/s3/keys.ts";

test("keys have the order of their UTF-8", () => {
  const key = fc.string({
    unit: fc.constantFrom("a", "-", "/", "0", "é", "\u{ffff}", "\u{10000}", "\u{1f600}"),
    maxLength: 6,
  });
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
  );
});

describe("a key", () => {
  test("is a path below the directory of its bucket, and a directory where it ends in a slash", () => {
    expect(placeOf("reports", "2026/a b.txt")).toMatchObject({ kind: "file", path: "reports/2026/a b.txt" });
    expect(placeOf("reports", "2026/")).toMatchObject({ kind: "directory", path: "reports/2026" });
  });

  test.each([
    ["a//b", "InvalidArgument"],
    ["/a", "InvalidArgument"],
    ["/", "InvalidArgument"],
    ["a/../b", "InvalidArgument"],
    [".", "InvalidArgument"],
    [`a/${"b".repeat(256)}`, "KeyTooLongError"],
    ["é".repeat(513), "KeyTooLongError"],
  ])("that cannot be a path is refused: %s", (key, code) => {
    expect(() => placeOf("reports", key)).toThrow(expect.objectContaining({ code }));
  });

  test("is never a name of the routers' own", () => {
    expect(() => placeOf("reports", ".nfs-tmp-s3/records")).toThrow("is reserved");
  });

  test("has the directories above it, from the innermost on, without the bucket", () => {
    expect(directoriesAbove(placeOf("reports", "a/b/c"))).toEqual(["reports/a/b", "reports/a"]);
    expect(directoriesAbove(placeOf("reports", "a"))).toEqual([]);
    expect(directoriesAbove(placeOf("reports", "a/b/"))).toEqual(["reports/a"]);
  });
});

test.each([
  ["my-bucket", true],
  ["a.b", true],
  ["ab", false],
  ["My-Bucket", false],
  ["a..b", false],
  ["-ab", false],
  [".nfs-tmp-s3", false],
])("%s is a bucket's name: %s", (name, isOne) => {
  expect(isBucketName(name)).toBe(isOne);
});

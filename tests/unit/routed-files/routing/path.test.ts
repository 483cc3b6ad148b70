import { describe, expect, test } from "vitest";
import { directoryPath, filePath, PathError, ROOT } from "../../../../packages/routed-files/src/routing/path.ts";

describe("one spelling of each path", () => {
  test.each([
    ["a/b", "a/b"],
    ["/a/b", "a/b"],
    ["a//b", "a/b"],
    ["./a", "a"],
    ["a/./b/", "a/b"],
    ["日本語/ファイル", "日本語/ファイル"],
    ["...", "..."],
    [" ", " "],
    ["🗂️/📄", "🗂️/📄"],
  ])("%j is %j", (text, expected) => {
    expect(filePath(text)).toBe(expected);
  });

  test.each(["", "/", "//", ".", "./."])("%j names no file, but the served directory", (text) => {
    expect(() => filePath(text)).toThrow(
      new PathError(`The path ${JSON.stringify(text)} is empty: it must name a file`),
    );
    expect(directoryPath(text)).toBe(ROOT);
  });
});

describe("paths that are refused, with the part that is wrong", () => {
  test.each([
    ["a/../b", 'The part ".." of the path leads upwards, which is not allowed'],
    ["a/b\0c", 'The part "b\\u0000c" of the path contains a NUL character'],
    ["a/\ud800", 'The part "\\ud800" of the path is not valid Unicode'],
    [".nfs-tmp-1/a", 'The part ".nfs-tmp-1" of the path begins with .nfs-tmp-, which is reserved'],
    [
      `x/${"あ".repeat(86)}`,
      `The part "${"あ".repeat(80)}…" of the path has 258 bytes of UTF-8: at most 255 are allowed`,
    ],
  ])("%#", (text, message) => {
    expect(() => filePath(text)).toThrow(new PathError(message));
    expect(() => directoryPath(text)).toThrow(new PathError(message));
  });

  test("a name of 255 bytes is allowed, one of 256 is not", () => {
    expect(filePath("x".repeat(255))).toHaveLength(255);
    expect(() => filePath("x".repeat(256))).toThrow("has 256 bytes of UTF-8: at most 255 are allowed");
  });

  test("a path of 4,095 bytes is allowed, one of 4,096 is not", () => {
    const long = "abc/".repeat(1023);
    expect(filePath(`${long}abc`)).toHaveLength(4095);
    expect(() => filePath(`${long}abcd`)).toThrow("The path has 4096 bytes of UTF-8: at most 4095 are allowed");
  });
});

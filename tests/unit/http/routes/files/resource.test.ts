import { PathError } from "@efs-mount-autoscaling/routed-files";
import fc from "fast-check";
import { decodeName } from "nfs-client";
import { describe, expect, test } from "vitest";
import { encodePart, fileOf, resourceOf } from "../../../../../fargate-app/src/http/routes/files/resource.ts";
import { ProblemError } from "../../../../../fargate-app/src/http/semantics/problem.ts";

describe("what a URL names", () => {
  test.each([
    ["/files/a/b.txt", "file", "a/b.txt"],
    ["/files/a/b.txt?append", "file", "a/b.txt"],
    ["http://router:8000/files/a", "file", "a"],
    ["/files/a//b", "file", "a/b"],
    ["/files/a%20b+c", "file", "a b+c"],
    ["/files/%E6%97%A5%E6%9C%AC", "file", "日本"],
    ["/files/%2561", "file", "%61"],
    ["/files/a%3Fb%23c", "file", "a?b#c"],
    ["/files/a/%ff", "file", "a/\udcff"],
    ["/files/a/%e6%97", "file", "a/\udce6\udc97"],
    ["/files/%c0%ae%c0%ae/a", "file", "\udcc0\udcae\udcc0\udcae/a"],
    ["/files/a/", "directory", "a"],
    ["/files/", "directory", ""],
    ["/files//", "directory", ""],
  ])("%s: the %s %j", (url, kind, path) => {
    expect(resourceOf(url)).toEqual({ kind, path });
  });

  test("nothing, outside of /files/", () => {
    expect(() => resourceOf("/%66iles/a")).toThrow(new ProblemError(404, "There is nothing at /%66iles/a"));
  });

  test("no file, where it ends in a slash", () => {
    expect(() => fileOf("/files/a/")).toThrow("The path ends in /, so it names a directory: it can only be listed");
  });
});

describe("paths that are refused, with the part that is wrong", () => {
  test.each([
    ["/files/a/%zz", 'The part "%zz" of the path has a % without two hexadecimal digits: write %25 for a % itself'],
    ["/files/report#1", "The URL has a #: write %23 where it belongs to a name"],
    ["/files/a?append#x", "The URL has a #: write %23 where it belongs to a name"],
    ["/files/%e", 'The part "%e" of the path has a % without two hexadecimal digits: write %25 for a % itself'],
    ["/files/%ff%2f", 'The part "%ff%2f" of the path has an encoded slash'],
    ["/files/a%2fb", 'The part "a%2fb" of the path has an encoded slash'],
    ["/files/a/%2e%2E/b", 'The part ".." of the path leads upwards, which is not allowed'],
    ["/files/../a", 'The part ".." of the path leads upwards, which is not allowed'],
    ["/files/a%00", 'The part "a\\u0000" of the path contains a NUL character'],
    ["/files/.nfs-tmp-1", 'The part ".nfs-tmp-1" of the path begins with .nfs-tmp-, which is reserved'],
  ])("%s", (url, message) => {
    expect(() => resourceOf(url)).toThrow(new PathError(message));
  });
});

test("no URL, however encoded, leads out of the served directory", () => {
  const piece = fc.constantFrom(
    "..",
    ".",
    "/",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "\\",
    "%00",
    "%25",
    "a",
    "%c0%af",
    "//",
    "?",
    "#",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        const { path } = resourceOf(`/files/${pieces.join("")}`);
        expect(path.startsWith("/")).toBe(false);
        expect(path.split("/")).not.toContain("..");
        expect(path).not.toContain("\0");
      } catch (error) {
        expect(error).toBeInstanceOf(PathError);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("names that are not UTF-8 survive their encoding, too", () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 60 })
    .map((bytes) => decodeName(Buffer.from(bytes)))
    .filter((text) => !/^\.{1,2}$|[/\0]|^\.nfs-tmp-/.test(text));
  fc.assert(
    fc.property(name, (text) => {
      expect(resourceOf(`/files/${encodePart(text)}`).path).toBe(text);
    }),
  );
});

test("every name survives its encoding", () => {
  const name = fc
    .string({ unit: "binary", minLength: 1, maxLength: 60 })
    .filter((text) => !/^\.{1,2}$|[/\0]|^\.nfs-tmp-/.test(text));
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), (names) => {
      expect(resourceOf(`/files/${names.map(encodeURIComponent).join("/")}`).path).toBe(names.join("/"));
    }),
  );
});

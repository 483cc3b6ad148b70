import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { summarizeDirectories } from "../../../../../functions/file-monitor/observe/count/changed-directories.ts";

const MAX_BYTES = 1_000;

const name = fc.string({ unit: fc.constantFrom(..."abc\xe9\xff"), minLength: 1, maxLength: 40 });
const path = fc.array(name, { maxLength: 6 }).map((names) => names.map((each) => `/${each}`).join(""));

/** The path as the file API has it, with a slash at its end. */
function prefix(path: string): string {
  return path === "" ? "" : `${path}/`;
}

describe("the changed directories, in few words", () => {
  test("are all of them, or those above them", () => {
    fc.assert(
      fc.property(fc.array(path, { maxLength: 60 }), (paths) => {
        const summary = summarizeDirectories(paths);
        expect(Buffer.byteLength(JSON.stringify(summary))).toBeLessThanOrEqual(MAX_BYTES);
        for (const each of paths) {
          const [{ path: own } = { path: "" }] = summarizeDirectories([each]);
          const isCovered = summary.some((one) =>
            one.recursive ? prefix(own).startsWith(prefix(one.path)) : one.path === own,
          );
          expect(isCovered, each).toBe(true);
        }
      }),
    );
  });

  test.each<[readonly string[] | undefined, { path: string; recursive: boolean }[]]>([
    [[], []],
    [[""], [{ path: "", recursive: false }]],
    [
      ["/a", "/a/b"],
      [
        { path: "a", recursive: false },
        { path: "a/b", recursive: false },
      ],
    ],
    [Array.from({ length: 500 }, (_, index) => `/logs/${index}`), [{ path: "logs", recursive: true }]],
    [
      ["/\xc3\xa9", "/\xe9"].map(String),
      [
        { path: "é", recursive: false },
        { path: "\udce9", recursive: false },
      ],
    ],
    [undefined, [{ path: "", recursive: true }]],
  ])("%j", (paths, summary) => {
    expect(summarizeDirectories(paths)).toEqual(summary);
  });
});

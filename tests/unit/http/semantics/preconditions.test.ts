import { describe, expect, test } from "vitest";
import {
  evaluate,
  isConditional,
  isRangeOfSameVersion,
} from "../../../../fargate-app/src/http/semantics/preconditions.ts";

const MODIFIED = Date.UTC(2025, 0, 1, 12, 0, 0);
const current = { etag: '"a-1"', lastModified: MODIFIED };
const at = new Date(MODIFIED).toUTCString();
const before = new Date(MODIFIED - 1000).toUTCString();
const after = new Date(MODIFIED + 1000).toUTCString();

describe("reading (RFC 9110 section 13.2.2)", () => {
  test.each([
    [{}, "proceed"],
    [{ "if-none-match": '"a-1"' }, "not-modified"],
    [{ "if-none-match": 'W/"a-1"' }, "not-modified"],
    [{ "if-none-match": '"x", "a-1"' }, "not-modified"],
    [{ "if-none-match": "*" }, "not-modified"],
    [{ "if-none-match": '"x"' }, "proceed"],
    [{ "if-none-match": "a-1" }, "proceed"],
    [{ "if-modified-since": at }, "not-modified"],
    [{ "if-modified-since": after }, "not-modified"],
    [{ "if-modified-since": before }, "proceed"],
    [{ "if-modified-since": "yesterday" }, "proceed"],
    [{ "if-modified-since": "2030-01-01" }, "proceed"],
    [{ "if-none-match": '"x"', "if-modified-since": after }, "proceed"],
    [{ "if-match": '"a-1"' }, "proceed"],
    [{ "if-match": "*" }, "proceed"],
    [{ "if-match": '"x"' }, "failed"],
    [{ "if-match": 'W/"a-1"' }, "failed"],
    [{ "if-unmodified-since": at }, "proceed"],
    [{ "if-unmodified-since": before }, "failed"],
    [{ "if-unmodified-since": "never" }, "proceed"],
    [{ "if-match": '"a-1"', "if-unmodified-since": before }, "proceed"],
    [{ "if-match": '"x"', "if-none-match": '"a-1"' }, "failed"],
    [{ "if-match": '"a-1"', "if-none-match": '"a-1"' }, "not-modified"],
  ] as const)("%j: %s", (headers, expected) => {
    expect(evaluate({ method: "GET", headers }, current)).toBe(expected);
    expect(evaluate({ method: "HEAD", headers }, current)).toBe(expected);
  });
});

describe("writing over a file", () => {
  test.each([
    [{ "if-none-match": "*" }, "failed"],
    [{ "if-none-match": '"a-1"' }, "failed"],
    [{ "if-none-match": '"x"' }, "proceed"],
    [{ "if-match": '"a-1"' }, "proceed"],
    [{ "if-modified-since": after }, "proceed"],
    [{ "if-unmodified-since": before }, "failed"],
  ] as const)("%j: %s", (headers, expected) => {
    expect(evaluate({ method: "PUT", headers }, current)).toBe(expected);
  });
});

describe("writing where no file is", () => {
  test.each([
    [{ "if-none-match": "*" }, "proceed"],
    [{ "if-match": "*" }, "failed"],
    [{ "if-match": '"a-1"' }, "failed"],
    [{ "if-unmodified-since": before }, "proceed"],
  ] as const)("%j: %s", (headers, expected) => {
    expect(evaluate({ method: "PUT", headers }, undefined)).toBe(expected);
  });
});

describe("what makes a request conditional", () => {
  test.each([
    [{}, false, false],
    [{ "if-match": "x" }, true, true],
    [{ "if-none-match": "x" }, true, true],
    [{ "if-unmodified-since": at }, true, true],
    [{ "if-unmodified-since": "never" }, false, false],
    [{ "if-modified-since": at }, true, false],
    [{ "if-modified-since": "yesterday" }, false, false],
  ] as const)("%j: %s for reading, %s for writing", (headers, reading, writing) => {
    for (const method of ["GET", "HEAD"]) expect(isConditional({ method, headers })).toBe(reading);
    for (const method of ["PUT", "POST", "DELETE"]) expect(isConditional({ method, headers })).toBe(writing);
  });
});

describe("If-Range", () => {
  test.each([
    [undefined, true],
    ['"a-1"', true],
    ['"x"', false],
    ['W/"a-1"', false],
    [at, false],
    [before, false],
    [after, false],
    ["x", false],
  ])("%s: %s", (header, expected) => {
    expect(isRangeOfSameVersion(header, current)).toBe(expected);
  });
});

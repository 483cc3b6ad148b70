import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isEntityTagList, parseHttpDate } from "../../../../fargate-app/src/http/semantics/validators.ts";

const NOW = Date.UTC(2026, 5, 1);
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37);

describe("HTTP-dates (RFC 9110 section 5.6.7)", () => {
  test.each([
    ["Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE],
    ["Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE],
    ["Sun Nov  6 08:49:37 1994", EXAMPLE],
    ["Saturday, 06-Nov-27 08:49:37 GMT", Date.UTC(2027, 10, 6, 8, 49, 37)],
    ["Thu Jan 15 00:00:00 2026", Date.UTC(2026, 0, 15)],
  ])("%s", (text, time) => {
    expect(parseHttpDate(text, NOW)).toBe(time);
  });

  test.each([
    "Sunday 1",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 GMT+0900",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Mon, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "1994-11-06T08:49:37Z",
    "784111777",
    "",
  ])("%j is none, and is not taken for another time", (text) => {
    expect(parseHttpDate(text, NOW)).toBeUndefined();
  });

  test("are read back as they were written", () => {
    const seconds = fc.integer({ min: 0, max: 253_402_300_799 });
    fc.assert(
      fc.property(seconds, (time) => {
        expect(parseHttpDate(new Date(time * 1000).toUTCString())).toBe(time * 1000);
      }),
    );
  });
});

test.each([
  ['"a"', true],
  ['"a", W/"b",, "c"', true],
  ["a", false],
  ['"a" "b"', false],
  ['"a', false],
  ["*", false],
  ["", false],
])("%j is a list of entity tags: %s", (text, expected) => {
  expect(isEntityTagList(text)).toBe(expected);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { toByteString, toText } from "../../../../../functions/file-monitor/observe/count/byte-strings.ts";

test.each([
  [toByteString("/data/日本/é"), "/data/日本/é"],
  ["x\xe9", "x\\xe9"],
  [`${toByteString("é")}\xe9\xe8`, "é\\xe9\\xe8"],
  ["\xe6\x97", "\\xe6\\x97"],
  ["a\\xe9", "a\\\\xe9"],
  ["", ""],
])("%j is shown as %s", (byteString, text) => {
  expect(toText(byteString)).toBe(text);
});

/** What the shell makes of `$'…'`, as far as it is needed here. */
function fromText(text: string): string {
  const bytes: string[] = [];
  for (const [, escaped, character] of text.matchAll(/\\(\\|x[0-9a-f]{2})|([^\\])/gu)) {
    if (escaped === undefined) bytes.push(toByteString(character ?? ""));
    else bytes.push(escaped === "\\" ? "\\" : String.fromCharCode(Number.parseInt(escaped.slice(1), 16)));
  }
  return bytes.join("");
}

test("any bytes can be had back from their text", () => {
  const byteString = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
  const likely = fc.string({ unit: fc.constantFrom("\\", "x", "e", "9", "\xe9", "\xc3", "\xa9", "/") });
  fc.assert(
    fc.property(fc.oneof(byteString, likely, fc.string().map(toByteString)), (bytes) => {
      expect(fromText(toText(bytes))).toBe(bytes);
    }),
    { numRuns: 1_000 },
  );
});

import fc from "fast-check";
import { decodeName, encodeName, isNameString, nameLength } from "nfs-client";
import { describe, expect, test } from "vitest";

/** Bytes as names have them: text, broken text, and anything. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }).map((text) => new Uint8Array(Buffer.from(text))),
  fc
    .tuple(fc.string({ unit: "binary", maxLength: 10 }), fc.nat({ max: 3 }))
    .map(([text, cut]) => new Uint8Array(Buffer.from(text).subarray(cut))),
);

describe("names", () => {
  test.each([
    ["file.txt", "file.txt"],
    ["日本", "日本"],
    ["🗂️\ufffd", "🗂️\ufffd"],
    ["", ""],
  ])("%j is its text", (text, name) => {
    expect(decodeName(Buffer.from(text))).toBe(name);
  });

  test.each([
    [[0x78, 0xe9], "x\udce9"],
    // Too short by a byte, too long for its character, half a surrogate pair, beyond the last character.
    [[0xe6, 0x97], "\udce6\udc97"],
    [[0xc0, 0xae], "\udcc0\udcae"],
    [[0xed, 0xa0, 0x80], "\udced\udca0\udc80"],
    [[0xf4, 0x90, 0x80, 0x80], "\udcf4\udc90\udc80\udc80"],
    [[0xc3, 0xa9, 0xff, 0xc3, 0xa9], "é\udcffé"],
    [[0xf0, 0x9f, 0x97, 0x82, 0x82], "🗂\udc82"],
    [[0xef, 0xbf, 0xbd, 0xff], "\ufffd\udcff"],
  ])("%j has its bytes escaped where they are no character", (given, name) => {
    expect(decodeName(Buffer.from(given))).toBe(name);
    expect(encodeName(name)).toEqual(Buffer.from(given));
  });

  test("lead back to their bytes: so no two names are the same string", () => {
    fc.assert(
      fc.property(bytes, (given) => {
        const name = decodeName(Buffer.from(given));
        expect(encodeName(name)).toEqual(Buffer.from(given));
        expect(nameLength(name)).toBe(given.length);
        expect(isNameString(name)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("are the only strings of their bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0xdc70, max: 0xdd10 }), { maxLength: 6 }), (units) => {
        const text = String.fromCharCode(...units);
        if (isNameString(text)) expect(decodeName(encodeName(text))).toBe(text);
      }),
    );
    // Two escaped bytes that are a character together; and what stands for no byte.
    expect(isNameString("\udcc3\udca9")).toBe(false);
    expect(isNameString("\ud800")).toBe(false);
    expect(isNameString("\udc7f")).toBe(false);
    expect(() => encodeName("a\ud800")).toThrow("half a surrogate pair");
  });
});

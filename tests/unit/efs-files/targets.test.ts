import fc from "fast-check";
import { decodeName } from "nfs-client";
import { expect, test } from "vitest";
import { encodePart } from "../../../fargate-app/src/http/routes/files/resource.ts";
import { decodePath, encodePath } from "../../../packages/efs-files/src/remote/targets.ts";

/** Also characters of several bytes, whole, cut and overlong. */
const byte = fc.oneof(
  fc.integer({ min: 1, max: 255 }),
  fc.constantFrom(0x25, 0x41, 0x80, 0xbf, 0xc0, 0xc3, 0xe4, 0xed, 0xf0, 0xf4),
);
const character = fc.constantFrom("ü", "世", "🎉", "\ufffd", "%41").map((text) => [...Buffer.from(text)]);
const name = fc
  .array(
    fc.oneof(
      byte.map((each) => [each]),
      character,
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => decodeName(Buffer.from(parts.flat())))
  .filter((text) => !text.includes("/"));

test("names of any bytes are spelled as the router spells them, and found again", () => {
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 3 }), (names) => {
      const encoded = encodePath(names.join("/"));
      expect(encoded).toBe(names.map(encodePart).join("/"));
      expect(decodePath(encoded)).toBe(names.join("/"));
    }),
    { numRuns: 500 },
  );
});

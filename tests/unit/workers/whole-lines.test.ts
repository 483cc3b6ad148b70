import { Readable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { passOnLines } from "../../../fargate-app/src/workers/whole-lines.ts";

test("lines are passed on whole, however they come, and none is lost", async () => {
  const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replaceAll("\n", ""));
  const cuts = fc.array(fc.nat(200), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 10 }), line, cuts, async (lines, rest, places) => {
      const bytes = Buffer.from([...lines, rest].join("\n"));
      const ends = [...places.filter((place) => place < bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = ends
        .map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
        .filter(({ length }) => length > 0);
      const written: string[] = [];
      const stream = Readable.from(chunks);
      passOnLines(stream, (text) => written.push(text));
      if (chunks.length > 0) await new Promise((resolve) => stream.once("close", resolve));
      for (const text of written) expect(text.endsWith("\n")).toBe(true);
      expect(written.join("")).toBe(rest === "" ? bytes.toString() : `${bytes}\n`);
    }),
  );
});

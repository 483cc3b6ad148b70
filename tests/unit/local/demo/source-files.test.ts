import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { evenly, selectFiles } from "../../../../local/demo/source-files.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "source-files-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("regular files are chosen, none that is too large, hidden, or a link", async () => {
  await mkdir(join(directory, "b/c"), { recursive: true });
  await mkdir(join(directory, ".cache"));
  await writeFile(join(directory, "b/c/deep file"), "12345");
  await writeFile(join(directory, "a"), "1");
  await writeFile(join(directory, "large"), "x".repeat(11));
  await writeFile(join(directory, ".hidden"), "1");
  await writeFile(join(directory, ".cache/one"), "1");
  await symlink("a", join(directory, "link"));
  expect(await selectFiles(directory, { maxFiles: 10, maxFileBytes: 10 })).toEqual({
    files: [
      { path: "a", bytes: 1 },
      { path: "b/c/deep file", bytes: 5 },
    ],
    available: 3,
  });
  expect((await selectFiles(directory, { maxFiles: 1, maxFileBytes: 10 })).files).toHaveLength(1);
});

test("the items that are taken are as many as asked for, and lie evenly", () => {
  fc.assert(
    fc.property(fc.nat(500), fc.integer({ min: 1, max: 100 }), (length, count) => {
      const taken = evenly(
        Array.from({ length }, (_, index) => index),
        count,
      );
      expect(taken).toHaveLength(Math.min(length, count));
      for (const [index, item] of taken.slice(1).entries()) {
        const gap = item - (taken[index] ?? 0);
        expect(Math.abs(gap - Math.max(1, length / count))).toBeLessThan(1);
      }
    }),
  );
});

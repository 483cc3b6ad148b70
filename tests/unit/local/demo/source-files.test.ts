import { spawnSync } from "node:child_process";
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
    passedOver: [],
  });
  expect((await selectFiles(directory, { maxFiles: 1, maxFileBytes: 10 })).files).toHaveLength(1);
});

test("one bad entry ends nothing: it is passed over, with the reason", async () => {
  const notUtf8 = (path: string, ...bytes: number[]) =>
    Buffer.concat([Buffer.from(`${directory}/${path}`), Buffer.from(bytes)]);
  await writeFile(notUtf8("x", 0xe9), "1");
  await writeFile(notUtf8("x", 0xe8), "1");
  await mkdir(notUtf8("", 0xff));
  await writeFile(join(directory, "good"), "1");
  await mkdir(join(directory, "deep"));
  const tooDeep = Array.from({ length: 17 }, () => "n".repeat(250));
  // Step by step: the whole path is longer than the system takes.
  spawnSync("sh", ["-c", tooDeep.map((name) => `mkdir ${name} && cd ${name}`).join(" && ")], {
    cwd: join(directory, "deep"),
  });
  const { files, passedOver } = await selectFiles(directory, { maxFiles: 10, maxFileBytes: 10 });
  expect(files).toEqual([{ path: "good", bytes: 1 }]);
  expect([...passedOver].sort()).toEqual([
    "%FF: its name is not UTF-8",
    expect.stringMatching(/^deep\/n+.*ENAMETOOLONG/),
    "x%E8: its name is not UTF-8",
    "x%E9: its name is not UTF-8",
  ]);
  spawnSync("rm", ["-rf", join(directory, "deep")]);
});

test("a source that can't be read is an error that names it", async () => {
  const missing = join(directory, "missing");
  await expect(selectFiles(missing, { maxFiles: 10, maxFileBytes: 10 })).rejects.toThrow(`${missing} can't be read`);
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

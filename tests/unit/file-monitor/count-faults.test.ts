/** Errors of the file system that can't be made at will, put in where the count opens a directory. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type * as fsPromises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { countFiles } from "../../../functions/file-monitor/count.ts";

/** What happens to a directory just before it is opened, by its path below the root. */
const beforeOpening = new Map<string, () => void>();

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof fsPromises>();
  const disturbed =
    <Arguments extends [path: Buffer, ...rest: unknown[]], Result>(call: (...input: Arguments) => Result) =>
    async (...input: Arguments) => {
      beforeOpening.get(input[0].toString().slice(root.length))?.();
      return await call(...input);
    };
  return { ...original, opendir: disturbed(original.opendir), readdir: disturbed(original.readdir) };
});

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "count-faults-"));
  for (const path of ["a/1", "a/2", "b/1", "b/deep/1", "c/1"]) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), "");
  }
});

afterEach(() => {
  beforeOpening.clear();
  rmSync(root, { recursive: true });
});

const count = () => countFiles(root, { concurrency: 2, signal: new AbortController().signal });

function fail(code: string): () => never {
  return () => {
    throw Object.assign(new Error(`${code}: injected`), { code });
  };
}

describe("a directory that fails", () => {
  test.each(["ESTALE", "EIO", "ELOOP", "ETIMEDOUT"])(
    "with %s is skipped with all below it, and named",
    async (code) => {
      beforeOpening.set("/b", fail(code));
      expect(await count()).toMatchObject({
        files: 3,
        complete: true,
        skipped: { count: 1, examples: [{ path: "/b", code }] },
      });
    },
  );

  test("is named though all fail", async () => {
    for (const path of ["/a", "/b", "/c"]) beforeOpening.set(path, fail("ESTALE"));
    const { files, skipped } = await count();
    expect(files).toBe(0);
    expect(skipped.count).toBe(3);
    expect(skipped.examples.map(({ path }) => path).sort()).toEqual(["/a", "/b", "/c"]);
  });

  test("and is the root fails the count", async () => {
    beforeOpening.set("", fail("ESTALE"));
    await expect(count()).rejects.toThrow(`${root} can't be read: ESTALE`);
  });
});

describe("between the moments when a directory is listed and opened", () => {
  const change = (path: string, action: () => void) => {
    beforeOpening.set(path, () => {
      beforeOpening.delete(path);
      action();
    });
  };

  test("it may vanish", async () => {
    change("/b", () => rmSync(join(root, "b"), { recursive: true }));
    expect(await count()).toMatchObject({ files: 3, skipped: { count: 0 } });
  });

  test("it may become a file, which counts", async () => {
    change("/b", () => {
      rmSync(join(root, "b"), { recursive: true });
      writeFileSync(join(root, "b"), "");
    });
    expect(await count()).toMatchObject({ files: 4, skipped: { count: 0 } });
  });

  test("its parent may become a file: then it has vanished", async () => {
    change("/b/deep", () => {
      rmSync(join(root, "b"), { recursive: true });
      writeFileSync(join(root, "b"), "");
    });
    expect(await count()).toMatchObject({ complete: true, skipped: { count: 0 } });
  });

  test("it may move up into itself as a link, and the count still ends", async () => {
    change("/b/deep", () => {
      renameSync(join(root, "b", "deep"), join(root, "moved"));
      symlinkSync("..", join(root, "b", "deep"));
    });
    expect(await count()).toMatchObject({ complete: true, skipped: { count: 0 } });
  });
});

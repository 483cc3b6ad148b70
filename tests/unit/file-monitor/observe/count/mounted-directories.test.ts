/** What can't be made at will, put in between the count and the file system: errors, sizes, untold types. */
import type * as fs from "node:fs";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type * as fsPromises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { countTree } from "../../../../../functions/file-monitor/observe/count/count-tree.ts";
import { MountedDirectories } from "../../../../../functions/file-monitor/observe/count/mounted-directories.ts";

/** What happens to a directory just before it is opened, by its path below the root. */
const beforeOpening = new Map<string, () => void>();
/** The directories read at once, and those read in batches. */
const opened = { atOnce: new Set<string>(), inBatches: new Set<string>() };
/** The size of any directory, in bytes. */
let size = 0;
let typesAreTold = true;
/** Milliseconds that it takes to look at one entry. */
let lookTakes = 0;
/** Files that the root seems to have besides. */
let filesBesides = 0;

function open(path: Buffer, how: keyof typeof opened): void {
  const relative = path.toString().slice(root.length);
  opened[how].add(relative);
  beforeOpening.get(relative)?.();
}

/** What Node.js says when it has to stat an entry itself and the directory's path is a Buffer. */
function typeNotTold(): Error {
  return Object.assign(new TypeError("The path can't be joined"), { code: "ERR_INVALID_ARG_TYPE" });
}

vi.mock("node:fs", async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  type Entry = Pick<fs.Dirent, "name" | "isDirectory">;
  type List = (error: Error | null, entries?: readonly Entry[]) => void;
  const file: Entry = { name: "file", isDirectory: () => false };
  return {
    ...original,
    stat: (path: Buffer, done: (error: Error | null, stats?: object) => void) =>
      original.stat(path, (error, stats) => done(error, { ...stats, size, blocks: 0 })),
    readdir: (path: Buffer, options: { withFileTypes: true }, done: List) => {
      try {
        open(path, "atOnce");
      } catch (error) {
        return done(error as Error);
      }
      if (!typesAreTold) return done(typeNotTold());
      const besides = path.toString() === root ? Array.from({ length: filesBesides }, () => file) : [];
      original.readdir(path, options, (error, entries) => (error ? done(error) : done(null, [...entries, ...besides])));
    },
  };
});

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof fsPromises>();
  return {
    ...original,
    lstat: async (path: Buffer) => {
      await sleep(lookTakes);
      return original.lstat(path);
    },
    opendir: async (path: Buffer, options: fs.OpenDirOptions) => {
      open(path, "inBatches");
      const directory = await original.opendir(path.toString(), options);
      if (!typesAreTold) vi.spyOn(directory, "read").mockRejectedValue(typeNotTold());
      return directory;
    },
  };
});

let root: string;

beforeEach(() => {
  size = 4096;
  typesAreTold = true;
  lookTakes = 0;
  filesBesides = 0;
  for (const paths of Object.values(opened)) paths.clear();
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

async function count() {
  const options = { concurrency: 2, signal: new AbortController().signal };
  return (await countTree(new MountedDirectories(root, options), options)).count;
}

function fail(code: string): () => never {
  return () => {
    throw Object.assign(new Error(`${code}: injected`), { code });
  };
}

const SMALL = { name: "read at once", size: 4096 };
const LARGE = { name: "read in batches", size: 1e6 };

describe.each([SMALL, LARGE])("directories that are $name", (directories) => {
  beforeEach(() => {
    size = directories.size;
  });

  test("may have entries of which the file system does not tell the type", async () => {
    typesAreTold = false;
    expect(await count()).toMatchObject({ files: 5, complete: true, skipped: { count: 0 } });
  });

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

    test.each([0, 50])("it may become a file, which counts, though all else be read %i ms before", async (ms) => {
      lookTakes = ms;
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
});

describe("how a directory is read, so that memory is bounded", () => {
  const all = ["", "/a", "/b", "/b/deep", "/c"];

  test.each([
    { bytes: 1, atOnce: all, inBatches: [] },
    { bytes: 32 * 1024, atOnce: all, inBatches: [] },
    { bytes: 32 * 1024 + 1, atOnce: [], inBatches: all },
    { bytes: 0, atOnce: [], inBatches: all },
  ])("when its size is $bytes bytes", async ({ bytes, atOnce, inBatches }) => {
    size = bytes;
    expect(await count()).toMatchObject({ files: 5 });
    expect([...opened.atOnce].sort()).toEqual(atOnce);
    expect([...opened.inBatches].sort()).toEqual(inBatches);
  });

  test("when sizes turn out to say nothing", async () => {
    filesBesides = 8192;
    expect(await count()).toMatchObject({ files: 8192 + 5 });
    expect([...opened.atOnce]).toEqual([""]);
    expect([...opened.inBatches].sort()).toEqual(all.slice(1));
  });
});

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CountError, countTree } from "../../../../../functions/file-monitor/observe/count/count-tree.ts";
import { MountedDirectories } from "../../../../../functions/file-monitor/observe/count/mounted-directories.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "count-"));
});

afterEach(() => {
  // Not by Node.js, which can't remove paths longer than the system allows.
  spawnSync("rm", ["-rf", root]);
});

const never = new AbortController().signal;

function count(options: { concurrency?: number; signal?: AbortSignal } = {}) {
  return countFiles(root, { concurrency: 8, signal: never, ...options });
}

async function countFiles(path: string, options: { concurrency: number; signal: AbortSignal }) {
  return (await countTree(new MountedDirectories(path, options), options)).count;
}

/** Makes files, by path below the root, with the directories they need. */
function make(...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), "");
  }
}

describe("what is counted", () => {
  test("files in all directories, but not the directories", async () => {
    make("a", "b/c", "b/d/e/f", "b/d/e/g");
    mkdirSync(join(root, "empty"));
    expect(await count()).toEqual({
      files: 4,
      complete: true,
      largestDirectory: { path: "/b/d/e", files: 2 },
      skipped: { count: 0, examples: [] },
    });
  });

  test("nothing in an empty directory", async () => {
    expect(await count()).toMatchObject({ files: 0, complete: true, largestDirectory: { path: "", files: 0 } });
  });

  test("symbolic links, which are not followed, though they lead in a circle or nowhere", async () => {
    make("a/file");
    symlinkSync("..", join(root, "a", "up"));
    symlinkSync("a", join(root, "to-directory"));
    symlinkSync("nowhere", join(root, "broken"));
    expect(await count()).toMatchObject({ files: 4, complete: true });
  });

  test("sockets and temporary files of atomic writes", async () => {
    const server = createServer().listen(join(root, "socket"));
    make(".nfs-tmp-1");
    expect(await count()).toMatchObject({ files: 2 });
    server.close();
  });

  test("no files in a directory of the routers' own", async () => {
    const before = (await count()).files;
    mkdirSync(join(root, ".nfs-tmp-changes"));
    make(".nfs-tmp-changes/abcdefgh.1");
    expect(await count()).toMatchObject({ files: before, complete: true });
  });

  test("files in directories whose names are not UTF-8", async () => {
    const name = Buffer.from([0xff, 0xfe, 0x41]);
    const directory = Buffer.concat([Buffer.from(`${root}/`), name]);
    mkdirSync(directory);
    writeFileSync(Buffer.concat([directory, Buffer.from("/"), name]), "");
    expect(await count()).toMatchObject({ files: 1, largestDirectory: { path: "/\\xff\\xfeA", files: 1 } });
    make("漢字/é");
    expect(await count()).toMatchObject({ files: 2, skipped: { count: 0 } });
    make("漢字/ü");
    expect(await count()).toMatchObject({ files: 3, largestDirectory: { path: "/漢字", files: 2 } });
  });

  test("a hundred levels", async () => {
    make(`${"d/".repeat(100)}file`);
    expect(await count()).toMatchObject({ files: 1, complete: true });
  });

  test("more directories and more files than one batch holds", async () => {
    mkdirSync(join(root, "flat"));
    for (let index = 0; index < 1100; index++) {
      writeFileSync(join(root, "flat", `file-${index}`), "");
      mkdirSync(join(root, "flat", `directory-${index}`));
    }
    expect(await count({ concurrency: 2 })).toMatchObject({ files: 1100, largestDirectory: { path: "/flat" } });
  });
});

describe("what can't be read", () => {
  test("a directory is skipped, and named with the reason", async () => {
    make("file", "closed/file");
    chmodSync(root, 0o755);
    chmodSync(join(root, "closed"), 0o000);
    const result = await asNobody(() => count());
    expect(result).toMatchObject({
      files: 1,
      complete: true,
      skipped: { count: 1, examples: [{ path: "/closed", code: "EACCES" }] },
    });
  });

  test("of many, a few are named and all are counted", async () => {
    chmodSync(root, 0o755);
    for (let index = 0; index < 50; index++) mkdirSync(join(root, `${index}`), { mode: 0o000 });
    const { skipped } = await asNobody(() => count());
    expect(skipped.count).toBe(50);
    expect(skipped.examples).toHaveLength(20);
  });

  test("a path longer than the system allows is skipped", async () => {
    const name = "n".repeat(250);
    spawnSync("sh", ["-c", `cd "${root}"; for i in $(seq 20); do touch file; mkdir ${name}; cd ${name}; done`]);
    const { files, complete, skipped } = await count();
    expect({ complete, skipped: skipped.count }).toEqual({ complete: true, skipped: 1 });
    expect(skipped.examples).toMatchObject([{ code: "ENAMETOOLONG" }]);
    expect(files).toBe(skipped.examples[0]?.path.match(/\//g)?.length);
  });

  test.each(["missing", "file"])("a root that is a %s is an error", async (kind) => {
    rmSync(root, { recursive: true });
    if (kind === "file") writeFileSync(root, "");
    await expect(count()).rejects.toThrow(CountError);
    await expect(count()).rejects.toThrow(`${root} can't be read`);
  });
});

test("files and directories that vanish or appear meanwhile do not fail it", async () => {
  for (let index = 0; index < 40; index++) make(...["a", "b", "c"].map((name) => `${index}/${name}`));
  const churn = Array.from({ length: 40 }, async (_, index) => {
    if (index % 2 === 0) return await rm(join(root, `${index}`), { recursive: true });
    await writeFile(join(root, `${index}`, "d"), "");
    await rename(join(root, `${index}`, "d"), join(root, `${index}`, "a"));
  });
  const { files, complete, skipped } = await count({ concurrency: 2 });
  await Promise.all(churn);
  expect({ complete, skipped: skipped.count }).toEqual({ complete: true, skipped: 0 });
  expect(files).toBeGreaterThanOrEqual(60);
  expect(files).toBeLessThanOrEqual(140);
});

describe("when time runs out", () => {
  test("what was counted by then is the result, and it says so", async () => {
    const { files, complete } = await countFiles("node_modules", { concurrency: 1, signal: AbortSignal.timeout(50) });
    expect(complete).toBe(false);
    expect(files).toBeLessThan((await countFiles("node_modules", { concurrency: 8, signal: never })).files);
  });

  test("before the root was opened, it is an error", async () => {
    await expect(count({ signal: AbortSignal.abort() })).rejects.toThrow("was not opened in the time for counting");
  });
});

/** Root may read everything; what may not be read can only be seen as somebody else. */
async function asNobody<Result>(action: () => Promise<Result>): Promise<Result> {
  const user = process.geteuid?.();
  if (user !== 0) return await action();
  process.seteuid?.(65_534);
  try {
    return await action();
  } finally {
    process.seteuid?.(user);
  }
}

/** Counts that go on from the one before, over real file systems that change while they are counted. */
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { connectNfs, isStatus, type NfsClient } from "nfs-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { countTree, type KeptTree } from "../../functions/file-monitor/observe/count/count-tree.ts";
import type { Directories } from "../../functions/file-monitor/observe/count/directories.ts";
import { MountedDirectories } from "../../functions/file-monitor/observe/count/mounted-directories.ts";
import { NfsDirectories } from "../../functions/file-monitor/observe/count/nfs-directories.ts";
import { describeEachServer, type TestServer } from "../support/nfs-servers.ts";

/** A change, by a number for each thing that it is about; one that cannot be made is not made. */
interface Change {
  readonly kind: "write" | "remove" | "make" | "move";
  readonly at: readonly number[];
  readonly to: readonly number[];
}

/** What changes a file system: paths begin with "/". */
interface Changer {
  write(path: string): Promise<unknown>;
  remove(path: string): Promise<unknown>;
  make(path: string): Promise<unknown>;
  move(from: string, to: string): Promise<unknown>;
}

const path = fc.array(fc.nat(2), { minLength: 1, maxLength: 3 });
const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom(
    "write" as const,
    "write" as const,
    "make" as const,
    "make" as const,
    "remove" as const,
    "move" as const,
  ),
  at: path,
  to: path,
});
const counts = fc.array(
  fc.record({ before: fc.array(change, { maxLength: 15 }), meanwhile: fc.array(change, { maxLength: 10 }) }),
  { minLength: 1, maxLength: 4 },
);

/** Milliseconds: long beside a tick of this machine's clock, and short beside a test. */
const SETTLING_TIME = 100;
const { signal } = new AbortController();

async function make(changer: Changer, { kind, at, to }: Change): Promise<void> {
  const text = (numbers: readonly number[]) => `/${numbers.join("/")}`;
  await (kind === "move" ? changer.move(text(at), text(to)) : changer[kind](text(at))).catch(() => {});
}

/** Counts as often as there are lists of changes, and once at rest, and compares that with what there is. */
async function checkCounts(
  changer: Changer,
  directories: Directories,
  root: string,
  rounds: readonly { before: readonly Change[]; meanwhile: readonly Change[] }[],
): Promise<void> {
  let kept: KeptTree | undefined;
  const count = async () => {
    const result = await countTree(directories, { concurrency: 2, signal, kept, settlingTime: SETTLING_TIME });
    kept = result.kept;
    return result.count;
  };
  for (const { before, meanwhile } of rounds) {
    for (const one of before) await make(changer, one);
    const changing = (async () => {
      for (const one of meanwhile) await make(changer, one);
    })();
    await Promise.all([count(), changing]);
  }
  expect(await count()).toMatchObject({ files: await filesBelow(root), complete: true, skipped: { count: 0 } });
}

async function filesBelow(root: string): Promise<number> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).length;
}

async function emptyDirectory(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true });
}

describe("through a mount", () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "recount-"));
  });

  afterEach(() => rm(root, { recursive: true }));

  test("a count at rest is exact, whatever changed before and during others", { timeout: 120_000 }, async () => {
    const at = (path: string) => join(root, path);
    const changer: Changer = {
      write: (path) => writeFile(at(path), ""),
      remove: (path) => rm(at(path), { recursive: true }),
      make: (path) => mkdir(at(path), { recursive: true }),
      move: (from, to) => rename(at(from), at(to)),
    };
    await fc.assert(
      fc.asyncProperty(counts, async (rounds) => {
        await emptyDirectory(root);
        await checkCounts(changer, new MountedDirectories(root, { concurrency: 2, signal }), root, rounds);
      }),
      { numRuns: 40 },
    );
  });
});

describeEachServer("over NFS", (start) => {
  let server: TestServer;
  let client: NfsClient;
  let trees = 0;

  beforeEach(async () => {
    server = await start();
    client = await connectNfs({ host: server.host, port: server.port });
  });

  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  /** Through two connections, as through two mount targets. */
  const open = (path: string) =>
    NfsDirectories.open({
      path,
      hosts: [server.host, server.host],
      port: server.port,
      tls: undefined,
      signal,
      onUnusable: (host, reason) => expect.unreachable(`${host}: ${reason}`),
    });

  test("a count at rest is exact, whatever changed before and during others", { timeout: 240_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(counts, async (rounds) => {
        const name = `tree-${trees++}`;
        const at = (path: string) => `${server.root}/${name}${path}`;
        await client.makeDirectory(at(""));
        const changer: Changer = {
          write: (path) => client.writeFile(at(path), Buffer.of(), { createParents: false }),
          remove: (path) => client.remove(at(path)),
          make: (path) => client.makeDirectory(at(path)),
          move: (from, to) => client.rename(at(from), at(to)),
        };
        const directories = await open(at(""));
        try {
          await checkCounts(changer, directories, join(server.directory, name), rounds);
        } finally {
          await directories.close();
        }
      }),
      { numRuns: 30 },
    );
  });

  test("the second count reads what changed, and asks many directories in one round trip", async () => {
    const DIRECTORIES = 120;
    const root = `${server.root}/many`;
    for (let index = 0; index < DIRECTORIES; index++) await client.writeFile(`${root}/${index}/file`, Buffer.of());
    await new Promise((resolve) => setTimeout(resolve, 2 * SETTLING_TIME));
    const directories = await open(root);
    try {
      const first = await countTree(directories, { concurrency: 4, signal, settlingTime: SETTLING_TIME });
      expect(first).toMatchObject({ count: { files: DIRECTORIES }, directoriesRead: DIRECTORIES + 1 });
      await client.writeFile(`${root}/7/another`, Buffer.of());
      const before = directories.statistics().compounds;
      const options = { concurrency: 4, signal, kept: first.kept, settlingTime: SETTLING_TIME };
      expect(await countTree(directories, options)).toMatchObject({
        count: { files: DIRECTORIES + 1, complete: true, largestDirectory: { path: "/7", files: 2 } },
        directoriesRead: 1,
      });
      expect(directories.statistics().compounds - before).toBeLessThanOrEqual(6);
    } finally {
      await directories.close();
    }
  });

  test("a directory of many pages, and names that are not UTF-8, are counted", async () => {
    const name = Buffer.concat([Buffer.from(join(server.directory, "large/")), Buffer.from([0xff, 0xfe])]);
    await mkdir(join(server.directory, "large"));
    await mkdir(name);
    await writeFile(Buffer.concat([name, Buffer.from("/file")]), "");
    for (let index = 0; index < 6000; index++) await writeFile(join(server.directory, "large", `file-${index}`), "");
    const directories = await open(`${server.root}/large`);
    try {
      const { count } = await countTree(directories, { concurrency: 4, signal });
      expect(count).toMatchObject({ files: 6001, complete: true, skipped: { count: 0 } });
    } finally {
      await directories.close();
    }
  });

  test("a directory that is missing, or a file, can't be counted", async () => {
    await client.writeFile(`${server.root}/file`, Buffer.of());
    for (const name of ["missing", "file"]) {
      const counted = (async () => {
        const reasons: string[] = [];
        const directories = await NfsDirectories.open({
          path: `${server.root}/${name}`,
          hosts: [server.host],
          port: server.port,
          tls: undefined,
          signal,
          onUnusable: (_, reason) => reasons.push(reason),
        });
        try {
          return await countTree(directories, { concurrency: 1, signal });
        } finally {
          await directories.close();
        }
      })();
      await expect(counted).rejects.toThrow("can't be read");
    }
    expect(
      isStatus(await client.stat(`${server.root}/missing`).catch((error: unknown) => error), "NFS4ERR_NOENT"),
    ).toBe(true);
  });
});

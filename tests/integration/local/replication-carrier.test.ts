/** What a replication carries, over real directories: whatever changes, is interrupted, or changes meanwhile. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFile,
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Carrier } from "../../../local/replication/carrier.ts";
import { type Change, type Destination, Replica } from "../../../local/replication/replica.ts";
import { type Attributes, absolute, scan } from "../../../local/replication/tree.ts";
import { seed } from "../../reliability/seed.ts";

let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "replication-test-"));
});
afterAll(() => rm(temporary, { recursive: true }));

async function pair() {
  const directory = await mkdtemp(join(temporary, "pair-"));
  const [source, destination, staging] = ["source", "destination", "staging"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(source);
  await mkdir(destination);
  return { source, destination, replica: new Replica(destination, staging), staging };
}

const never = new AbortController().signal;

/** All that a replication promises to carry: times to the microsecond, and which names belong to one file. */
async function snapshot(root: string): Promise<Record<string, unknown>> {
  const tree = await scan(root);
  const firstNames = new Map<string, string>();
  const entries = [...tree.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const result: Record<string, unknown> = {};
  for (const { path, kind, mode, modifiedAt, inode } of entries) {
    if (!firstNames.has(inode)) firstNames.set(inode, path);
    const at = absolute(root, path);
    const content =
      kind === "file"
        ? createHash("sha256")
            .update(await readFile(at))
            .digest("hex")
        : kind === "symbolic-link" && (await readlink(at));
    const microseconds = kind === "symbolic-link" ? 0 : Math.round(Number(BigInt(modifiedAt) / 100n) / 10);
    result[path] = {
      kind,
      mode: kind === "symbolic-link" ? 0 : mode,
      content,
      microseconds,
      first: firstNames.get(inode),
    };
  }
  return result;
}

/** Times are set as doubles: two that are nearly the same can be rounded to neighbours. */
function expectSame(destination: Record<string, unknown>, source: Record<string, unknown>) {
  const rounded = (entries: Record<string, unknown>) =>
    Object.fromEntries(
      Object.entries(entries).map(([path, entry]) => [path, { ...(entry as object), microseconds: undefined }]),
    );
  expect(rounded(destination)).toEqual(rounded(source));
  for (const [path, entry] of Object.entries(source)) {
    const { microseconds } = entry as { microseconds: number };
    const other = (destination[path] as { microseconds: number }).microseconds;
    expect(Math.abs(other - microseconds), `the time of ${path}`).toBeLessThanOrEqual(1);
  }
}

type Step =
  | { readonly what: "write" | "overwrite" | "append"; readonly path: string; readonly content: string }
  | { readonly what: "remove" | "directory" | "mode" | "time"; readonly path: string; readonly number: number }
  | { readonly what: "rename" | "link" | "symbolic-link"; readonly path: string; readonly to: string }
  | { readonly what: "sync" }
  | { readonly what: "interrupted sync"; readonly after: number; readonly done: boolean };

const name = fc.constantFrom("a", "b", "c", "d\u00e9");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constantFrom("write" as const, "overwrite" as const, "append" as const),
      path,
      content: fc.string({ maxLength: 8 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constantFrom("remove" as const, "directory" as const, "mode" as const, "time" as const),
      path,
      number: fc.nat(7),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constantFrom("rename" as const, "link" as const, "symbolic-link" as const),
      path,
      to: path,
    }),
  },
  { weight: 1, arbitrary: fc.constant({ what: "sync" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant("interrupted sync" as const), after: fc.nat(6), done: fc.boolean() }),
  },
);

/** Steps that are not possible where they fall change nothing. */
async function change(root: string, step: Step): Promise<void> {
  if (step.what === "sync" || step.what === "interrupted sync") return;
  // Paths are the bytes that Latin-1 makes of them: one name is not UTF-8.
  const at = absolute(root, step.path);
  switch (step.what) {
    case "write":
      await writeFile(absolute(root, "new"), step.content);
      await rename(absolute(root, "new"), at).catch(() => rm(absolute(root, "new")));
      return;
    case "overwrite":
      return writeFile(at, step.content, { flag: "r+" });
    case "append":
      return appendFile(at, step.content, { flag: "a" });
    case "remove":
      return rm(at, { recursive: true });
    case "directory":
      await mkdir(at);
      return;
    case "mode":
      return chmod(at, 0o700 + step.number);
    case "time":
      return utimes(at, 0, 1_700_000_000 + step.number + 0.123456);
    case "rename":
      return rename(at, absolute(root, step.to));
    case "link":
      return link(at, absolute(root, step.to));
    case "symbolic-link":
      return symlink(Buffer.from(step.to, "latin1"), at);
  }
}

/** Fails at one of its calls, before or after it has done what it was asked. */
class InterruptedReplica implements Destination {
  readonly #replica: Replica;
  readonly #done: boolean;
  #left: number;

  constructor(replica: Replica, after: number, done: boolean) {
    this.#replica = replica;
    this.#left = after;
    this.#done = done;
  }

  begin = () => this.#replica.begin();
  list = () => this.#replica.list();
  put = (path: string, attributes: Attributes, content: Readable) =>
    this.#interrupted(() => this.#replica.put(path, attributes, content));
  apply = (changes: readonly Change[]) => this.#interrupted(() => this.#replica.apply(changes));

  async #interrupted(work: () => Promise<void>): Promise<void> {
    const ends = this.#left-- <= 0;
    if (!ends || this.#done) await work();
    if (ends) throw new Error("interrupted");
  }
}

/** One carrier over a destination that can be exchanged. */
class Switch implements Destination {
  now: Destination;
  constructor(first: Destination) {
    this.now = first;
  }
  begin = () => this.now.begin();
  list = () => this.now.list();
  put = (path: string, attributes: Attributes, content: Readable) => this.now.put(path, attributes, content);
  apply = (changes: readonly Change[]) => this.now.apply(changes);
}

describe("a sync", () => {
  test("makes the destination what the source is, whatever changed and was interrupted before", async () => {
    const parameters = { numRuns: 150, ...(Number(seed) > 0 ? { seed: Number(seed) } : {}) };
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.array(step, { maxLength: 10 }),
        async (steps, atDestination) => {
          const { source, destination, replica, staging } = await pair();
          // What the destination had before is replaced: the initial sync of a failback.
          for (const each of atDestination) await change(destination, each).catch(() => {});
          const switched = new Switch(replica);
          const carrier = new Carrier(source, switched);
          for (const each of steps) {
            if (each.what === "sync") await carrier.sync(never);
            else if (each.what === "interrupted sync") {
              switched.now = new InterruptedReplica(replica, each.after, each.done);
              await carrier.sync(never).catch(() => {});
              switched.now = replica;
            } else await change(source, each).catch(() => {});
          }
          await carrier.sync(never);
          expectSame(await snapshot(destination), await snapshot(source));
          expect(await readdir(staging).catch(() => [])).toEqual([]);
        },
      ),
      parameters,
    );
  });

  test("sends nothing again of what did not change, and what a restart forgot only where it differs", async () => {
    const { source, replica } = await pair();
    await mkdir(join(source, "directory"));
    for (let file = 0; file < 50; file++) await writeFile(join(source, "directory", `${file}`), `content ${file}`);
    await sleep(100);
    const sent: string[] = [];
    const counting = new Switch(replica);
    counting.put = (path, attributes, content) => {
      sent.push(path);
      return replica.put(path, attributes, content);
    };
    const carrier = new Carrier(source, counting);
    await carrier.sync(never);
    expect(sent).toHaveLength(50);
    await writeFile(join(source, "directory", "7"), "CONTENT 7");
    await carrier.sync(never);
    expect(sent.slice(50)).toEqual(["directory/7"]);
    await sleep(100);
    await writeFile(join(source, "directory", "8"), "CONTENT 8");
    await new Carrier(source, counting).sync(never);
    expect(sent.slice(51)).toEqual(["directory/8"]);
  });

  test("sends nothing again after a restart, whatever becomes of a time when it is set", async () => {
    const { source, replica } = await pair();
    for (const nanoseconds of ["000001118", "000001119", "123456999", "999999999"]) {
      // Node.js sets none that is finer than a microsecond.
      await promisify(execFile)("touch", ["-d", `2025-11-29T00:00:00.${nanoseconds}Z`, join(source, nanoseconds)]);
    }
    const counting = new Switch(replica);
    let sent = 0;
    counting.put = (path, attributes, content) => {
      sent += 1;
      return replica.put(path, attributes, content);
    };
    await new Carrier(source, counting).sync(never);
    await sleep(100);
    await new Carrier(source, counting).sync(never);
    expect(sent).toBe(4);
  });

  test("carries an overwrite that leaves size, time and even the tick of the clock as they were", async () => {
    const { source, destination, replica } = await pair();
    const carrier = new Carrier(source, replica);
    for (let round = 0; round < 50; round++) {
      await writeFile(join(source, "file"), `version ${round % 2}`, { flag: "a+" });
      await writeFile(join(source, "file"), `version ${round % 2}`, { flag: "w" });
      await carrier.sync(never);
      await writeFile(join(source, "file"), `VERSION ${round % 2}`, { flag: "r+" });
      await utimes(join(source, "file"), 1, 1);
      await carrier.sync(never);
      expect(await readFile(join(destination, "file"), "utf8")).toBe(`VERSION ${round % 2}`);
    }
  });

  test("has all that was written before it began, although files are replaced, moved and removed meanwhile", async () => {
    const { source, destination, replica } = await pair();
    for (const directory of ["a", "b", "c"]) await mkdir(join(source, directory));
    const carrier = new Carrier(source, replica);
    const versions = new Map<string, { version: number; at: number }[]>();
    const stopping = new AbortController();

    /** Replaces its file again and again, as the router does. */
    const replacing = async (id: number) => {
      const path = `a/replaced-${id}`;
      for (let version = 1; !stopping.signal.aborted; version++) {
        await writeFile(join(source, `a/.temporary-${id}`), `${version}`);
        await rename(join(source, `a/.temporary-${id}`), join(source, path));
        versions.set(path, [...(versions.get(path) ?? []), { version, at: Date.now() }]);
        await nextTurn();
      }
    };
    let syncs = 0;
    /** Resolves when a sync has begun and ended, however long that takes. */
    const wholeSync = async () => {
      const before = syncs;
      while (syncs < before + 2 && !stopping.signal.aborted) await sleep(10);
    };
    const moved = new Map<number, { at: string; since: number }>();
    /** Moves its file from directory to directory, and never changes it. */
    const moving = async (id: number) => {
      let at = "a";
      await writeFile(join(source, at, `moved-${id}`), "same");
      while (!stopping.signal.aborted) {
        const to = at === "a" ? "b" : at === "b" ? "c" : "a";
        moved.delete(id);
        await rename(join(source, at, `moved-${id}`), join(source, to, `moved-${id}`));
        at = to;
        moved.set(id, { at, since: Date.now() });
        // Some move while a sync runs, others stay where they are for all of one.
        await (id % 2 === 0 ? sleep(50 + 100 * id) : wholeSync());
      }
    };
    const comingAndGoing = async () => {
      for (let file = 0; !stopping.signal.aborted; file++) {
        await writeFile(join(source, "b", `short-lived-${file}`), "x");
        if (file >= 20) await rm(join(source, "b", `short-lived-${file - 20}`));
        await nextTurn();
      }
    };
    const all = [0, 1, 2, 3];
    const running = Promise.all([...all.map(moving), ...all.map(replacing), comingAndGoing()]);
    let untouched = 0;
    try {
      for (let round = 0; round < 15; round++) {
        const began = await carrier.sync(never);
        syncs++;
        const where = new Map(moved);
        for (const [path, all] of versions) {
          const before = all.filter(({ at }) => at < began.getTime()).at(-1)?.version;
          if (before === undefined) continue;
          expect(Number(await readFile(join(destination, path), "utf8"))).toBeGreaterThanOrEqual(before);
        }
        const held = await scan(destination);
        for (const [id, { at, since }] of where) {
          if (since >= began.getTime()) continue;
          const names = ["a", "b", "c"].map((directory) => `${directory}/moved-${id}`);
          expect(names.filter((each) => held.has(each))).toEqual([`${at}/moved-${id}`]);
          untouched++;
        }
      }
    } finally {
      stopping.abort();
      await running;
    }
    expect(untouched).toBeGreaterThan(0);
    await carrier.sync(never);
    expectSame(await snapshot(destination), await snapshot(source));
  });
});

test("what an interrupted sync left incomplete is put aside in the tree, as Amazon EFS does it", async () => {
  const { destination, replica, staging } = await pair();
  await mkdir(staging);
  await writeFile(join(staging, "incomplete-1"), "hal");
  await replica.keepIncomplete("fs-0123456789abcdef0", new Date(1_700_000_000_000));
  const aside = join(destination, "efs-replication-lost+found-fs-0123456789abcdef0-1700000000000");
  expect(await readFile(join(aside, "incomplete-1"), "utf8")).toBe("hal");
  await replica.keepIncomplete("fs-0123456789abcdef0", new Date());
  expect(await readdir(destination)).toHaveLength(1);
  expect((await lstat(aside)).isDirectory()).toBe(true);
});

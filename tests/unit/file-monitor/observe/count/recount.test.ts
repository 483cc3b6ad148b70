import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type CountOptions,
  countTree,
  type KeptTree,
} from "../../../../../functions/file-monitor/observe/count/count-tree.ts";
import { type DirectoryTree, ROOT } from "../../../../../functions/file-monitor/observe/count/directory-tree.ts";
import { ChangingTree, PathDirectories } from "../../../../support/changing-tree.ts";

const SETTLING_TIME = 100;
const never = new AbortController().signal;

let world: ChangingTree;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  world = new ChangingTree({ tick: 10, ahead: 0 });
  // The root, with two directories and a file; one of them has a directory and two files.
  for (const name of [0, 1]) world.change({ kind: "make directory", at: 0, name });
  world.change({ kind: "make file", at: 0, name: 2 });
  world.change({ kind: "make directory", at: 1, name: 0 });
  for (const name of [1, 2]) world.change({ kind: "make file", at: 1, name });
  pass(1000);
});

afterEach(() => {
  vi.useRealTimers();
});

function pass(milliseconds: number): void {
  world.change({ kind: "time passes", milliseconds });
  vi.setSystemTime(world.now);
}

const count = (options: Partial<CountOptions> = {}) =>
  countTree(new PathDirectories(world), { concurrency: 2, signal: never, settlingTime: SETTLING_TIME, ...options });

async function keep(): Promise<KeptTree> {
  return (await count()).kept;
}

test("what has not changed is not read again", async () => {
  const kept = await keep();
  expect(await count({ kept })).toMatchObject({ count: { files: 3, complete: true }, directoriesRead: 0 });
  world.change({ kind: "make file", at: 1, name: 3 });
  expect(await count({ kept })).toMatchObject({
    count: { files: 4, largestDirectory: { path: "/n0", files: 3 } },
    directoriesRead: 1,
  });
});

test("the directories in which names changed are told; those that are new, by the ones that they are in", async () => {
  const kept = await keep();
  expect(await count({ kept })).toMatchObject({ changedDirectories: [] });
  pass(1000);
  world.change({ kind: "make file", at: 1, name: 3 });
  world.change({ kind: "make directory", at: 0, name: 5 });
  const { kept: next, changedDirectories } = await count({ kept });
  expect([...(changedDirectories ?? [])].sort()).toEqual(["", "/n0"]);
  expect(await count({ kept: next })).toMatchObject({ changedDirectories: [] });
});

test("where the tree of the last count is lost, nobody knows which directories changed", async () => {
  expect(await count()).toMatchObject({ changedDirectories: undefined });
});

test("two changes in one tick of the clock, one of them after the directory was read, are both counted", async () => {
  world.change({ kind: "make file", at: 1, name: 3 });
  const first = await count({ kept: await keep() });
  expect(first.count.files).toBe(4);
  world.change({ kind: "make file", at: 1, name: 4 });
  expect(await count({ kept: first.kept })).toMatchObject({ count: { files: 5 }, directoriesRead: 1 });
});

describe("a full count", () => {
  test("reads everything, and agrees with what was kept", async () => {
    const kept = await keep();
    world.change({ kind: "make file", at: 1, name: 3 });
    expect(await count({ kept, readAll: true })).toMatchObject({
      count: { files: 4 },
      directoriesRead: 4,
      wrongDirectories: { count: 0 },
    });
  });

  test.each<[string, (kept: KeptTree) => KeptTree, string[]]>([
    ["files", (kept) => ({ ...kept, tree: withFiles(kept.tree, "/n0", 7) }), ["/n0"]],
    ["files of the root", (kept) => ({ ...kept, tree: withFiles(kept.tree, "", 0) }), [""]],
  ])("tells of a directory whose %s were kept wrongly, and the next count is right", async (_, spoil, wrong) => {
    const kept = spoil(await keep());
    expect((await count({ kept })).count.files).not.toBe(world.files);
    const full = await count({ kept, readAll: true });
    expect(full).toMatchObject({
      count: { files: world.files },
      wrongDirectories: { count: 1, examples: wrong },
    });
    expect((await count({ kept: full.kept })).count.files).toBe(world.files);
  });

  test("that runs out of time is gone on with until everything was read, and knows no less meanwhile", async () => {
    for (let name = 0; name < 5; name++) world.change({ kind: "make directory", at: 3, name });
    world.change({ kind: "make file", at: 8, name: 0 });
    pass(1000);
    const first = await count({ readAll: true });
    expect(first.kept.readAllAt).toBe(world.now);
    pass(1000);
    let { kept } = first;
    const read: number[] = [];
    for (;;) {
      const full = await countDirectories(2, { kept, readAll: true });
      read.push(full.directoriesRead);
      kept = full.kept;
      expect(full.count.files).toBe(world.files);
      if (full.count.complete || read.length > world.directories) break;
      expect(kept.readAllAt).toBe(first.kept.readAllAt);
      pass(1000);
    }
    expect(read.length).toBeGreaterThan(1);
    expect(read.reduce((sum, one) => sum + one)).toBe(world.directories);
    expect(kept.readAllAt).toBe(world.now);
    // The next one begins anew.
    expect((await count({ kept, readAll: true })).directoriesRead).toBe(world.directories);
  });

  test("that goes on tells of a directory that was kept wrongly", async () => {
    const { count: begun, kept } = await countDirectories(2, { kept: await keep(), readAll: true });
    expect(begun).toMatchObject({ files: world.files, complete: false });
    withFiles(kept.tree, "/n1", 7);
    expect(await count({ kept, readAll: true })).toMatchObject({
      count: { files: world.files, complete: true },
      directoriesRead: 2,
      wrongDirectories: { count: 1, examples: ["/n1"] },
    });
  });

  test("that was never complete is not done", async () => {
    const { count: begun, kept } = await countDirectories(2, { readAll: true });
    expect(begun.complete).toBe(false);
    expect(kept.readAllAt).toBe(0);
  });
});

/** A count whose time is over after so many steps. */
async function countSteps(steps: number, options: Partial<CountOptions>) {
  const ends = new AbortController();
  const step = world.step.bind(world);
  let left = steps;
  world.step = async () => {
    left -= 1;
    if (left === 0) ends.abort();
    await step();
  };
  try {
    return await count({ signal: ends.signal, ...options });
  } finally {
    world.step = step;
  }
}

/** A count whose time is over when it has looked at all that was kept, and read so many directories. */
function countDirectories(read: number, options: Partial<CountOptions>) {
  return countSteps((options.kept?.tree.size ?? 0) + 3 * read + 1, { concurrency: 1, ...options });
}

/** Spoils a tree as no change of the file system does. */
function withFiles(tree: DirectoryTree, path: string, files: number): DirectoryTree {
  for (let directory = ROOT; directory < tree.size; directory++) {
    if (tree.path(directory) !== path) continue;
    tree.set(directory, { files, mark: tree.mark(directory), id: tree.id(directory), settled: true });
  }
  return tree;
}

test("a count that ran out of time is gone on with, and loses nothing of what was kept", async () => {
  const first = await countSteps(6, { concurrency: 1 });
  expect(first.count).toMatchObject({ complete: false });
  const second = await count({ kept: first.kept });
  expect(second).toMatchObject({ count: { files: 3, complete: true } });
  expect(second.directoriesRead).toBeLessThan(4);
});

test("a count whose time is over before it has looked at all that was kept is a lower bound", async () => {
  const kept = await keep();
  world.change({ kind: "make file", at: 0, name: 3 });
  const { count: cut, kept: left } = await countSteps(3, { kept, concurrency: 1 });
  expect(cut).toMatchObject({ files: 2, complete: false, largestDirectory: { path: "/n0", files: 2 } });
  expect((await count({ kept: left })).count).toMatchObject({ files: 4, complete: true });
});

test("a file system whose clock is far behind is noticed", async () => {
  world = new ChangingTree({ tick: 10, ahead: -500 });
  pass(1000);
  const kept = await keep();
  expect((await count({ kept })).clockIsBehind).toBe(false);
  pass(10);
  world.change({ kind: "make file", at: 0, name: 1 });
  const behind = await count({ kept });
  expect(behind.clockIsBehind).toBe(true);
  // The next count believes nothing of it.
  pass(1000);
  expect(behind.kept.readAllAt).toBe(0);
  expect((await count({ kept: behind.kept, readAll: true })).directoriesRead).toBe(world.directories);
});

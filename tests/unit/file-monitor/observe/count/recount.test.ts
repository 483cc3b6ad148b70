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
    ["files", ({ tree, startedAt }) => ({ tree: withFiles(tree, "/n0", 7), startedAt }), ["/n0"]],
    ["files of the root", ({ tree, startedAt }) => ({ tree: withFiles(tree, "", 0), startedAt }), [""]],
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
});

/** Spoils a tree as no change of the file system does. */
function withFiles(tree: DirectoryTree, path: string, files: number): DirectoryTree {
  for (let directory = ROOT; directory < tree.size; directory++) {
    if (tree.path(directory) !== path) continue;
    tree.set(directory, { files, mark: tree.mark(directory), id: tree.id(directory), settled: true });
  }
  return tree;
}

test("a count that ran out of time is gone on with, and loses nothing of what was kept", async () => {
  const ends = new AbortController();
  const steps = world.step.bind(world);
  let left = 6;
  world.step = async () => {
    left -= 1;
    if (left === 0) ends.abort();
    await steps();
  };
  const first = await count({ signal: ends.signal, concurrency: 1 });
  world.step = steps;
  expect(first.count).toMatchObject({ complete: false });
  const second = await count({ kept: first.kept });
  expect(second).toMatchObject({ count: { files: 3, complete: true } });
  expect(second.directoriesRead).toBeLessThan(4);
});

test("a file system whose clock is far behind is noticed", async () => {
  world = new ChangingTree({ tick: 10, ahead: -500 });
  pass(1000);
  const kept = await keep();
  expect((await count({ kept })).clockIsBehind).toBe(false);
  pass(10);
  world.change({ kind: "make file", at: 0, name: 1 });
  expect((await count({ kept })).clockIsBehind).toBe(true);
});

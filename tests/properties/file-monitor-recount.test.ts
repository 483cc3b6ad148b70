/**
 * A count that goes on from the one before gives the number of files there are, whatever changed in between and while
 * they counted.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { countTree, type KeptTree } from "../../functions/file-monitor/observe/count/count-tree.ts";
import { decodeTree, encodeTree } from "../../functions/file-monitor/observe/count/tree-file.ts";
import { type Change, ChangingTree, HandleDirectories, PathDirectories } from "../support/changing-tree.ts";

const SETTLING_TIME = 100;
const SOURCE = { fileSystemId: "fs-1", directory: "/", via: "mount" } as const;

const place = fc.nat(30);
const name = fc.nat(4);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("make file" as const), at: place, name }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("make directory" as const), at: place, name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove file" as const), at: place, name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove directory" as const), at: place, name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("replace directory by file" as const), at: place, name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("move" as const), at: place, name, to: place, as: name }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("time passes" as const), milliseconds: fc.constantFrom(1, 10, 40, 200) }),
  },
);

const counted = fc.record({
  before: fc.array(change, { maxLength: 30 }),
  /** In the middle, step by step. */
  meanwhile: fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 20 }),
  readAll: fc.boolean(),
  concurrency: fc.integer({ min: 1, max: 4 }),
  /** The step in which the time for counting is over. */
  endsAt: fc.option(fc.nat(20), { nil: undefined }),
});

const clock = fc.record({ tick: fc.constantFrom(1, 20, 50), ahead: fc.constantFrom(-50, 0, 50) });

const kinds = [
  { kind: "paths, as a mount does", open: (world: ChangingTree) => new PathDirectories(world) },
  { kind: "handles, as NFS does", open: (world: ChangingTree) => new HandleDirectories(world) },
];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe.each(kinds)("with $kind", ({ open }) => {
  test("whatever changes between and during counts, the next one at rest is exact", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(clock, fc.array(counted, { minLength: 1, maxLength: 5 }), async (clock, counts) => {
        const world = new ChangingTree(clock);
        let kept: KeptTree | undefined;
        for (const { before, meanwhile, readAll, concurrency, endsAt } of counts) {
          for (const one of before) world.change(one);
          world.scheduled.push(...meanwhile);
          const result = await count(world, kept, { concurrency, readAll, endsAt });
          if (result !== undefined) {
            // Nothing is said to be wrong because it changed.
            expect(result.wrongDirectories.count).toBe(0);
            expect(result.clockIsBehind).toBe(false);
            kept = await throughFile(result.kept);
          }
          world.scheduled.length = 0;
        }
        const last = await count(world, kept, { concurrency: 2, readAll: false, endsAt: undefined });
        expect(last?.count).toMatchObject({ files: world.files, complete: true, skipped: { count: 0 } });
      }),
      { numRuns: 400 },
    );
  });

  async function count(
    world: ChangingTree,
    kept: KeptTree | undefined,
    options: { concurrency: number; readAll: boolean; endsAt: number | undefined },
  ) {
    const ends = new AbortController();
    const directories = open(world);
    const step = world.step.bind(world);
    let steps = 0;
    world.step = async () => {
      if (steps++ === options.endsAt) ends.abort();
      await step();
      vi.setSystemTime(world.now);
    };
    vi.setSystemTime(world.now);
    try {
      return await countTree(directories, {
        concurrency: options.concurrency,
        readAll: options.readAll,
        signal: ends.signal,
        kept,
        settlingTime: SETTLING_TIME,
      });
    } catch (error) {
      // The time was over before the root was opened.
      if (options.endsAt === undefined) throw error;
      return undefined;
    } finally {
      world.step = step;
    }
  }
});

async function throughFile(kept: KeptTree): Promise<KeptTree> {
  return await decodeTree(await encodeTree(SOURCE, { ...kept, readAllAt: 0 }), SOURCE);
}

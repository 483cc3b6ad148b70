import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { filePath, HotSpots } from "@efs-mount-autoscaling/routed-files";
import fc from "fast-check";
import pino from "pino";
import { describe, expect, test } from "vitest";
import { SharedReads } from "../../packages/routed-files/src/hot-spots/shared-reads.ts";
import { SpaceSaving } from "../../packages/routed-files/src/hot-spots/space-saving.ts";

interface Item {
  readonly key: string;
  readonly weight: number;
}

const CAPACITY = 16;

/** Any stream; one in which few keys are heavy; one that pushes out every key just before it comes again. */
const stream: fc.Arbitrary<Item[]> = fc.oneof(
  fc.array(fc.record({ key: fc.nat(60).map(String), weight: fc.integer({ min: 1, max: 9 }) }), { maxLength: 600 }),
  fc.array(fc.double({ min: 1e-3, max: 1, noNaN: true }), { maxLength: 600 }).map((numbers) =>
    // Zipf with exponent 2, by inversion.
    numbers.map((number) => ({ key: String(Math.min(500, Math.floor(1 / number))), weight: 1 })),
  ),
  fc.integer({ min: 1, max: 20 }).map((rounds) =>
    Array.from({ length: rounds * (CAPACITY + 1) }, (_, index) => ({
      key: String(index % (CAPACITY + 1)),
      weight: 1,
    })),
  ),
);

describe("the heaviest keys of a stream", () => {
  test("are counted within the documented bound, and none that is heavier is missing", () => {
    fc.assert(
      fc.property(stream, (items) => {
        const sketch = new SpaceSaving(CAPACITY);
        const exact = new Map<string, number>();
        for (const { key, weight } of items) {
          sketch.add(key, weight);
          exact.set(key, (exact.get(key) ?? 0) + weight);
        }
        const total = items.reduce((sum, { weight }) => sum + weight, 0);
        expect(sketch.total).toBe(total);
        for (const { key, count, error } of sketch.top(CAPACITY)) {
          const real = exact.get(key) ?? 0;
          expect(count).toBeGreaterThanOrEqual(real);
          expect(count - error).toBeLessThanOrEqual(real);
          expect(error).toBeLessThanOrEqual(total / CAPACITY);
        }
        for (const [key, real] of exact) {
          if (real > total / CAPACITY) expect(sketch.find(key)?.count).toBeGreaterThanOrEqual(real);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("the memory of hot spots", () => {
  test("is at most 256 KiB, with the longest paths and never the same one twice", () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage: () => void = runInNewContext("gc");
    const heap = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const INSTANCES = 16;
    const before = heap();
    const all = Array.from(
      { length: INSTANCES },
      () => new HotSpots({ share: 0.05, log: pino({ level: "silent" }), now: () => 0 }),
    );
    for (const [instance, hotSpots] of all.entries()) {
      for (let index = 0; index < 500; index++) {
        const name = `${instance}-${index}-${"日".repeat(70)}`;
        const path = filePath(Array.from({ length: 15 }, () => name).join("/"));
        hotSpots.note(path);
        hotSpots.noteBytes(path, 1_000);
      }
    }
    const each = (heap() - before) / INSTANCES;
    expect(all).toHaveLength(INSTANCES);
    expect(each).toBeLessThan(256 * 1024);
  });
});

describe("a read that is shared", () => {
  /**
   * A file that holds a number, which grows with each write, read and written with delays of any length in any order:
   * writes and reads take effect somewhere between their beginning and their end.
   */
  test("is linearizable: what it returns was in the file between the request and its response", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom("read", "write"), { minLength: 1, maxLength: 30 }),
        async (scheduler, kinds) => {
          const reads = new SharedReads<number>();
          let content = 0;
          /** The last write that is over, and the last one that has begun. */
          let written = 0;
          let begun = 0;
          let latestRead = 0;
          const readFile = async () => {
            await scheduler.schedule(Promise.resolve(), "the request reaches the server");
            const value = content;
            await scheduler.schedule(Promise.resolve(), "the reply comes back");
            return value;
          };
          const write = async () => {
            const number = ++begun;
            await scheduler.schedule(Promise.resolve(), "the write reaches the server");
            content = Math.max(content, number);
            await scheduler.schedule(Promise.resolve(), "its reply comes back");
            written = Math.max(written, number);
          };
          const read = async () => {
            const [oldest, readBefore] = [written, latestRead];
            const value = await reads.read("file", readFile);
            expect(value).toBeGreaterThanOrEqual(oldest);
            // A read that begins when another one is over sees nothing older than that one saw.
            expect(value).toBeGreaterThanOrEqual(readBefore);
            expect(value).toBeLessThanOrEqual(begun);
            latestRead = Math.max(latestRead, value);
          };
          const clients = kinds.map(async (kind) => {
            await scheduler.schedule(Promise.resolve(), "a client begins");
            await (kind === "read" ? read() : write());
          });
          await scheduler.waitFor(Promise.all(clients));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

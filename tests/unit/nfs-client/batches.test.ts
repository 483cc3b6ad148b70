import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Batches, MAX_SOURCE_WAIT } from "../../../packages/nfs-client/src/files/chunks.ts";

const CHUNK = 10;
const BATCH = Buffer.alloc(4 * CHUNK);

let waiting: { resolve: () => void; reject: (error: unknown) => void }[];
let batches: Batches;

/** Writes take until the test ends them. */
beforeEach(() => {
  vi.useFakeTimers();
  waiting = [];
  batches = new Batches(CHUNK, () => new Promise((resolve, reject) => waiting.push({ resolve, reject })));
});

afterEach(() => {
  vi.useRealTimers();
});

test("at most two batches are in flight, also after a source that paused often", async () => {
  for (let pause = 0; pause < 5; pause++) {
    await batches.add(Buffer.alloc(1));
    await vi.advanceTimersByTimeAsync(MAX_SOURCE_WAIT);
    expect(waiting).toHaveLength(1);
    waiting.pop()?.resolve();
  }
  const added = (async () => {
    for (let count = 0; count < 5; count++) await batches.add(BATCH);
    await batches.finish();
  })();
  for (let left = 5; left > 0; left--) {
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting).toHaveLength(Math.min(left, 2));
    waiting.shift()?.resolve();
  }
  await added;
});

test("a batch that fails ends the waiting for one, and nothing more is sent", async () => {
  await batches.add(BATCH);
  await batches.add(BATCH);
  const added = expect(batches.add(BATCH)).rejects.toThrow("no space");
  waiting[1]?.reject(new Error("no space"));
  await added;
  await expect(batches.add(BATCH)).rejects.toThrow("no space");
  expect(waiting).toHaveLength(2);
  waiting[0]?.resolve();
  await batches.stop();
});

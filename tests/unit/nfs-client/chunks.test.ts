import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  Batches,
  begin,
  type Chunk,
  ChunkGatherer,
  dropBytes,
  MAX_SOURCE_WAIT,
} from "../../../packages/nfs-client/src/files/chunks.ts";
import { MemoryBudget, MemoryLease } from "../../../packages/nfs-client/src/memory-budget.ts";

const bytesOf = ({ parts }: Chunk) => Buffer.concat(parts);

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

test("chunks hold every byte at its offset, and only the last is shorter", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.integer({ min: 1, max: 30 }), (parts, size) => {
      const gatherer = new ChunkGatherer(size);
      const chunks = [...parts.flatMap((part) => gatherer.add(part)), ...gatherer.takeRest()];
      let offset = 0;
      for (const chunk of chunks) {
        expect(chunk.offset).toBe(offset);
        expect(bytesOf(chunk)).toHaveLength(chunk.length);
        offset += chunk.length;
      }
      expect(chunks.slice(0, -1).every(({ length }) => length === size)).toBe(true);
      expect(Buffer.concat(chunks.map(bytesOf))).toEqual(Buffer.concat(parts));
    }),
  );
});

test("what is left of a chunk is its bytes behind those that are written", () => {
  const chunk = { offset: 100, length: 6, parts: [Buffer.from("abc"), Buffer.from("def")] };
  const rest = dropBytes(chunk, 4);
  expect([rest.offset, rest.length, bytesOf(rest).toString()]).toEqual([104, 2, "ef"]);
});

describe("the beginning of a source", () => {
  async function* source(count: number, pauseAt = -1) {
    for (let index = 0; index < count; index++) {
      if (index === pauseAt) await sleep(100);
      yield Buffer.alloc(10, index);
    }
  }

  test("ends at the limit, at a pause, and where memory is short; nothing is lost", async () => {
    const whole = await collect(source(8));
    for (const [items, limit, size, length, complete] of [
      [source(8), 1000, 1000, 80, true],
      [source(8), 25, 1000, 30, false],
      [source(8), 1000, 45, 40, false],
      [source(8, 3), 1000, 1000, 30, false],
    ] as const) {
      const memory = new MemoryBudget(size);
      const beginning = await begin(items, limit, 20, new MemoryLease(memory));
      expect([beginning.length, beginning.complete, memory.reserved]).toEqual([length, complete, length]);
      expect(Buffer.concat([...beginning.parts, await collect(beginning.rest())])).toEqual(whole);
      await beginning.end();
    }
  });
});

describe("batches", () => {
  test("of a source that pauses do not wait for it", async () => {
    const written: Chunk[] = [];
    const batches = new Batches(100, async (chunks) => void written.push(...chunks));
    await batches.add(Buffer.from("little"));
    await sleep(MAX_SOURCE_WAIT + 200);
    expect(written.map((chunk) => bytesOf(chunk).toString())).toEqual(["little"]);
    await batches.add(Buffer.from(" more"));
    await batches.finish();
    await batches.stop();
    expect(written.map(({ offset }) => offset)).toEqual([0, 6]);
  });

  test("that fail end the stream with the next part", async () => {
    const batches = new Batches(1, () => Promise.reject(new Error("no space")));
    await batches.add(Buffer.alloc(4));
    await expect(batches.add(Buffer.alloc(1))).rejects.toThrow("no space");
    await batches.stop();
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { SharedReads } from "../../../../packages/routed-files/src/hot-spots/shared-reads.ts";

/** Reads that end when they are told to. */
function controlled() {
  const reads = new SharedReads<number>();
  const ends: ((error?: Error) => void)[] = [];
  const read = (key = "file") =>
    reads.read(
      key,
      () =>
        new Promise((resolve, reject) => {
          const number = ends.length;
          ends.push((error) => (error === undefined ? resolve(number) : reject(error)));
        }),
    );
  return { reads, ends, read };
}

describe("reads of the same at the same time", () => {
  test("that come while one is in flight share the next one", async () => {
    const { reads, ends, read } = controlled();
    const first = read();
    const later = Array.from({ length: 96 }, () => read());
    expect(ends).toHaveLength(1);
    ends[0]?.();
    expect(await first).toBe(0);
    expect(ends).toHaveLength(2);
    ends[1]?.();
    expect(new Set(await Promise.all(later))).toEqual(new Set([1]));
    expect(reads.shared).toBe(95);
  });

  test("are not shared once the next one has begun, nor by those who ask for something else", async () => {
    const { ends, read } = controlled();
    void read();
    void read();
    ends[0]?.();
    await sleep(0);
    const afterBegin = read();
    void read("another");
    expect(ends).toHaveLength(3);
    ends[1]?.();
    await sleep(0);
    ends[3]?.();
    expect(await afterBegin).toBe(3);
  });

  test("do not wait long for one that hangs", async () => {
    const { ends, read } = controlled();
    void read();
    const waiting = read();
    await sleep(100);
    expect(ends).toHaveLength(2);
    ends[1]?.();
    expect(await waiting).toBe(1);
  });

  test("fail together, and the next one is tried anew", async () => {
    const { ends, read } = controlled();
    const first = read();
    const later = [read(), read()];
    ends[0]?.(new Error("lost"));
    await expect(first).rejects.toThrow("lost");
    ends[1]?.(new Error("lost again"));
    for (const each of later) await expect(each).rejects.toThrow("lost again");
    const next = read();
    ends[2]?.();
    expect(await next).toBe(2);
  });
});

/** Work on many items at once, whose results come in the order of the items. */
import { type MemoryBudget, MemoryLease } from "nfs-client";

export interface InOrderOptions<Item, Result> {
  /** `lease` has the memory that is held for the result until it was taken: work may lease more, and release some. */
  readonly work: (item: Item, lease: MemoryLease) => Promise<Result>;
  /** Items that are worked on, or whose results wait to be taken, at most. */
  readonly atOnce: number;
  readonly memory: MemoryBudget;
  /** Bytes that the result for an item holds, as far as is known beforehand. */
  readonly bytesOf: (item: Item) => number;
}

interface Ahead<Result> {
  readonly result: Promise<Result>;
  readonly lease: MemoryLease;
}

/**
 * The results, in the order of the items; it fails where one of them does. While there is no memory for more, there is one
 * at a time. New items begin several at once, so that what is done to them can share requests.
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item>,
  { work, atOnce, memory, bytesOf }: InOrderOptions<Item, Result>,
): AsyncGenerator<Result> {
  const source = items[Symbol.asyncIterator]();
  const ahead: Ahead<Result>[] = [];
  let next = await source.next();
  const begin = async () => {
    while (!next.done && ahead.length < atOnce) {
      const lease = new MemoryLease(memory);
      const bytes = bytesOf(next.value);
      const isHeld = bytes === 0 || lease.tryReserveSpare(bytes);
      if (!isHeld && ahead.length > 0) return;
      const result = work(next.value, lease);
      // It is awaited later; until then its failure must not count as unhandled.
      result.catch(() => {});
      ahead.push({ result, lease });
      next = await source.next();
    }
  };
  try {
    for (;;) {
      if (ahead.length <= atOnce / 2) await begin();
      const first = ahead.shift();
      if (first === undefined) return;
      try {
        yield await first.result;
      } finally {
        first.lease.releaseAll();
      }
    }
  } finally {
    for (const { result, lease } of ahead) void result.finally(() => lease.releaseAll()).catch(() => {});
    await source.return?.(undefined);
  }
}

/** Work on many items at once, whose results come in the order of the items. */
import type { MemoryBudget } from "nfs-client";

export interface InOrderOptions<Item, Result> {
  readonly work: (item: Item) => Promise<Result>;
  /** Items that are worked on, or whose results wait to be taken, at most. */
  readonly atOnce: number;
  readonly memory: MemoryBudget;
  /** Bytes that the result for an item holds, at most. */
  readonly bytesOf: (item: Item) => number;
}

interface Ahead<Result> {
  readonly result: Promise<Result>;
  /** Bytes of memory that are leased for it. */
  readonly held: number;
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
      const bytes = bytesOf(next.value);
      const held = memory.tryReserveSpare(bytes) ? bytes : 0;
      if (held < bytes && ahead.length > 0) return;
      const result = work(next.value);
      // It is awaited later; until then its failure must not count as unhandled.
      result.catch(() => {});
      ahead.push({ result, held });
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
        memory.release(first.held);
      }
    }
  } finally {
    for (const { result, held } of ahead) void result.finally(() => memory.release(held)).catch(() => {});
    await source.return?.(undefined);
  }
}

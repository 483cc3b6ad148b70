/**
 * Data on its way to WRITEs: parts come from a source, are gathered into chunks of one size without being copied, and
 * are sent in batches.
 */
import type { MemoryLease } from "../memory-budget.ts";

export interface Chunk {
  readonly offset: number;
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}

/** Makes chunks of `size` bytes out of parts of any length. */
export class ChunkGatherer {
  readonly #size: number;
  #offset = 0;
  #length = 0;
  #parts: Uint8Array[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Adds bytes, and returns the chunks that are full now. */
  add(bytes: Uint8Array): Chunk[] {
    const chunks: Chunk[] = [];
    let rest = bytes;
    while (this.#length + rest.length >= this.#size) {
      const taken = rest.subarray(0, this.#size - this.#length);
      this.#push(taken);
      chunks.push(...this.takeRest());
      rest = rest.subarray(taken.length);
    }
    if (rest.length > 0) this.#push(rest);
    return chunks;
  }

  /** The last chunk, which is not full; none when it is empty. */
  takeRest(): Chunk[] {
    if (this.#length === 0) return [];
    const chunk = { offset: this.#offset, length: this.#length, parts: this.#parts };
    this.#offset += this.#length;
    this.#length = 0;
    this.#parts = [];
    return [chunk];
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }
}

/** The chunk without its first `count` bytes. */
export function dropBytes(chunk: Chunk, count: number): Chunk {
  const parts: Uint8Array[] = [];
  let skip = count;
  for (const part of chunk.parts) {
    if (skip < part.length) parts.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return { offset: chunk.offset + count, length: chunk.length - count, parts };
}

/** The beginning of a source, and the way to the rest of it. */
export interface Beginning {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
  /** The source has no more than `parts`. */
  readonly complete: boolean;
  /** Everything after `parts`; to be iterated at most once. */
  rest(): AsyncIterable<Uint8Array>;
  /** Ends the source: nothing more is taken from it. */
  end(): Promise<void>;
}

/** A source that is in memory as a whole; it counts as complete up to `limit` bytes. */
export function allOf(data: Uint8Array, limit: number): Beginning {
  return {
    parts: [data],
    length: data.length,
    complete: data.length <= limit,
    async *rest() {},
    async end() {},
  };
}

/**
 * Takes parts until the source ends, has given more than `limit` bytes, or pauses for `maxPause` milliseconds, or until
 * there is no memory for more. `memory` accounts for the parts.
 */
export async function begin(
  source: AsyncIterable<Uint8Array>,
  limit: number,
  maxPause: number,
  memory: MemoryLease,
): Promise<Beginning> {
  const iterator = source[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let length = 0;
  let complete = false;
  /** Requested from the source and not taken yet. */
  let pending: Promise<IteratorResult<Uint8Array>> | undefined;
  while (length <= limit) {
    pending ??= iterator.next();
    const next = length === 0 ? await pending : await within(maxPause, pending);
    if (next?.done) complete = true;
    if (next === undefined || next.done || !memory.tryReserve(next.value.length)) break;
    parts.push(next.value);
    length += next.value.length;
    pending = undefined;
  }
  return {
    parts,
    length,
    complete,
    async *rest() {
      for (let next = await (pending ?? iterator.next()); !next.done; next = await iterator.next()) {
        pending = undefined;
        yield next.value;
      }
    },
    async end() {
      const ended = iterator.return?.();
      // A source that pauses would end only after its pause.
      if (pending === undefined) await ended;
      else ended?.catch(() => {});
    },
  };
}

/** What `promise` resolves to, or `undefined` when that takes longer. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Chunks that one COMMIT makes durable, and how many such batches may be in flight for one stream. */
const BATCH_CHUNKS = 4;
const BATCHES_AHEAD = 2;

/**
 * Milliseconds that a byte waits for its batch to become full. Memory that others wait for must not be held for a
 * source that is slow.
 */
export const MAX_SOURCE_WAIT = 1000;

/** The chunks of one stream: a few batches are in flight, and the next one is being filled. */
export class Batches {
  readonly #write: (chunks: readonly Chunk[]) => Promise<void>;
  readonly #gatherer: ChunkGatherer;
  #batch: Chunk[] = [];
  /** These promises never reject: see `#failure`. */
  readonly #inFlight = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param write Writes chunks; on return they are durable. */
  constructor(chunkSize: number, write: (chunks: readonly Chunk[]) => Promise<void>) {
    this.#gatherer = new ChunkGatherer(chunkSize);
    this.#write = write;
  }

  /** Adds the next bytes; waits while too many batches are in flight. Fails as soon as a batch has failed. */
  async add(bytes: Uint8Array): Promise<void> {
    this.#check();
    for (const chunk of this.#gatherer.add(bytes)) {
      this.#batch.push(chunk);
      if (this.#batch.length < BATCH_CHUNKS) continue;
      while (this.#inFlight.size >= BATCHES_AHEAD) await Promise.race(this.#inFlight);
      this.#check();
      this.#sendBatch();
    }
    this.#timer ??= setTimeout(() => this.send(), MAX_SOURCE_WAIT);
  }

  /** Sends what has been added so far. */
  send(): void {
    this.#batch.push(...this.#gatherer.takeRest());
    this.#sendBatch();
  }

  /** Sends what has been added so far; on return all of it is durable. */
  async finish(): Promise<void> {
    this.send();
    await Promise.all(this.#inFlight);
    this.#check();
  }

  /** Sends nothing more, and waits for the batches in flight. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(this.#inFlight);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #sendBatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch.length === 0) return;
    const sent = this.#write(this.#batch)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#inFlight.delete(sent));
    this.#batch = [];
    this.#inFlight.add(sent);
  }
}

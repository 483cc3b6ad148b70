/** Data on its way to WRITEs: parts gathered to chunks of a size, without copying them. */

export interface Chunk {
  readonly offset: number;
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}

/** Cuts `source` into chunks of `size` bytes; only the last one is shorter, and an empty source has none. */
export async function* chunksOf(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Chunk> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let offset = 0;
  for await (const bytes of source) {
    let rest = bytes;
    while (length + rest.length >= size) {
      const taken = rest.subarray(0, size - length);
      yield { offset, length: size, parts: [...parts, taken] };
      offset += size;
      rest = rest.subarray(taken.length);
      parts = [];
      length = 0;
    }
    if (rest.length === 0) continue;
    parts.push(rest);
    length += rest.length;
  }
  if (length > 0) yield { offset, length, parts };
}

/** The beginning of a source, and a way to all of it. */
export interface Beginning {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
  /** The source has no more than `parts`. */
  readonly complete: boolean;
  /** Everything from the first byte; to be iterated at most once. */
  all(): AsyncIterable<Uint8Array>;
  /** Tells the source that nothing more is taken from it. */
  end(): Promise<void>;
}

/** Takes parts until the source ends, or has given more than `limit` bytes. */
export async function begin(source: AsyncIterable<Uint8Array>, limit: number): Promise<Beginning> {
  const iterator = source[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let length = 0;
  let complete = false;
  while (length <= limit && !complete) {
    const next = await iterator.next();
    if (next.done) {
      complete = true;
    } else {
      parts.push(next.value);
      length += next.value.length;
    }
  }
  return {
    parts,
    length,
    complete,
    async *all() {
      yield* parts;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    },
    async end() {
      await iterator.return?.();
    },
  };
}

/** The part of a chunk behind its first `count` bytes. */
export function dropBytes(chunk: Chunk, count: number): Chunk {
  const parts: Uint8Array[] = [];
  let skip = count;
  for (const part of chunk.parts) {
    if (skip < part.length) parts.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return { offset: chunk.offset + count, length: chunk.length - count, parts };
}

/** Bytes of a file as the body of an answer. */
import { Readable } from "node:stream";

/**
 * A body of `length` bytes: in one piece when it came in one, which spares a stream for every small file. Fails when
 * the first piece cannot be read, while the answer can still say so.
 */
export async function bodyOf(chunks: AsyncIterable<Buffer>, length: number): Promise<Buffer | Readable> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return Buffer.alloc(0);
  if (first.value.length < length) return streamOf(first.value, iterator);
  await iterator.return?.();
  return first.value;
}

/** Unlike Readable.from, this ends the iteration also when the stream is destroyed before it was read. */
function streamOf(first: Buffer, rest: AsyncIterator<Buffer>): Readable {
  const stream = new Readable({
    read() {
      rest.next().then(
        ({ done, value }) => this.push(done ? null : value),
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      const ended = rest.return?.() ?? Promise.resolve();
      ended.then(
        () => callback(error),
        () => callback(error),
      );
    },
  });
  stream.push(first);
  return stream;
}

/** Ends an iteration that nobody wants, so that its file is closed. */
export async function discard(chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of chunks) break;
}

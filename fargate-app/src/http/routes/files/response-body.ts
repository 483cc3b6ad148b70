/** Bytes of a file as the body of a response. */
import { Readable } from "node:stream";

/**
 * A body of `length` bytes: in one piece when it came in one, which spares a stream for every small file. Fails when
 * the first piece cannot be read, while the response can still say so.
 */
export async function bodyOf(chunks: AsyncIterable<Buffer>, length: number): Promise<Buffer | Readable> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return Buffer.alloc(0);
  if (first.value.length < length) return streamOf(first.value, iterator);
  await iterator.return?.();
  return first.value;
}

/** Bytes that are given to the socket at once. */
const PIECE = 64 * 1024;

/**
 * Unlike Readable.from, this ends the iteration also when the stream is destroyed before it was read, and asks for the
 * next chunk only when little is left of the last one: a slow client holds one chunk, and not three.
 */
function streamOf(first: Buffer, rest: AsyncIterator<Buffer>): Readable {
  let chunk = first;
  const pushPiece = (stream: Readable) => {
    const piece = chunk.subarray(0, PIECE);
    chunk = chunk.subarray(PIECE);
    stream.push(piece);
  };
  return new Readable({
    read() {
      if (chunk.length > 0) {
        pushPiece(this);
        return;
      }
      rest.next().then(
        ({ done, value }) => {
          if (done) {
            this.push(null);
          } else {
            chunk = value;
            pushPiece(this);
          }
        },
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
}

import { PassThrough, Writable } from "node:stream";

/**
 * A stream whose bytes `write` takes as they are written. It has finished when `write` has. What is destroyed before that
 * fails the body, and so what `write` does with it.
 */
export function writableOver(
  write: (body: AsyncIterable<Buffer>) => Promise<unknown>,
  defaultEncoding: BufferEncoding | undefined,
): Writable {
  const body = new PassThrough();
  const written = write(body);
  const stream = new Writable({
    ...(defaultEncoding !== undefined && { defaultEncoding }),
    write(chunk: Buffer, _encoding, callback) {
      if (body.write(chunk)) callback();
      // Where the body is destroyed, so is this stream, and nobody waits.
      else body.once("drain", callback);
    },
    final(callback) {
      body.end();
      written.then(() => callback(), callback);
    },
    destroy(error, callback) {
      body.destroy(error ?? new Error("The stream was destroyed before it had finished"));
      callback(error);
    },
  });
  body.on("error", () => {});
  written.catch((error: Error) => stream.destroy(error));
  return stream;
}

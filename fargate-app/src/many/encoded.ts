/** A library that makes an archive of what is written to it. */
interface Encoder extends AsyncIterable<unknown> {
  /** Nothing more is written. */
  finalize(): unknown;
  destroy(error?: Error): unknown;
}

/**
 * The bytes that an encoder makes, as they are taken.
 *
 * @param write Writes all that is to be encoded, and settles also when the encoder is destroyed.
 * @throws what writing fails with.
 */
export async function* encoded(encoder: Encoder, write: () => Promise<void>): AsyncGenerator<Buffer> {
  const writing = write().then(
    () => void encoder.finalize(),
    (error: Error) => void encoder.destroy(error),
  );
  try {
    for await (const chunk of encoder) {
      if (!Buffer.isBuffer(chunk)) throw new TypeError("The archive's library made something else than bytes");
      yield chunk;
    }
  } finally {
    encoder.destroy();
    await writing;
  }
}

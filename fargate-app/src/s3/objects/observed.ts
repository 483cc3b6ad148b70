/** What is found out of data while they pass through. */
import { createHash } from "node:crypto";

/** The data as they are read, and their MD5 in hexadecimal digits, when all were. */
export function withMd5(chunks: AsyncIterable<Buffer>): {
  readonly data: AsyncIterable<Buffer>;
  readonly md5: () => string;
} {
  const hash = createHash("md5");
  let digest: string | undefined;
  const md5 = () => {
    digest ??= hash.digest("hex");
    return digest;
  };
  return { data: observed(chunks, hash), md5 };
}

/** The data as they are read, of which an observer is told. */
export async function* observed(
  chunks: AsyncIterable<Buffer>,
  observer: { update(chunk: Buffer): unknown },
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    observer.update(chunk);
    yield chunk;
  }
}

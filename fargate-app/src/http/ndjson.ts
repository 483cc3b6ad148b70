/** Lines of JSON (https://github.com/ndjson/ndjson-spec), sent as they come. */
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";

export const NDJSON_TYPE = "application/x-ndjson";

export const NDJSON_HEADERS = {
  "content-type": NDJSON_TYPE,
  "cache-control": "no-store",
  // For proxies that would collect lines before they pass them on.
  "x-accel-buffering": "no",
};

/** Bytes of lines that are sent together. */
const PIECE = 64 * 1024;

/** Each value as a line. Those that come in the same turn of the event loop leave together. */
export function ndjson(values: AsyncIterable<unknown>): Readable {
  return Readable.from(piecesOf(values), { objectMode: false, highWaterMark: PIECE });
}

async function* piecesOf(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  const iterator = values[Symbol.asyncIterator]();
  let lines = "";
  try {
    let next = iterator.next();
    for (;;) {
      if (lines !== "" && (lines.length >= PIECE || !(await comesSoon(next)))) {
        yield lines;
        lines = "";
      }
      const { value, done } = await next;
      if (done) break;
      lines += `${JSON.stringify(value)}\n`;
      next = iterator.next();
      // It is awaited when what is ready was taken; until then its failure must not count as unhandled.
      next.catch(() => {});
    }
    if (lines !== "") yield lines;
  } finally {
    await iterator.return?.();
  }
}

async function comesSoon(next: Promise<unknown>): Promise<boolean> {
  return Promise.race([next.then(() => true), setImmediate(false)]);
}

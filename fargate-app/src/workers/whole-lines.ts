/** Passes on lines, each as a whole: of several writers to one pipe, long lines would be torn. */
import type { Readable } from "node:stream";

const LINE_FEED = 0x0a;

/** @param write gets whole lines, and at the end what is left. */
export function passOnLines(from: Readable, write: (lines: string) => void): void {
  let rest: Buffer[] = [];
  from.on("data", (chunk: Buffer) => {
    const end = chunk.lastIndexOf(LINE_FEED) + 1;
    if (end === 0) {
      rest.push(chunk);
      return;
    }
    write(Buffer.concat([...rest, chunk.subarray(0, end)]).toString());
    rest = end < chunk.length ? [chunk.subarray(end)] : [];
  });
  from.once("end", () => {
    if (rest.length > 0) write(`${Buffer.concat(rest)}\n`);
  });
}

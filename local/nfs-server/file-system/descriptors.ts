/** Asynchronous calls on file descriptors. */
import * as fs from "node:fs";
import { promisify } from "node:util";

export const open = promisify(fs.open);
export const fsync = promisify(fs.fsync);
export const fdatasync = promisify(fs.fdatasync);
export const ftruncate = promisify(fs.ftruncate);
export const fchmod = promisify(fs.fchmod);
export const fchown = promisify(fs.fchown);
export const futimes = promisify(fs.futimes);

const read = promisify(fs.read);
const write = promisify(fs.write);

/** Up to this many bytes a read from the page cache is faster than the way into the thread pool and back. */
const SYNCHRONOUS_READ = 32 * 1024;

/** Reads `length` bytes at `offset`; fewer only where the file ends. */
export async function readFully(descriptor: number, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const bytesRead =
      length <= SYNCHRONOUS_READ
        ? fs.readSync(descriptor, buffer, filled, length - filled, offset + filled)
        : (await read(descriptor, buffer, filled, length - filled, offset + filled)).bytesRead;
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

export async function writeFully(descriptor: number, data: Buffer, offset: number): Promise<void> {
  let written = 0;
  while (written < data.length) {
    const { bytesWritten } = await write(descriptor, data, written, data.length - written, offset + written);
    written += bytesWritten;
  }
}

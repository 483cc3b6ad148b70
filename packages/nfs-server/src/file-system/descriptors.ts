/** Asynchronous calls on file descriptors. */
import * as fs from "node:fs";
import { promisify } from "node:util";
import { Semaphore } from "./semaphore.ts";

export const open = promisify(fs.open);
export const ftruncate = promisify(fs.ftruncate);
export const fchmod = promisify(fs.fchmod);
export const fchown = promisify(fs.fchown);
export const futimes = promisify(fs.futimes);

/**
 * Half of the thread pool's default size: a sync takes milliseconds, and reads and changes of names are not to wait
 * behind a queue of them.
 */
const syncs = new Semaphore(2);
const syncAll = promisify(fs.fsync);
const syncData = promisify(fs.fdatasync);

/** Makes a file's data and attributes, or a directory's entries, durable. */
export function fsync(descriptor: number): Promise<void> {
  return syncs.run(() => syncAll(descriptor));
}

/** Makes a file's data durable. */
export function fdatasync(descriptor: number): Promise<void> {
  return syncs.run(() => syncData(descriptor));
}

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

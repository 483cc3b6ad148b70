/** Reading: one COMPOUND for what fits into one reply, and an open file with READs ahead for the rest. */

import { FileChangedError } from "../errors.ts";
import { MemoryLease } from "../memory-budget.ts";
import type { RunOptions } from "../session/channel.ts";
import type { ReadableFile, ReadOptions } from "../types.ts";
import { ANONYMOUS_STATEID, CURRENT_STATEID } from "../wire/data-types.ts";
import { type FileAttributes, getAttributes } from "../wire/operations/attributes.ts";
import { type ReadRange, type ReadResult, read } from "../wire/operations/data.ts";
import { getFileHandle } from "../wire/operations/file-handles.ts";
import { close, openByName } from "../wire/operations/opens-and-locks.ts";
import { type FileContext, runOptions, stateOwner } from "./context.ts";
import { closeQuietly, type OpenFile, onOpenFile } from "./open-files.ts";
import { type EntryPath, parseEntryPath, walkTo } from "./paths.ts";

/** READs in flight for one reader, while there is memory for them. */
const READ_AHEAD = 4;

/** Bytes of one READ when memory is short, and when there is none: this little is read without a lease. */
const REDUCED_READ = 256 * 1024;
const MIN_READ = 64 * 1024;

/** What servers reply that do not support the anonymous stateid in a READ. */
const ANONYMOUS_REFUSED = ["NFS4ERR_BAD_STATEID", "NFS4ERR_OPENMODE", "NFS4ERR_NOTSUPP"] as const;

export async function readWhole(
  context: FileContext,
  path: string,
  options: ReadOptions = {},
): Promise<{ attributes: FileAttributes; data: Buffer }> {
  const { deadline } = runOptions(context, options);
  for (;;) {
    const { attributes, body } = await openForReading(context, path, options);
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk);
      const [only] = chunks;
      return { attributes, data: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks) };
    } catch (error) {
      if (!(error instanceof FileChangedError)) throw error;
      deadline.check();
    }
  }
}

export async function openForReading(
  context: FileContext,
  path: string,
  options: ReadOptions = {},
): Promise<ReadableFile> {
  const file = parseEntryPath(path);
  const start = options.start ?? 0;
  const wanted = options.length ?? Number.POSITIVE_INFINITY;
  const { attributes, data, endOfFile } = await readBeginning(context, file, start, wanted, options);
  if (endOfFile || data.length >= wanted) {
    const size = endOfFile && data.length > 0 ? start + data.length : attributes.size;
    return { attributes: { ...attributes, size }, body: single(data) };
  }
  const end = Math.min(attributes.size, start + wanted);
  const head = data.subarray(0, end - start);
  return { attributes, body: readOn(context, file, attributes, { head, start, end }, options) };
}

async function* single(data: Buffer): AsyncGenerator<Buffer> {
  if (data.length > 0) yield data;
}

interface FirstRead extends ReadResult {
  readonly attributes: FileAttributes;
}

/**
 * How many of `most` bytes to READ at once, and how many are leased for it. Large READs must not take all the memory.
 */
function roomForRead(memory: MemoryLease, most: number): { readonly length: number; readonly held: number } {
  if (memory.tryReserveSpare(most, 1 / 4)) return { length: most, held: most };
  const reduced = Math.min(most, REDUCED_READ);
  if (memory.tryReserveSpare(reduced)) return { length: reduced, held: reduced };
  return { length: Math.min(most, MIN_READ), held: 0 };
}

/** As much from `start` as fits into one reply, and into the memory budget. */
async function readBeginning(
  context: FileContext,
  file: EntryPath,
  start: number,
  wanted: number,
  options: ReadOptions,
): Promise<FirstRead> {
  const memory = new MemoryLease(context.memory);
  const most = Math.min(wanted, context.channel.capabilities.maximumRead);
  const { length } = roomForRead(memory, most);
  try {
    return await readOnce(context, file, { offset: start, length }, runOptions(context, options));
  } finally {
    memory.releaseAll();
  }
}

/** Attributes and data in one COMPOUND. */
async function readOnce(context: FileContext, file: EntryPath, range: ReadRange, run: RunOptions): Promise<FirstRead> {
  const walk = await walkTo(context, [...file.directory, file.name], run);
  const attributes = getAttributes();
  if (!context.refusals.anonymousRead) {
    const anonymous = read(ANONYMOUS_STATEID, range);
    const reply = await context.channel.run([...walk, attributes, anonymous], run);
    if (!reply.failedWith(...ANONYMOUS_REFUSED)) {
      reply.orThrow(file.text);
      return { attributes: reply.of(attributes), ...reply.of(anonymous) };
    }
    context.refusals.anonymousRead = true;
  }
  return context.owners.with(async (name) => {
    const owner = await stateOwner(context, name, run);
    const directory = await walkTo(context, file.directory, run);
    const open = openByName({ owner, access: "read", name: file.name });
    const current = read(CURRENT_STATEID, range);
    const operations = [...directory, open, attributes, current, close(CURRENT_STATEID)];
    const reply = (await context.channel.run(operations, run)).orThrow(file.text);
    return { attributes: reply.of(attributes), ...reply.of(current) };
  });
}

interface OpenedFile extends OpenFile {
  readonly fileId: bigint;
}

async function openFile(context: FileContext, file: EntryPath, run: RunOptions): Promise<OpenedFile> {
  const ownerName = context.owners.take();
  try {
    const owner = await stateOwner(context, ownerName, run);
    const directory = await walkTo(context, file.directory, run);
    const open = openByName({ owner, access: "read", name: file.name });
    const handle = getFileHandle();
    const attributes = getAttributes();
    const reply = (await context.channel.run([...directory, open, handle, attributes], run)).orThrow(file.text);
    return {
      path: file.text,
      access: "read",
      ownerName,
      handle: reply.of(handle),
      fileId: reply.of(attributes).fileId,
      stateid: reply.of(open),
    };
  } catch (error) {
    context.owners.release(ownerName);
    throw error;
  }
}

interface Stretch {
  /** The beginning of it, which has been read. */
  readonly head: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Opens the file, and reads a stretch of it. */
async function* readOn(
  context: FileContext,
  path: EntryPath,
  attributes: FileAttributes,
  stretch: Stretch,
  options: ReadOptions,
): AsyncGenerator<Buffer> {
  const file = await openFile(context, path, runOptions(context, options));
  const memory = new MemoryLease(context.memory);
  const endWatch = context.channel.watch();
  try {
    if (file.fileId !== attributes.fileId) throw new FileChangedError(`${path.text} was replaced before it was read`);
    yield* readAhead(context, file, stretch, memory, options);
  } finally {
    endWatch();
    memory.releaseAll();
    // Nobody has to wait for that, least of all when the server no longer replies.
    void closeQuietly(context, file).finally(() => context.owners.release(file.ownerName));
  }
}

interface ChunkAhead {
  readonly data: Promise<Buffer>;
  /** Bytes of memory that are leased for it. */
  readonly held: number;
}

/** The bytes of a stretch in order, a few READs ahead of the consumer while there is memory for them. */
async function* readAhead(
  context: FileContext,
  file: OpenedFile,
  { head, start, end }: Stretch,
  memory: MemoryLease,
  options: ReadOptions,
): AsyncGenerator<Buffer> {
  const { maximumRead } = context.channel.capabilities;
  const ahead: ChunkAhead[] = [];
  let next = start + head.length;
  const request = () => {
    while (next < end && ahead.length < READ_AHEAD) {
      const most = Math.min(maximumRead, end - next);
      const { length, held } = roomForRead(memory, most);
      if (held === 0 && ahead.length > 0) return;
      const data = readFully(context, file, { offset: next, length }, options);
      // It is awaited later; until then its failure must not count as unhandled.
      data.catch(() => {});
      ahead.push({ data, held });
      next += length;
    }
  };
  try {
    const held = memory.tryReserveSpare(head.length) ? head.length : 0;
    request();
    if (head.length > 0) yield head;
    memory.release(held);
    for (let chunk = ahead.shift(); chunk !== undefined; chunk = ahead.shift()) {
      const data = await chunk.data;
      request();
      yield data;
      memory.release(chunk.held);
    }
  } finally {
    await Promise.allSettled(ahead.map(({ data }) => data));
  }
}

/** All the bytes of a range, in as many READs as it takes: a server may return fewer bytes than it was asked for. */
async function readFully(
  context: FileContext,
  file: OpenedFile,
  range: ReadRange,
  options: ReadOptions,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let { offset, length } = range;
  while (length > 0) {
    const part = { offset, length };
    const { data, endOfFile } = await onOpenFile(
      context,
      file,
      (each) => read(each, part),
      runOptions(context, options),
    );
    parts.push(data);
    offset += data.length;
    length -= data.length;
    if (length > 0 && (endOfFile || data.length === 0)) {
      throw new FileChangedError(`${file.path} became shorter while it was read: it ends at byte ${offset}`);
    }
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

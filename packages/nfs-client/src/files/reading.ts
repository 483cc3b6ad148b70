/** Reading: one COMPOUND for what fits into one reply, and an open file with READs ahead for the rest. */
import { FileChangedError } from "../errors.ts";
import { MemoryLease } from "../memory-budget.ts";
import type { RunOptions } from "../session/channel.ts";
import type { OperationOptions, ReadableFile, ReadOptions } from "../types.ts";
import type { CompoundReply, Operations } from "../wire/compound.ts";
import { ANONYMOUS_STATEID, CURRENT_STATEID } from "../wire/data-types.ts";
import { type FileAttributes, getAttributes } from "../wire/operations/attributes.ts";
import { type ReadRange, type ReadResult, read } from "../wire/operations/data.ts";
import { putFileHandle } from "../wire/operations/file-handles.ts";
import { close } from "../wire/operations/opens-and-locks.ts";
import { type FileContext, runOptions } from "./context.ts";
import { closeQuietly, OPEN_LOST, type OpenFile, onOpenFile, openAt, runWithinOpen } from "./open-files.ts";
import { type EntryPath, parseEntryPath, sharing, walkTo } from "./paths.ts";

/** READs in flight for one reader, while there is memory for them. */
const READ_AHEAD = 4;

/** Bytes of one READ when memory is short, and when there is none: this little is read without a lease. */
const REDUCED_READ = 256 * 1024;
const MIN_READ = 64 * 1024;

/** Bytes of a READ that shares a reply, where its caller does not know how large the file is. */
const SHARED_READ = 16 * 1024;

/** What servers reply that do not support the anonymous stateid in a READ. */
const ANONYMOUS_REFUSED = ["NFS4ERR_BAD_STATEID", "NFS4ERR_OPENMODE", "NFS4ERR_NOTSUPP"] as const;

export async function readWhole(
  context: FileContext,
  path: string,
  options: ReadOptions = {},
): Promise<{ attributes: FileAttributes; data: Buffer }> {
  const { deadline } = runOptions(context, options);
  for (;;) {
    const { attributes, body, whole } = await openForReading(context, path, options);
    if (whole !== undefined) return { attributes, data: whole };
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
    return { attributes: { ...attributes, size }, body: single(data), whole: data };
  }
  // Nobody knew how large it is. What one reply holds is read anew, which is faster than an open file.
  if (options.together && wanted === Number.POSITIVE_INFINITY) {
    const length = attributes.size - start;
    if (length <= context.channel.capabilities.maximumRead)
      return openForReading(context, path, { ...options, length });
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
  const { maximumRead } = context.channel.capabilities;
  const isUnknown = options.together && wanted === Number.POSITIVE_INFINITY;
  const { length } = roomForRead(memory, isUnknown ? SHARED_READ : Math.min(wanted, maximumRead));
  try {
    return await readOnce(context, file, { offset: start, length }, options);
  } finally {
    memory.releaseAll();
  }
}

/** Attributes and data, in one COMPOUND where the server reads without an open file. */
async function readOnce(
  context: FileContext,
  file: EntryPath,
  range: ReadRange,
  options: OperationOptions,
): Promise<FirstRead> {
  const run = runOptions(context, options);
  const attributes = getAttributes();
  const anonymous = read(ANONYMOUS_STATEID, range);
  const reply = await readUnopened(context, file, [attributes, anonymous], sharedRead(run, options, file, range));
  if (reply === undefined) return readOpened(context, file, range, run);
  return { attributes: reply.of(attributes), ...reply.of(anonymous) };
}

function sharedRead(
  run: RunOptions,
  options: OperationOptions,
  { directory }: EntryPath,
  { length }: ReadRange,
): RunOptions {
  return { ...run, ...sharing(options, directory, { dataReceived: length }) };
}

/** The reply to `operations`, of which the last one READs without an open file; `undefined` where the server does not. */
async function readUnopened(
  context: FileContext,
  file: EntryPath,
  operations: Operations,
  run: RunOptions,
): Promise<CompoundReply | undefined> {
  const { channel } = context;
  if (!channel.capabilities.anonymousRead) return undefined;
  const walk = await walkTo(context, [...file.directory, file.name], run, operations.length);
  const reply = await channel.run([...walk, ...operations], run);
  if (!reply.failedWith(...ANONYMOUS_REFUSED)) return reply.orThrow(file.text);
  channel.noteRefusal("anonymousRead");
  return undefined;
}

/** See {@link NfsClient.readContent}. */
export async function readContent(
  context: FileContext,
  path: string,
  options: OperationOptions & { readonly maximum: number },
): Promise<Buffer | undefined> {
  const file = parseEntryPath(path);
  const { maximum, together = false } = options;
  // One byte more shows whether that is all: servers may tell the end of a file only where a READ goes beyond it.
  const most = Math.min(maximum + 1, together ? SHARED_READ : context.channel.capabilities.maximumRead);
  const first = await contentIn(context, file, { offset: 0, length: most }, options);
  const isWhole = first.endOfFile || first.data.length > maximum;
  const data = isWhole ? first.data : (await readWhole(context, path, { ...options, length: maximum + 1 })).data;
  return data.length > maximum ? undefined : data;
}

/** As {@link readOnce}, without the attributes. */
async function contentIn(
  context: FileContext,
  file: EntryPath,
  range: ReadRange,
  options: OperationOptions,
): Promise<ReadResult> {
  const run = runOptions(context, options);
  const anonymous = read(ANONYMOUS_STATEID, range);
  const reply = await readUnopened(context, file, [anonymous], sharedRead(run, options, file, range));
  return reply?.of(anonymous) ?? readOpened(context, file, range, run);
}

/** As {@link readOnce}, with an open that is closed again. */
async function readOpened(
  context: FileContext,
  file: EntryPath,
  range: ReadRange,
  run: RunOptions,
): Promise<FirstRead> {
  return context.openOwners.with(run.deadline, async (ownerName, busy) => {
    const all = await readWithinOpen(context, file, ownerName, range, run);
    if (all !== undefined) return all;
    const { attributes, ...opened } = await openAt(context, file, { access: "read", ownerName, busy }, run);
    const reading = read(opened.stateid, range);
    const closing = close(opened.stateid);
    let isClosed = false;
    try {
      const reply = await context.channel.run([putFileHandle(opened.handle), reading, closing], run);
      isClosed = reply.reached(closing);
      if (reply.reached(reading)) return { attributes, ...reply.of(reading) };
      if (!reply.failedWith(...OPEN_LOST)) reply.orThrow(file.text);
      return { attributes, ...(await onOpenFile(context, opened, (stateid) => read(stateid, range), run)) };
    } finally {
      if (!isClosed) busy(closeQuietly(context, opened));
    }
  });
}

async function readWithinOpen(
  context: FileContext,
  file: EntryPath,
  ownerName: string,
  range: ReadRange,
  run: RunOptions,
): Promise<FirstRead | undefined> {
  const attributes = getAttributes();
  const current = read(CURRENT_STATEID, range);
  const reply = await runWithinOpen(context, file, { access: "read", ownerName }, [attributes, current], run);
  return reply && { attributes: reply.of(attributes), ...reply.of(current) };
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
  const run = runOptions(context, options);
  const ownerName = await context.openOwners.take(run.deadline);
  const memory = new MemoryLease(context.memory);
  const endWatch = context.channel.watch();
  let file: OpenFile | undefined;
  let closing = Promise.resolve();
  const busy = (work: Promise<void>) => {
    closing = work;
  };
  try {
    const { attributes: opened, ...open } = await openAt(context, path, { access: "read", ownerName, busy }, run);
    file = open;
    if (opened.fileId !== attributes.fileId) throw new FileChangedError(`${path.text} was replaced before it was read`);
    yield* readAhead(context, file, stretch, memory, options);
  } finally {
    endWatch();
    memory.releaseAll();
    if (file !== undefined) closing = closeQuietly(context, file);
    // Nobody has to wait for that, least of all when the server no longer replies.
    void closing.finally(() => context.openOwners.release(ownerName));
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
  file: OpenFile,
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
  file: OpenFile,
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

/** Reading: one COMPOUND for what fits into one reply, an open file and READs ahead for the rest. */
import type { FileAttributes } from "../attributes.ts";
import { FileChangedError } from "../errors.ts";
import { getAttributes } from "../operations/attributes.ts";
import { type ReadRange, type ReadResult, read } from "../operations/data.ts";
import { getFileHandle } from "../operations/handles.ts";
import { close, openByName } from "../operations/open.ts";
import { type FilePath, parseFilePath } from "../paths.ts";
import type { RunOptions } from "../session/channel.ts";
import type { FileReading, ReadOptions } from "../types.ts";
import { ANONYMOUS_STATEID, CURRENT_STATEID } from "../wire/stateid.ts";
import { type FileContext, runOptions, stateOwner } from "./context.ts";
import { closeQuietly, type OpenFile, onOpenFile } from "./opens.ts";
import { walkTo } from "./walk.ts";

/** READs under way at once for one reader; with chunks of 1 MiB, that is also the memory it takes. */
const READ_AHEAD = 4;

/** Servers that do not take the anonymous stateid in a READ answer with one of these. */
const ANONYMOUS_REFUSED = ["NFS4ERR_BAD_STATEID", "NFS4ERR_OPENMODE", "NFS4ERR_NOTSUPP"] as const;

export async function readWhole(
  context: FileContext,
  path: string,
  options: ReadOptions = {},
): Promise<{ attributes: FileAttributes; data: Buffer }> {
  const { attributes, body } = await openForReading(context, path, options);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const [only] = chunks;
  return { attributes, data: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks) };
}

export async function openForReading(
  context: FileContext,
  path: string,
  options: ReadOptions = {},
): Promise<FileReading> {
  const run = runOptions(context, options);
  const file = parseFilePath(path);
  const start = options.start ?? 0;
  const wanted = options.length ?? Number.POSITIVE_INFINITY;
  const range = { offset: start, length: Math.min(wanted, context.channel.limits.maximumRead) };
  const { attributes, data, endOfFile } = await readOnce(context, file, range, run);
  if (endOfFile || data.length >= wanted) {
    const size = endOfFile && data.length > 0 ? start + data.length : attributes.size;
    return { attributes: { ...attributes, size }, body: single(data) };
  }
  const opened = await openFile(context, file, run);
  const end = Math.min(opened.attributes.size, start + wanted);
  const same = opened.attributes.fileId === attributes.fileId && opened.attributes.change === attributes.change;
  const head = same ? data : Buffer.alloc(0);
  return { attributes: opened.attributes, body: readAhead(context, opened, { head, start, end }, options) };
}

async function* single(data: Buffer): AsyncGenerator<Buffer> {
  if (data.length > 0) yield data;
}

interface FirstRead extends ReadResult {
  readonly attributes: FileAttributes;
}

/** Attributes and data in one COMPOUND; data and size agree, even while somebody appends. */
async function readOnce(context: FileContext, file: FilePath, range: ReadRange, run: RunOptions): Promise<FirstRead> {
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
  readonly attributes: FileAttributes;
}

async function openFile(context: FileContext, file: FilePath, run: RunOptions): Promise<OpenedFile> {
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
      attributes: reply.of(attributes),
      stateid: reply.of(open),
    };
  } catch (error) {
    context.owners.release(ownerName);
    throw error;
  }
}

interface Stretch {
  /** What is there already of it. */
  readonly head: Buffer;
  readonly start: number;
  readonly end: number;
}

/** The bytes of a stretch in order, a few READs ahead of the consumer. */
async function* readAhead(
  context: FileContext,
  file: OpenedFile,
  { head, start, end }: Stretch,
  options: ReadOptions,
): AsyncGenerator<Buffer> {
  const { maximumRead } = context.channel.limits;
  const ahead: Promise<Buffer>[] = [];
  let next = start + head.length;
  const request = () => {
    while (next < end && ahead.length < READ_AHEAD) {
      const length = Math.min(maximumRead, end - next);
      const chunk = readFully(context, file, { offset: next, length }, options);
      // it is awaited in its turn; until then a failure must not count as unhandled
      chunk.catch(() => {});
      ahead.push(chunk);
      next += length;
    }
  };
  try {
    request();
    if (head.length > 0) yield head;
    for (let chunk = ahead.shift(); chunk !== undefined; chunk = ahead.shift()) {
      const data = await chunk;
      request();
      yield data;
    }
  } finally {
    await Promise.allSettled(ahead);
    await closeQuietly(context, file);
    context.owners.release(file.ownerName);
  }
}

/** All the bytes of a range; a server may answer a READ with fewer than were asked for. */
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

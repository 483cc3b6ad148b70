/** The interface of the package, over what one of its halves can do. */
import { Readable, type Writable } from "node:stream";
import { bytesOf, contentOf, encodingOf } from "./content.ts";
import { type Deadline, Deadlines, progressing } from "./deadline.ts";
import { FileError, isCode } from "./errors.ts";
import {
  type AppendFileOptions,
  type BatchItem,
  type BatchResultOf,
  type DirectoryEntry,
  type Encoding,
  type FileStats,
  type Files,
  type FileVersion,
  type FileWithStats,
  MAX_APPEND_BYTES,
  type MakeDirectoryOptions,
  type OperationOptions,
  type ReadOptions,
  type ReadStreamOptions,
  type RemoveOptions,
  type WriteConditions,
  type WriteData,
  type WriteFileOptions,
  type Written,
} from "./files.ts";
import {
  type Attributes,
  type BatchOperation,
  type BatchOutcome,
  type ByteRange,
  type Condition,
  type FileOperations,
  MAX_BATCH_OPERATIONS,
  type Path,
} from "./operations.ts";
import { filePathOf, pathOf } from "./paths.ts";
import { writableOver } from "./streams.ts";

/** Bytes that a stream reads ahead, as in `fs.createReadStream`. */
const HIGH_WATER_MARK = 64 * 1024;

const WHOLE: ByteRange = { start: 0, end: Number.POSITIVE_INFINITY };

/** Characters of paths in one batch, at most. */
const MAX_BATCH_CHARACTERS = 2 ** 16;

export class FilesOver implements Files {
  readonly #operations: FileOperations;
  readonly #closeTimeout: number;
  protected readonly deadlines = new Deadlines();
  #closing: Promise<void> | undefined;

  /** @param options `closeTimeout`: milliseconds that what is in flight has when it is closed. Default 0. */
  constructor(operations: FileOperations, { closeTimeout = 0 } = {}) {
    this.#operations = operations;
    this.#closeTimeout = closeTimeout;
  }

  readFile(path: string, options?: ReadOptions & { readonly encoding?: null | undefined }): Promise<Buffer>;
  readFile(path: string, options: BufferEncoding | (ReadOptions & Encoding)): Promise<string>;
  async readFile(path: string, options?: BufferEncoding | (ReadOptions & Encoded)): Promise<Buffer | string> {
    const { encoding: name, ...others }: ReadOptions & Encoded = withEncoding(options);
    const encoding = encodingOf(name);
    const { data } = await this.readFileWithStats(path, others);
    return encoding === undefined ? data : data.toString(encoding);
  }

  readFileWithStats(path: string, options: ReadOptions = {}): Promise<FileWithStats> {
    return this.#call("open", path, options, async (deadline) => {
      const { attributes, body } = await this.#operations.read(filePathOf(path), rangeOf(options), deadline);
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk);
      const [only] = chunks;
      const data = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
      return { data, stats: new Stats(attributes) };
    });
  }

  async writeFile(path: string, data: WriteData, options?: BufferEncoding | WriteFileOptions): Promise<Written> {
    const { encoding, flag, ...others }: WriteFileOptions = withEncoding(options);
    const content = contentOf(data, encodingOf(encoding));
    const when = conditionOf(flagged(others, flag));
    const write = (deadline: Deadline) => {
      const body = Buffer.isBuffer(content) ? content : progressing(content, deadline);
      return this.#operations.write(filePathOf(path), body, when, deadline);
    };
    // A stream that fails before it is read would end the process. Whoever reads it learns of the error.
    const ignore = () => {};
    if (data instanceof Readable) data.on("error", ignore);
    try {
      return await this.#call("open", path, others, async (deadline) => write(deadline));
    } finally {
      if (data instanceof Readable) data.off("error", ignore);
    }
  }

  async appendFile(
    path: string,
    data: string | NodeJS.ArrayBufferView,
    options?: BufferEncoding | AppendFileOptions,
  ): Promise<FileVersion> {
    const { encoding, ...others }: AppendFileOptions = withEncoding(options);
    const bytes = bytesOf(data, encodingOf(encoding));
    if (bytes === undefined) throw new FileError("EINVAL", "What is appended must be a string or bytes", { path });
    if (bytes.length > MAX_APPEND_BYTES) {
      const message = `${bytes.length} bytes are more than the ${MAX_APPEND_BYTES} that one append adds`;
      throw new FileError("EFBIG", message, { path });
    }
    const when = conditionOf(others);
    return this.#call("open", path, others, async (deadline) =>
      this.#operations.append(filePathOf(path), bytes, when, deadline),
    );
  }

  stat(path: string, options: OperationOptions = {}): Promise<FileStats> {
    return this.#call("stat", path, options, (deadline) => this.#stat(path, deadline));
  }

  async access(path: string, options: OperationOptions = {}): Promise<void> {
    await this.#call("access", path, options, (deadline) => this.#stat(path, deadline));
  }

  async exists(path: string, options?: OperationOptions): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (isCode(error, "ENOENT", "ENOTDIR")) return false;
      throw error;
    }
  }

  readdir(path: string, options?: OperationOptions & { readonly withFileTypes?: false | undefined }): Promise<string[]>;
  readdir(path: string, options: OperationOptions & { readonly withFileTypes: true }): Promise<DirectoryEntry[]>;
  async readdir(
    path: string,
    options: OperationOptions & { readonly withFileTypes?: boolean | undefined } = {},
  ): Promise<string[] | DirectoryEntry[]> {
    const entries: DirectoryEntry[] = [];
    for await (const entry of this.#list("scandir", path, options)) entries.push(entry);
    return options.withFileTypes ? entries : entries.map(({ name }) => name);
  }

  opendir(path: string, options: OperationOptions = {}): AsyncGenerator<DirectoryEntry> {
    return this.#list("opendir", path, options);
  }

  async *#list(syscall: string, path: string, options: OperationOptions): AsyncGenerator<DirectoryEntry> {
    const list = (deadline: Deadline) => this.#operations.list(pathOf(path), deadline);
    for await (const { name, ...attributes } of this.#pieces(syscall, path, options, list)) {
      yield new Entry(name, path, attributes);
    }
  }

  mkdir(path: string, options: MakeDirectoryOptions = {}): Promise<void> {
    return this.#call("mkdir", path, options, async (deadline) =>
      this.#operations.makeDirectory(pathOf(path), deadline),
    );
  }

  async rm(path: string, { recursive = false, force = false, ...options }: RemoveOptions = {}): Promise<void> {
    const { ifMatch } = options;
    if (recursive && ifMatch !== undefined) {
      throw new FileError("EINVAL", "ifMatch is for one file, and recursive for a whole tree", { path });
    }
    try {
      await this.#call("rm", path, options, (deadline) =>
        this.#operations.remove(removablePath(path), etagOf(ifMatch), deadline),
      );
    } catch (error) {
      if (isCode(error, "ENOENT") && force) return;
      if (!isCode(error, "ENOTEMPTY") || !recursive) throw error;
      await this.#removeTree(path, options);
    }
  }

  /** It was there a moment ago: where it is gone now, others removed it, too. */
  async #removeTree(path: string, options: OperationOptions): Promise<void> {
    try {
      await this.#call("rm", path, options, (deadline) => this.#operations.removeTree(pathOf(path), deadline));
    } catch (error) {
      if (!isCode(error, "ENOENT")) throw error;
    }
  }

  unlink(path: string, options: OperationOptions = {}): Promise<void> {
    return this.#call("unlink", path, options, async (deadline) => {
      const stats = await this.#stat(path, deadline);
      if (stats.isDirectory()) throw new FileError("EISDIR", `There is a directory, which rmdir removes: ${path}`);
      await this.#operations.remove(removablePath(path), undefined, deadline);
    });
  }

  rmdir(path: string, options: OperationOptions = {}): Promise<void> {
    return this.#call("rmdir", path, options, async (deadline) => {
      const stats = await this.#stat(path, deadline);
      if (!stats.isDirectory()) throw new FileError("ENOTDIR", `There is a ${stats.type}, and no directory: ${path}`);
      await this.#operations.remove(removablePath(path), undefined, deadline);
    });
  }

  copyFile(from: string, to: string, options: OperationOptions & WriteConditions = {}): Promise<Written> {
    const when = conditionOf(options);
    return this.#call("copyfile", from, options, async (deadline) => {
      const [source, target] = [filePathOf(from), filePathOf(to)];
      const { body } = await this.#operations.read(source, WHOLE, deadline);
      return this.#operations.write(target, progressing(body, deadline), when, deadline);
    });
  }

  createReadStream(path: string, options?: BufferEncoding | ReadStreamOptions): Readable {
    const { encoding: name, highWaterMark = HIGH_WATER_MARK, ...others }: ReadStreamOptions = withEncoding(options);
    const encoding = encodingOf(name);
    const range = rangeOf(others);
    const file = filePathOf(path);
    const read = async function* (operations: FileOperations, deadline: Deadline) {
      yield* (await operations.read(file, range, deadline)).body;
    };
    const pieces = this.#pieces("open", path, others, (deadline) => read(this.#operations, deadline));
    const stream = Readable.from(pieces, { objectMode: false, highWaterMark });
    return encoding === undefined ? stream : stream.setEncoding(encoding);
  }

  createWriteStream(path: string, options?: BufferEncoding | WriteFileOptions): Writable {
    const { encoding: name, ...others }: WriteFileOptions = withEncoding(options);
    return writableOver((body) => this.writeFile(path, body, others), encodingOf(name));
  }

  async *batch<const Item extends BatchItem>(
    items: Iterable<Item> | AsyncIterable<Item>,
    options: OperationOptions = {},
  ): AsyncGenerator<BatchResultOf<Item>> {
    for await (const batch of inBatches(items)) {
      const sent = batch.flatMap(({ operation }) => (operation instanceof FileError ? [] : [operation]));
      const outcomes = this.deadlines.inPieces(options, (deadline) => this.#operations.batch(sent, deadline));
      try {
        for (const { item, operation } of batch) {
          if (operation instanceof FileError) {
            yield resultOf(item, { operation: "failure", error: operation });
            continue;
          }
          const { done, value } = await outcomes.next();
          if (done) throw new FileError("EIO", "A batch ended before all of its results had come");
          yield resultOf(item, value);
        }
      } finally {
        await outcomes.return(undefined);
      }
    }
  }

  async #stat(path: string, deadline: Deadline): Promise<Stats> {
    return new Stats(await this.#operations.stat(pathOf(path), deadline));
  }

  /** Acts until the deadline. Its error has the name of what failed, and the path as it was given. */
  async #call<Result>(
    syscall: string,
    path: string,
    options: OperationOptions,
    act: (deadline: Deadline) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await this.deadlines.within(options, act);
    } catch (error) {
      throw named(error, syscall, path);
    }
  }

  /** As {@link #call}, of what comes piece by piece. */
  async *#pieces<Piece>(
    syscall: string,
    path: string,
    options: OperationOptions,
    begin: (deadline: Deadline) => AsyncIterable<Piece>,
  ): AsyncGenerator<Piece> {
    try {
      yield* this.deadlines.inPieces(options, begin);
    } catch (error) {
      throw named(error, syscall, path);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.deadlines.close(this.#closeTimeout).then(() => this.#operations.close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class Stats implements FileStats {
  readonly type: FileStats["type"];
  readonly size: number;
  readonly mtimeMs: number;
  readonly etag: string;

  constructor({ type, size, mtimeMs, etag }: Attributes) {
    this.type = type;
    this.size = size;
    this.mtimeMs = mtimeMs;
    this.etag = etag;
  }

  get mtime(): Date {
    return new Date(this.mtimeMs);
  }

  isFile(): boolean {
    return this.type === "file";
  }

  isDirectory(): boolean {
    return this.type === "directory";
  }

  isSymbolicLink(): boolean {
    return this.type === "symbolic-link";
  }
}

class Entry extends Stats implements DirectoryEntry {
  readonly name: string;
  readonly parentPath: string;

  constructor(name: string, parentPath: string, attributes: Attributes) {
    super(attributes);
    this.name = name;
    this.parentPath = parentPath;
  }
}

/** What has a name comes from another operation: that of a stream which is the content of this one. */
function named(error: unknown, syscall: string, path: string): unknown {
  return error instanceof FileError && error.syscall === undefined ? Object.assign(error, { syscall, path }) : error;
}

/** Of what is to be removed. @throws {FileError} */
function removablePath(text: string): Path {
  const path = pathOf(text);
  if (path === "") throw new FileError("EINVAL", "The served directory itself cannot be removed");
  return path;
}

interface Encoded {
  readonly encoding?: BufferEncoding | null | undefined;
}

/** Options of `node:fs`, where a string is the encoding. */
function withEncoding<Options extends Encoded>(options: BufferEncoding | Options | undefined): Options | Encoded {
  return typeof options === "string" ? { encoding: options } : (options ?? {});
}

function rangeOf({ start = 0, end = Number.POSITIVE_INFINITY }: ReadOptions): ByteRange {
  if (!Number.isSafeInteger(start) || start < 0) {
    throw new FileError("EINVAL", `start must be a byte, counted from 0, not ${start}`);
  }
  if (end !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(end) && end >= start)) {
    throw new FileError("EINVAL", `end must be a byte that is not before start (${start}), not ${end}`);
  }
  return { start, end };
}

function flagged(conditions: WriteConditions, flag: WriteFileOptions["flag"]): WriteConditions {
  switch (flag) {
    case undefined:
    case "w":
      return conditions;
    case "wx":
      return { ...conditions, ifNoneMatch: "*" };
    default:
      throw new FileError("EINVAL", `flag must be w or wx, not ${JSON.stringify(flag)}: a file is written as a whole`);
  }
}

function conditionOf({ ifMatch, ifNoneMatch }: WriteConditions): Condition {
  const etag = etagOf(ifMatch);
  if (ifNoneMatch === undefined) return etag === undefined ? undefined : { etag };
  if (ifNoneMatch !== "*") throw new FileError("EINVAL", `ifNoneMatch must be *, not ${JSON.stringify(ifNoneMatch)}`);
  if (etag === undefined) return "absent";
  throw new FileError("EINVAL", "A file cannot both have the etag of ifMatch and be absent: leave one of them out");
}

/** An entity tag with its quotes (RFC 9110 §8.8.3), and so one and no list. */
function etagOf(ifMatch: string | undefined): string | undefined {
  if (ifMatch === undefined || /^"[\x21\x23-\x7e]*"$/.test(ifMatch)) return ifMatch;
  throw new FileError("EINVAL", `ifMatch must be the etag of a file, with its quotes, not ${JSON.stringify(ifMatch)}`);
}

interface Prepared<Item> {
  readonly item: Item;
  /** An error where there is no such operation: that is the item's result. */
  readonly operation: BatchOperation | FileError;
}

/** As many items as one batch takes, and then the next ones. */
async function* inBatches<Item extends BatchItem>(
  items: Iterable<Item> | AsyncIterable<Item>,
): AsyncGenerator<readonly Prepared<Item>[]> {
  let batch: Prepared<Item>[] = [];
  let characters = 0;
  for await (const item of items) {
    if (batch.length === MAX_BATCH_OPERATIONS || characters > MAX_BATCH_CHARACTERS) {
      yield batch;
      batch = [];
      characters = 0;
    }
    const operation = operationOf(item);
    batch.push({ item, operation });
    characters += operation instanceof FileError ? 0 : operation.path.length;
  }
  if (batch.length > 0) yield batch;
}

function operationOf(item: BatchItem): BatchOperation | FileError {
  try {
    switch (item.operation) {
      case "read":
        return { operation: "read", path: filePathOf(item.path) };
      case "stat":
        return { operation: "stat", path: pathOf(item.path) };
      case "rm":
        return { operation: "rm", path: filePathOf(item.path), ifMatch: etagOf(item.ifMatch) };
      default: {
        const { operation } = item satisfies never as BatchItem;
        throw new FileError("EINVAL", `operation must be read, stat or rm, not ${JSON.stringify(operation)}`);
      }
    }
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
}

function resultOf<Item extends BatchItem>(item: Item, outcome: BatchOutcome): BatchResultOf<Item> {
  // What an operation results in is of its own kind; the compiler cannot follow that from item to outcome.
  return { item, ...publicly(outcome) } as BatchResultOf<Item>;
}

function publicly(outcome: BatchOutcome) {
  switch (outcome.operation) {
    case "read":
      return { data: outcome.data };
    case "stat":
      return { stats: new Stats(outcome.attributes) };
    case "rm":
      return {};
    case "failure":
      return { error: outcome.error };
  }
}

/** Many small reads, stats and deletes, each with a result of its own. */
import { type FileAttributes, FileChangedError, type FileType, type MemoryLease, type Unchanged } from "nfs-client";
import { collect } from "../collect.ts";
import type { RoutedFiles } from "../routed-files.ts";
import type { DirectoryPath, FilePath } from "../routing/path.ts";
import { mayBeNoFile } from "../targets/failures.ts";
import { inOrder } from "./in-order.ts";

export type BatchItem =
  | { readonly operation: "read"; readonly path: FilePath; readonly attributes: boolean }
  | { readonly operation: "stat"; readonly path: DirectoryPath }
  | { readonly operation: "delete"; readonly path: FilePath; readonly when: Unchanged | undefined };

export type BatchResult =
  | { readonly operation: "read"; readonly content: Buffer; readonly attributes: FileAttributes | undefined }
  | { readonly operation: "stat"; readonly attributes: FileAttributes }
  | { readonly operation: "delete" };

/** Bytes of a file that is read in a batch, at most. */
export const MAX_BATCH_READ = 2 ** 20;

/** Items in flight. */
const AT_ONCE = 512;

/** Bytes of a small file, which is what most are. Larger ones need memory of their own. */
const MAX_SMALL = 16 * 1024;

/** How often a file may change while it is read. */
const ROUNDS = 3;

/** The file is too large for a batch. */
export class TooLargeForBatchError extends Error {
  override readonly name = "TooLargeForBatchError";
}

/** Only files are read. */
export class NotAFileError extends Error {
  override readonly name = "NotAFileError";
  readonly type: FileType;

  constructor(path: FilePath, type: FileType) {
    super(`There is no file, but a ${type}, at ${path}`);
    this.type = type;
  }
}

export interface BatchOptions {
  readonly files: RoutedFiles;
  /** Makes a change, where changes may be made: it fails where they may not. */
  readonly change: (change: () => Promise<void>) => Promise<void>;
}

/** Items are worked on at the same time, and results come in their order. An item that is an error already fails with it. */
export async function* runBatch(
  items: readonly (BatchItem | Error)[],
  options: BatchOptions,
): AsyncGenerator<PromiseSettledResult<BatchResult>> {
  const results = inOrder(fromArray(items), {
    atOnce: AT_ONCE,
    memory: options.files.memory,
    bytesOf: (item) => ("operation" in item && item.operation === "read" ? MAX_SMALL : 0),
    work: (item, lease) => settled(runItem(item, lease, options)),
  });
  for await (const result of results) {
    if (result.status === "rejected") yield result;
    else if (typeof result.value === "function") yield await settled(result.value());
    else yield { status: "fulfilled", value: result.value };
  }
}

async function settled<Result>(work: Promise<Result>): Promise<PromiseSettledResult<Result>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}

/** The result, or how it is had when it is its turn. */
async function runItem(
  item: BatchItem | Error,
  lease: MemoryLease,
  { files, change }: BatchOptions,
): Promise<BatchResult | (() => Promise<BatchResult>)> {
  if (item instanceof Error) throw item;
  switch (item.operation) {
    case "read":
      return read(files, item, lease);
    case "stat":
      return { operation: "stat", attributes: await files.stat(item.path, { together: true }) };
    case "delete":
      await change(() => files.deleteFile(item.path, item.when, { together: true }));
      return { operation: "delete" };
  }
}

type ReadItem = Extract<BatchItem, { operation: "read" }>;
type Read = Extract<BatchResult, { operation: "read" }>;

async function read(files: RoutedFiles, item: ReadItem, lease: MemoryLease): Promise<Read | (() => Promise<Read>)> {
  const small = await ofFile(files, item, () => readSmall(files, item));
  if (small !== undefined) return small;
  const readLarge = () => ofFile(files, item, () => readWhole(files, item));
  if (!lease.tryReserveSpare(MAX_BATCH_READ)) return readLarge;
  const large = await readLarge();
  lease.release(MAX_BATCH_READ - large.content.length);
  return large;
}

/** As `attempt` does, and fails with what there is where that is no file. */
async function ofFile<Result>(files: RoutedFiles, { path }: ReadItem, attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    if (mayBeNoFile(error)) {
      const { type } = await files.stat(path, { together: true });
      if (type !== "file") throw new NotAFileError(path, type);
    }
    throw error;
  }
}

/** Undefined where the file is not small. */
async function readSmall(files: RoutedFiles, item: ReadItem): Promise<Read | undefined> {
  if (item.attributes) {
    const { attributes, content } = await readUpTo(files, item.path, MAX_SMALL);
    return attributes.size > content.length ? undefined : { operation: "read", attributes, content };
  }
  // Without the attributes, which is less work.
  const content = await files.readContent(item.path, MAX_SMALL - 1);
  return content && { operation: "read", attributes: undefined, content };
}

async function readWhole(files: RoutedFiles, item: ReadItem): Promise<Read> {
  const { attributes, content } = await readUpTo(files, item.path, MAX_BATCH_READ);
  if (attributes.size > content.length) throw tooLarge(item.path);
  return { operation: "read", attributes: item.attributes ? attributes : undefined, content };
}

async function readUpTo(files: RoutedFiles, path: FilePath, length: number) {
  for (let round = 1; ; round++) {
    const { attributes, body } = await files.openFile(path, { length, together: true });
    try {
      return { attributes, content: await collect(body) };
    } catch (error) {
      if (!(error instanceof FileChangedError) || round === ROUNDS) throw error;
    }
  }
}

function tooLarge(path: FilePath): TooLargeForBatchError {
  return new TooLargeForBatchError(
    `The file has more than the ${MAX_BATCH_READ} bytes that a batch reads: GET ${path}`,
  );
}

async function* fromArray<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

/** Many small reads, stats and deletes, each with a result of its own. */
import { type FileAttributes, type FileType, isStatus, type Unchanged } from "nfs-client";
import type { RoutedFiles } from "../router/routed-files.ts";
import type { DirectoryPath, FilePath } from "../routing/path.ts";
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

/** Bytes that a read is expected to bring: nobody knows before. */
const EXPECTED_READ = 16 * 1024;

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
export function runBatch(
  items: readonly (BatchItem | Error)[],
  options: BatchOptions,
): AsyncGenerator<PromiseSettledResult<BatchResult>> {
  return inOrder(fromArray(items), {
    atOnce: AT_ONCE,
    memory: options.files.memory,
    bytesOf: (item) => ("operation" in item && item.operation === "read" ? EXPECTED_READ : 0),
    work: async (item) => {
      const [settled] = await Promise.allSettled([runItem(item, options)]);
      return settled;
    },
  });
}

async function runItem(item: BatchItem | Error, { files, change }: BatchOptions): Promise<BatchResult> {
  if (item instanceof Error) throw item;
  switch (item.operation) {
    case "read":
      return { operation: "read", ...(await read(files, item)) };
    case "stat":
      return { operation: "stat", attributes: await files.stat(item.path, { together: true }) };
    case "delete":
      await change(() => files.deleteFile(item.path, item.when, { together: true }));
      return { operation: "delete" };
  }
}

type Read = Omit<Extract<BatchResult, { operation: "read" }>, "operation">;

async function read(files: RoutedFiles, item: Extract<BatchItem, { operation: "read" }>): Promise<Read> {
  const { path } = item;
  try {
    return await (item.attributes ? readFile(files, path) : readContent(files, path));
  } catch (error) {
    // What a server says of a link, a directory or a device that is read differs from one to the other; its type does not.
    if (isStatus(error, "NFS4ERR_INVAL", "NFS4ERR_ISDIR", "NFS4ERR_SYMLINK", "NFS4ERR_WRONG_TYPE")) {
      const { type } = await files.stat(path, { together: true });
      if (type !== "file") throw new NotAFileError(path, type);
    }
    throw error;
  }
}

async function readContent(files: RoutedFiles, path: FilePath): Promise<Read> {
  const content = await files.readContent(path, MAX_BATCH_READ);
  if (content === undefined) throw tooLarge(path);
  return { content, attributes: undefined };
}

async function readFile(files: RoutedFiles, path: FilePath): Promise<Read> {
  const { attributes, body } = await files.openFile(path, { together: true });
  if (attributes.size > MAX_BATCH_READ) throw tooLarge(path);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { attributes, content: Buffer.concat(chunks) };
}

function tooLarge(path: FilePath): TooLargeForBatchError {
  return new TooLargeForBatchError(
    `The file has more than the ${MAX_BATCH_READ} bytes that a batch reads: GET ${path}`,
  );
}

async function* fromArray<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

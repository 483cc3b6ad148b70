/**
 * Reads trees of directories by file handle: what is in a directory, and which of many directories have changed. Names
 * are byte strings, one character a byte (Latin-1): on the server they need not be UTF-8.
 */
import { DEFAULT_OPERATION_TIMEOUT, openChannel } from "./client.ts";
import { isStatus } from "./errors.ts";
import { runOptions } from "./files/context.ts";
import { parsePath } from "./files/paths.ts";
import type { Channel, RunOptions } from "./session/channel.ts";
import type { NfsClientOptions, NfsClientStatistics, OperationOptions } from "./types.ts";
import type { CompoundReply, Operation } from "./wire/compound.ts";
import { DIRECTORY_START } from "./wire/operations/directories.ts";
import { getFileHandle, lookup, putFileHandle, putRootFileHandle } from "./wire/operations/file-handles.ts";
import {
  type DirectoryState,
  getChange,
  getDirectoryState,
  lookupBytes,
  readTypes,
  type TypedDirectory,
  type TypesPage,
} from "./wire/operations/trees.ts";

/** A directory: by its own handle, or by its name in another directory. */
export type DirectoryLocation = { readonly handle: Buffer } | { readonly parent: Buffer; readonly name: string };

export interface ReadTreeOptions extends OperationOptions {
  /** Ask for the file ids of the directories that are found. Default false: each entry then takes 8 bytes less. */
  readonly fileIds?: boolean;
}

/** What is in a directory, and its state before that was read. */
export interface DirectoryContents extends Omit<DirectoryState, "isDirectory"> {
  readonly handle: Buffer;
  /** Entries that are no directories. */
  readonly files: number;
  readonly directories: readonly TypedDirectory[];
}

/** Every method fails with a subclass of {@link NfsError}. */
export interface TreeReader {
  /** The handle of the directory at a path. */
  find(path: string, options?: OperationOptions): Promise<Buffer>;
  /** Reads a directory; undefined when something else has the name. */
  read(directory: DirectoryLocation, options?: ReadTreeOptions): Promise<DirectoryContents | undefined>;
  /** Reads several directories in one COMPOUND, as far as they fit: for those that are known to be small. */
  readEach(
    directories: readonly DirectoryLocation[],
    options?: ReadTreeOptions,
  ): Promise<PromiseSettledResult<DirectoryContents | undefined>[]>;
  /**
   * The change attributes of directories, as many of them in one COMPOUND as the server takes; undefined for a handle
   * that it refuses.
   */
  readChanges(handles: readonly Buffer[], options?: OperationOptions): Promise<(bigint | undefined)[]>;
  /** How many handles {@link readChanges} asks for in one round trip. */
  readonly handlesPerRequest: number;
  statistics(): NfsClientStatistics;
  close(): Promise<void>;
  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How often a directory is read from its start, when it changes so that a page cannot follow the one before. */
const MAX_READS = 5;

/** Connects as `connectNfs` does. @throws {ConnectionError | DeadlineError | ProtocolError} */
export async function connectTreeReader(options: NfsClientOptions): Promise<TreeReader> {
  const { channel } = await openChannel(options);
  return new Reader(channel, options.operationTimeout ?? DEFAULT_OPERATION_TIMEOUT);
}

class Reader implements TreeReader {
  readonly #channel: Channel;
  readonly #operationTimeout: number;
  /** Halved when the server executes fewer operations than it granted. */
  #maxHandles = Number.POSITIVE_INFINITY;

  constructor(channel: Channel, operationTimeout: number) {
    this.#channel = channel;
    this.#operationTimeout = operationTimeout;
  }

  get handlesPerRequest(): number {
    const operationsPerHandle = 2;
    return Math.min(this.#maxHandles, Math.floor(this.#channel.capabilities.maximumOperations / operationsPerHandle));
  }

  async find(path: string, options?: OperationOptions): Promise<Buffer> {
    const run = this.#runOptions(options);
    let start: Operation<void> = putRootFileHandle;
    const names = parsePath(path);
    const step = this.#channel.capabilities.maximumOperations - 2;
    for (let at = 0; ; at += step) {
      const handle = getFileHandle();
      const operations = [start, ...names.slice(at, at + step).map(lookup), handle];
      const found = (await this.#channel.run(operations, run)).orThrow(path).of(handle);
      if (at + step >= names.length) return found;
      start = putFileHandle(found);
    }
  }

  async read(directory: DirectoryLocation, options: ReadTreeOptions = {}): Promise<DirectoryContents | undefined> {
    for (let reads = 1; ; reads++) {
      try {
        return await this.#readOnce(directory, options);
      } catch (error) {
        if (reads === MAX_READS || !isStatus(error, "NFS4ERR_BAD_COOKIE", "NFS4ERR_NOT_SAME")) throw error;
      }
    }
  }

  async #readOnce(directory: DirectoryLocation, options: ReadTreeOptions): Promise<DirectoryContents | undefined> {
    const first = firstRead(directory, this.#channel.capabilities.maximumDirectoryPage, options);
    const reply = await this.#channel.run(first.operations, this.#runOptions(options));
    if (reply.reached(first.state) && !reply.of(first.state).isDirectory) return undefined;
    return this.#readRest(reply.orThrow(), first, options);
  }

  async readEach(
    directories: readonly DirectoryLocation[],
    options: ReadTreeOptions = {},
  ): Promise<PromiseSettledResult<DirectoryContents | undefined>[]> {
    const { maximumOperations, maximumDirectoryPage } = this.#channel.capabilities;
    const together = Math.max(1, Math.min(directories.length, Math.floor(maximumOperations / OPERATIONS_OF_A_READ)));
    const reads = directories
      .slice(0, together)
      .map((directory) => firstRead(directory, Math.floor(maximumDirectoryPage / together), options));
    const operations = reads.flatMap((read) => read.operations);
    const reply = await this.#channel.run(operations, this.#runOptions(options));
    return Promise.allSettled(
      directories.map((directory, index) => {
        const read = reads[index];
        // The COMPOUND ends with the first one that fails: that one, and those behind it, are read by themselves.
        return read !== undefined && reply.reached(read.page)
          ? this.#readRest(reply, read, options)
          : this.read(directory, options);
      }),
    );
  }

  /** The pages behind the first one. */
  async #readRest(reply: CompoundReply, first: FirstRead, options: ReadTreeOptions): Promise<DirectoryContents> {
    const { change, fileId, changedAt } = reply.of(first.state);
    const handle = reply.of(first.handle);
    let page = reply.of(first.page);
    let { files } = page;
    const directories = [...page.directories];
    while (page.next !== undefined) {
      page = await this.#readPage(handle, page.next, options);
      files += page.files;
      for (const found of page.directories) directories.push(found);
    }
    return { handle, change, fileId, changedAt, files, directories };
  }

  async #readPage(
    handle: Buffer,
    position: NonNullable<TypesPage["next"]>,
    { fileIds = false, ...options }: ReadTreeOptions,
  ): Promise<TypesPage> {
    const page = readTypes(position, this.#channel.capabilities.maximumDirectoryPage, { fileIds });
    return (await this.#channel.run([putFileHandle(handle), page], this.#runOptions(options))).orThrow().of(page);
  }

  async readChanges(handles: readonly Buffer[], options?: OperationOptions): Promise<(bigint | undefined)[]> {
    const changes: (bigint | undefined)[] = [];
    while (changes.length < handles.length) {
      const group = handles.slice(changes.length, changes.length + this.handlesPerRequest);
      const gets = group.map(() => getChange());
      const operations = gets.flatMap((get, index) => [putFileHandle(group[index] ?? Buffer.of()), get]);
      const reply = await this.#channel.run(operations, this.#runOptions(options));
      const done = gets.findIndex((get) => !reply.reached(get));
      const answered = done < 0 ? gets : gets.slice(0, done);
      for (const get of answered) changes.push(reply.of(get));
      if (done >= 0) this.#takeRefusal(reply, done, group.length, changes);
    }
    return changes;
  }

  /** The COMPOUND stopped at a handle: that one is refused, or there were too many. */
  #takeRefusal(reply: CompoundReply, at: number, size: number, changes: (bigint | undefined)[]): void {
    if (reply.failedWith(...REFUSED_HANDLE)) changes.push(undefined);
    else if (reply.failedWith(...TOO_MUCH) && size > 1) this.#maxHandles = Math.max(1, at, Math.floor(size / 2));
    else reply.orThrow();
  }

  statistics(): NfsClientStatistics {
    return { ...this.#channel.statistics };
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #runOptions(options?: OperationOptions): RunOptions {
    return runOptions({ operationTimeout: this.#operationTimeout }, options);
  }
}

/** The operations that read a directory, with its first page of entries. */
interface FirstRead {
  readonly operations: readonly Operation<unknown>[];
  readonly state: Operation<DirectoryState>;
  readonly handle: Operation<Buffer>;
  readonly page: Operation<TypesPage>;
}

/** At most, as {@link firstRead} has them. */
const OPERATIONS_OF_A_READ = 5;

function firstRead(
  directory: DirectoryLocation,
  maximumBytes: number,
  { fileIds = false }: ReadTreeOptions,
): FirstRead {
  const state = getDirectoryState();
  const handle = getFileHandle();
  const page = readTypes(DIRECTORY_START, maximumBytes, { fileIds });
  return { operations: [...walkTo(directory), state, handle, page], state, handle, page };
}

const REFUSED_HANDLE = [
  "NFS4ERR_STALE",
  "NFS4ERR_BADHANDLE",
  "NFS4ERR_FHEXPIRED",
  "NFS4ERR_NOENT",
  "NFS4ERR_ACCESS",
] as const;

const TOO_MUCH = ["NFS4ERR_RESOURCE", "NFS4ERR_TOO_MANY_OPS", "NFS4ERR_REQ_TOO_BIG", "NFS4ERR_REP_TOO_BIG"] as const;

function walkTo(directory: DirectoryLocation): Operation<void>[] {
  if ("handle" in directory) return [putFileHandle(directory.handle)];
  return [putFileHandle(directory.parent), lookupBytes(directory.name)];
}

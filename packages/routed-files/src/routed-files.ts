/**
 * The file API over many mount targets of one file system: every path has a target of its own, and the targets that
 * follow it in the path's ranking stand in while it is away.
 */
import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import {
  type Changed,
  ClosedError,
  type DirectoryEntry,
  etagOf,
  type FileAttributes,
  FileChangedError,
  type Identity,
  isMissing,
  isStatus,
  MemoryBudget,
  type NfsClient,
  type OperationOptions,
  type OrphanOptions,
  type OrphanReport,
  OutcomeUnknownError,
  PreconditionError,
  type ReadableFile,
  type ReadOptions,
  type RemoveOptions,
  type SmallFile,
  TEMPORARY_PREFIX,
  type Unchanged,
  type WriteOptions,
} from "nfs-client";
import { changeOf, deletionOf, type PathChange, type PathChangeRecorder } from "./changes.ts";
import { collect } from "./collect.ts";
import { FileWrite, type WriteCondition, type WriteManner, type Written } from "./file-write.ts";
import { HotSpots } from "./hot-spots/hot-spots.ts";
import { SharedReads } from "./hot-spots/shared-reads.ts";
import { OwnDirectory, type OwnFiles } from "./own-files.ts";
import { type DirectoryPath, type FilePath, isHidden, ownFilePath, ROOT } from "./routing/path.ts";
import { mayHaveBeenDone, UnavailableError, verdictOn } from "./targets/failures.ts";
import type { OperationName } from "./targets/statistics.ts";
import type { Target } from "./targets/target.ts";
import {
  type Attempt,
  type AttemptOptions,
  type JointChange,
  TargetPool,
  type TargetPoolOptions,
} from "./targets/target-pool.ts";

export interface RoutedFilesOptions extends Omit<TargetPoolOptions, "memory" | "hotSpots"> {
  /** Shared by all targets; a new one when absent. */
  readonly memory?: MemoryBudget;
  /** Absent: nothing is ever hot. */
  readonly hotSpots?: HotSpots;
  /** The directory of the file system that paths begin at, for example `/data`. */
  readonly rootDirectory: string;
}

export type ReadRange = Pick<ReadOptions, "start" | "length">;

export interface SmallFileRequest {
  readonly path: FilePath;
  /** Bytes that it has, as far as is known. */
  readonly size: number;
}

/** Whether an operation is one of many on small files, which share requests to the mount targets. Default: it is not. */
export type Sharing = Pick<OperationOptions, "together">;

/** What comes piece by piece from one target. */
interface Opened<Item> {
  readonly attempt: Attempt;
  readonly items: AsyncIterable<Item>;
  /** Bytes that the target has yet to read. */
  readonly rest: number;
}

/** What many readers of one small file get. */
interface SharedFile {
  readonly attributes: FileAttributes;
  readonly data: Buffer;
}

/** Bytes of a file, or of a part of it, that is small enough to be read once for many. */
const MAX_SHARED_BYTES = 64 * 1024;

/** Bytes that the first request for a file brings. */
const FIRST_READ_BYTES = 2 ** 20;

/** What is the same, whoever the files are for. */
interface Shared {
  readonly pool: TargetPool;
  /** Without a slash at its end. */
  readonly root: string;
  readonly memory: MemoryBudget;
  readonly hotSpots: HotSpots;
  readonly ownZone: string | undefined;
  readonly reads: SharedReads<SharedFile | undefined>;
  bytesAcrossZones: number;
  recorder: PathChangeRecorder | undefined;
}

/**
 * Every operation fails with a subclass of NfsError, or with {@link UnavailableError} when no target can be reached.
 *
 * When a target is lost, what is idempotent is retried at the next one. The outcome of the rest may stay unknown; that
 * is an {@link OutcomeUnknownError}.
 */
export class RoutedFiles {
  readonly #shared: Shared;
  /** Whom the operations are for; undefined: the router itself. */
  readonly #identity: Identity | undefined;

  private constructor(shared: Shared, identity?: Identity) {
    this.#shared = shared;
    this.#identity = identity;
  }

  /** See {@link TargetPool.open}. */
  static async open(table: MountTable, options: RoutedFilesOptions): Promise<RoutedFiles> {
    const { log, memory = new MemoryBudget(), hotSpots = new HotSpots({ share: undefined, log }) } = options;
    const poolOptions = { ...options, memory, hotSpots };
    return new RoutedFiles({
      pool: await TargetPool.open(table, poolOptions),
      root: options.rootDirectory.replace(/\/+$/, ""),
      memory,
      hotSpots,
      ownZone: options.routing?.ownZone,
      reads: new SharedReads(),
      bytesAcrossZones: 0,
      recorder: undefined,
    });
  }

  /** As {@link open}. @throws {UnavailableError} when no target can be connected to; nothing is left running then. */
  static async start(table: MountTable, options: RoutedFilesOptions): Promise<RoutedFiles> {
    const files = await RoutedFiles.open(table, options);
    try {
      await files.connected(0);
      return files;
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  /**
   * The same files for another user, over the same sessions. What one user is shown, no other one gets: reads are shared
   * with those of the same user only.
   */
  as(identity: Identity): RoutedFiles {
    return new RoutedFiles(this.#shared, identity);
  }

  /** What all that passes through may hold of file data. */
  get memory(): MemoryBudget {
    return this.#shared.memory;
  }

  get hotSpots(): HotSpots {
    return this.#shared.hotSpots;
  }

  /** The Availability Zone that the router is in, where it is known. */
  get ownZone(): string | undefined {
    return this.#shared.ownZone;
  }

  /** See {@link TargetPool.connected}. */
  connected(timeout: number): Promise<void> {
    return this.#shared.pool.connected(timeout);
  }

  /** See {@link TargetPool.targets}. */
  get targets(): readonly Target[] {
    return this.#shared.pool.targets;
  }

  /** See {@link TargetPool.ready}. */
  get ready(): boolean {
    return this.#shared.pool.ready;
  }

  /** See {@link TargetPool.rank}. */
  rank(path: DirectoryPath): Target[] {
    return this.#shared.pool.rank(path);
  }

  /** See {@link TargetPool.useTable}. */
  useTable(table: MountTable): Promise<void> {
    return this.#shared.pool.useTable(table);
  }

  close(): Promise<void> {
    return this.#shared.pool.close();
  }

  /** From now on every change by a client is recorded, before it is acknowledged. */
  recordChanges(recorder: PathChangeRecorder): void {
    this.#shared.recorder = recorder;
  }

  /** A directory of the routers' own: see {@link ownFilePath}. */
  ownFiles(directory: string): OwnFiles {
    return new OwnDirectory(this.#shared.pool, ownFilePath(directory), (path) => this.#absolute(path));
  }

  /** Bytes read and written at targets of other zones; undefined where the own zone is not known. */
  get bytesAcrossZones(): number | undefined {
    return this.ownZone === undefined ? undefined : this.#shared.bytesAcrossZones;
  }

  /** As {@link bytesAcrossZones}, at one target. */
  bytesAcrossZonesAt({ zone, statistics }: Target): number | undefined {
    if (this.ownZone === undefined) return undefined;
    return zone === this.ownZone ? 0 : statistics.bytesRead + statistics.bytesWritten;
  }

  /** Readers that got what had been read for another one. */
  get sharedReads(): number {
    return this.#shared.reads.shared;
  }

  /**
   * A file as a stream, which goes on from another target when its own is lost.
   *
   * The body fails with a {@link FileChangedError} when the file was replaced in between.
   */
  async openFile(path: FilePath, range: ReadRange & Sharing = {}): Promise<ReadableFile> {
    this.hotSpots.note(path);
    const file = (await this.#openShared(path, range)) ?? (await this.#open(path, range));
    const { size } = file.attributes;
    this.hotSpots.noteSize(path, size);
    this.hotSpots.noteBytes(path, bytesIn(range, size));
    return file;
  }

  /** A file that is hot and small, read once for all who ask for it meanwhile; undefined when it is not. */
  async #openShared(path: FilePath, range: ReadRange): Promise<ReadableFile | undefined> {
    const size = this.hotSpots.sizeOf(path);
    if (size === undefined || bytesIn(range, size) > MAX_SHARED_BYTES) return undefined;
    const key = `${nameOf(this.#identity)} ${range.start} ${range.length} ${path}`;
    const file = await this.#shared.reads.read(key, () => this.#readSmall(path, range));
    return file && { attributes: file.attributes, body: single(file.data), whole: file.data };
  }

  /** Undefined when the file is not small, or changes while it is read. */
  async #readSmall(path: FilePath, range: ReadRange): Promise<SharedFile | undefined> {
    const { attributes, body, whole } = await this.#open(path, range);
    if (bytesIn(range, attributes.size) > MAX_SHARED_BYTES) return undefined;
    if (whole !== undefined) return { attributes, data: whole };
    try {
      return { attributes, data: await collect(body) };
    } catch (error) {
      if (error instanceof FileChangedError) return undefined;
      throw error;
    }
  }

  async #open(
    path: FilePath,
    { start = 0, length = Number.POSITIVE_INFINITY, ...sharing }: ReadRange & Sharing,
  ): Promise<ReadableFile> {
    const end = start + length;
    let offset = start;
    const open = () =>
      this.#try("read", path, async (attempt) => {
        const rest = end === Number.POSITIVE_INFINITY ? {} : { length: end - offset };
        const options = { ...streamed(attempt.options), ...sharing, start: offset, ...rest };
        const { attributes, body, whole } = await attempt.client.openFile(this.#absolute(path), options);
        const left = bytesIn({ start: offset, length: end - offset }, attributes.size);
        return { attempt, attributes, whole, items: body, rest: Math.max(0, left - FIRST_READ_BYTES) };
      });
    const first = await open();
    const reopen = async () => {
      const again = await open();
      if (etagOf(again.attributes) === etagOf(first.attributes)) return again;
      throw new FileChangedError(`${path} was replaced while it was read`);
    };
    const note = (chunk: Buffer, target: Target) => {
      offset += chunk.length;
      target.statistics.bytesRead += chunk.length;
      this.#noteZone(target, chunk.length);
    };
    const { attributes, whole, attempt } = first;
    if (whole === undefined) return { attributes, body: this.#follow(first, reopen, note) };
    note(whole, attempt.target);
    return { attributes, body: single(whole), whole };
  }

  /**
   * The content of a small file, of many that are read at once.
   *
   * @returns undefined when the file has more than `maximum` bytes.
   */
  async readContent(path: FilePath, maximum: number): Promise<Buffer | undefined> {
    const content = await this.#attempt("read", path, async ({ target, client, options }) => {
      const read = await client.readContent(this.#absolute(path), { ...options, maximum, together: true });
      if (read !== undefined) {
        target.statistics.bytesRead += read.length;
        this.#noteZone(target, read.length);
      }
      return read;
    });
    if (content !== undefined) {
      this.hotSpots.noteSize(path, content.length);
      this.hotSpots.noteBytes(path, content.length);
    }
    return content;
  }

  /**
   * Many small files, with less work for each than {@link openFile} has. In the order of the requests; `undefined` for each
   * that did not come as a whole at the first try: {@link openFile} reads it, or says why it cannot be read.
   */
  async readSmallFiles(requests: readonly SmallFileRequest[]): Promise<(SmallFile | undefined)[]> {
    const found = await this.#shared.pool.readTogether(requests, async (attempt, own) => {
      const { target, client, options } = this.#own(attempt);
      const read = await client.readSmallFiles(
        own.map(({ path, size }) => ({ path: this.#absolute(path), size })),
        options,
      );
      const bytes = read.reduce((sum, file) => sum + (file?.data.length ?? 0), 0);
      target.statistics.bytesRead += bytes;
      this.#noteZone(target, bytes);
      return read;
    });
    for (const [index, { path }] of requests.entries()) {
      const size = found[index]?.data.length;
      if (size === undefined) continue;
      this.hotSpots.note(path);
      this.hotSpots.noteSize(path, size);
      this.hotSpots.noteBytes(path, size);
    }
    return found;
  }

  /**
   * Replaces a file atomically; durable on return.
   *
   * @param data A stream is read once, so it is tried at another target only as long as nothing of it was read.
   * @param how `beforePublishing` ({@link WriteOptions.beforePublishing}) is called once for each target that the file is written at.
   * @throws {PreconditionError} when the file is not as `when` says.
   */
  async writeFile(
    path: FilePath,
    data: Uint8Array | AsyncIterable<Uint8Array>,
    when?: WriteCondition,
    how: WriteManner = {},
  ): Promise<Written> {
    const note = (target: Target, bytes: number) => this.#noteWritten(path, target, bytes);
    const write = new FileWrite({ path: this.#absolute(path), data, when, how, onWritten: note });
    const attempt = () =>
      this.#attempt("write", path, (each) => write.attempt(each), { isRetryable: () => !write.begun });
    return this.#recorded(path, attempt, (written) => changeOf("write", path, written.attributes, written));
  }

  /**
   * Adds to the end of a file, which is made when there is none; durable on return.
   *
   * @throws {OutcomeUnknownError} when the connection was lost, and nobody can tell whether the bytes were added.
   */
  async appendFile(path: FilePath, data: Uint8Array, when?: WriteCondition): Promise<FileAttributes> {
    const append = async ({ target, client, connection, options: { timeout } }: Attempt) => {
      const options = { timeout, onConnectionLoss: "recover", signal: connection.lostForGood } as const;
      const attributes = await client.appendFile(this.#absolute(path), data, { ...options, ...(when && { when }) });
      this.#noteWritten(path, target, data.length);
      return attributes;
    };
    const isRetryable = (error: unknown) => !(error instanceof OutcomeUnknownError || error instanceof ClosedError);
    const attempt = () => this.#attempt("append", path, append, { isRetryable });
    return this.#recorded(path, attempt, (appended) => changeOf("append", path, appended, appended));
  }

  /** @param how `isAsked`: a client asked for the path, which may make it a hot spot. Default true. */
  async stat(
    path: DirectoryPath,
    { isAsked = true, ...sharing }: Sharing & { readonly isAsked?: boolean } = {},
  ): Promise<FileAttributes> {
    if (isAsked) this.hotSpots.note(path);
    return this.#try("stat", path, ({ client, options }) =>
      client.stat(this.#absolute(path), { ...options, ...sharing }),
    );
  }

  async exists(path: DirectoryPath): Promise<boolean> {
    return this.#attempt("stat", path, ({ client, options }) => client.exists(this.#absolute(path), options));
  }

  /**
   * Removes a file or an empty directory.
   *
   * @throws {PreconditionError} when the file is not as `when` says.
   */
  async deleteFile(path: FilePath, when?: Unchanged, sharing: Sharing = {}): Promise<void> {
    await this.#recorded(
      path,
      () => this.#remove(path, { ...sharing, ...(when && { when }) }),
      (changed) => deletionOf(path, changed),
    );
  }

  /**
   * Removes many files, with less work for each than {@link deleteFile} has. In the order of the paths; rejected as
   * {@link deleteFile} is. One that is retried by itself has the time of an operation for that.
   */
  async deleteFiles(paths: readonly FilePath[]): Promise<PromiseSettledResult<void>[]> {
    const items = paths.map((path) => ({ path }));
    const changes = await this.#shared.pool.changeTogether("delete", items, (attempt, own) => {
      const { client, options } = this.#own(attempt);
      const absolute = own.map(({ path }) => this.#absolute(path));
      return client.removeFiles(absolute, options);
    });
    return Promise.allSettled(paths.map((path, index) => this.#concludeDeletion(path, changes[index])));
  }

  /** Records what became of a file that was to be removed with others, after it was removed by itself where it has to be. */
  async #concludeDeletion(path: FilePath, change: JointChange<Changed> | undefined): Promise<void> {
    const conclude = async () => {
      if (change?.kind === "done") return change.result;
      if (change?.kind === "failed") throw change.error;
      const unknown = change?.unknown;
      try {
        return await this.#remove(path, { together: true }, unknown !== undefined);
      } catch (error) {
        // That it is a directory says that it was there. All else says nothing of the attempt that was lost.
        throw isStatus(error, "NFS4ERR_NOTEMPTY", "NFS4ERR_EXIST") ? error : (unknown ?? error);
      }
    };
    await this.#recorded(path, conclude, (changed) => deletionOf(path, changed));
  }

  /** @param mayBeDone An attempt that was lost may have removed the file. */
  async #remove(path: FilePath, how: Pick<RemoveOptions, "when" | "together">, mayBeDone = false): Promise<Changed> {
    let outcomeUnknown = mayBeDone;
    return this.#attempt("delete", path, async ({ client, options }) => {
      try {
        return await client.remove(this.#absolute(path), { ...options, ...how });
      } catch (error) {
        // The attempt that was lost did it.
        if (outcomeUnknown && isMissing(error)) return {};
        if (outcomeUnknown && error instanceof PreconditionError) {
          const message = "The file is not as the condition says, but a lost attempt may have removed the one that was";
          throw new OutcomeUnknownError(message, { cause: error });
        }
        outcomeUnknown ||= mayHaveBeenDone(error);
        throw error;
      }
    });
  }

  /** Makes a directory, and those above it, where they are missing. */
  async makeDirectory(path: FilePath): Promise<void> {
    await this.#attempt("write", path, ({ client, options }) =>
      client.makeDirectory(this.#absolute(path), { ...options, recursive: true }),
    );
  }

  /**
   * The entries of a directory behind the cursor `after`.
   *
   * @param unfinished With the files that are still being written. Default false.
   */
  async *list(
    path: DirectoryPath,
    { after, unfinished = false }: { after?: string | undefined; unfinished?: boolean } = {},
  ): AsyncGenerator<DirectoryEntry> {
    let cursor = after;
    const open = () =>
      this.#attempt("list", path, async (attempt) => {
        const place = cursor === undefined ? {} : { after: cursor };
        const entries = attempt.client.readDirectory(this.#absolute(path), { ...streamed(attempt.options), ...place });
        return { attempt, items: await begin(entries), rest: 0 };
      });
    const note = (entry: DirectoryEntry) => {
      cursor = entry.cursor;
    };
    for await (const entry of this.#follow(await open(), open, note)) {
      if (unfinished || !entry.name.startsWith(TEMPORARY_PREFIX)) yield entry;
    }
  }

  /** See {@link NfsClient.removeOrphans}. Does not hold up the draining of its target: it fails, and there is a next time. */
  async removeOrphans(options: OrphanOptions): Promise<OrphanReport> {
    const connection = this.#shared.pool.anyConnection;
    if (connection === undefined) throw new UnavailableError("No mount target can be reached");
    return connection.client.removeOrphans(this.#absolute(ROOT), options);
  }

  /** @throws {OutcomeUnknownError} also when the change was made, and perhaps not recorded. */
  async #recorded<Result>(
    path: FilePath,
    change: () => Promise<Result>,
    describe: (result: Result) => PathChange,
  ): Promise<Result> {
    const recorder = this.#shared.recorder;
    if (recorder === undefined || isHidden(path)) return change();
    let result: Result;
    try {
      result = await change();
    } catch (error) {
      // Nobody waits for this record: the client is told that nobody knows.
      if (mayHaveBeenDone(error)) void recorder.record({ kind: "uncertain", path }).catch(() => {});
      throw error;
    }
    try {
      await recorder.record(describe(result));
    } catch (cause) {
      const message = "The change was made, but those who subscribe to changes may not learn of it";
      throw new OutcomeUnknownError(message, { cause });
    }
    return result;
  }

  #noteWritten(path: FilePath, target: Target, bytes: number): void {
    target.statistics.bytesWritten += bytes;
    this.hotSpots.noteBytes(path, bytes);
    this.#noteZone(target, bytes);
  }

  #noteZone({ zone }: Target, bytes: number): void {
    if (zone !== this.ownZone) this.#shared.bytesAcrossZones += bytes;
  }

  /** Counts the request, and does what {@link TargetPool.attempt} does. */
  #attempt<Result>(
    operation: OperationName,
    path: DirectoryPath,
    task: (attempt: Attempt) => Promise<Result>,
    options?: AttemptOptions,
  ): Promise<Result> {
    this.hotSpots.note(path);
    return this.#try(operation, path, task, options);
  }

  /** Does what {@link TargetPool.attempt} does, for whom the files are for. */
  #try<Result>(
    operation: OperationName,
    path: DirectoryPath,
    task: (attempt: Attempt) => Promise<Result>,
    options?: AttemptOptions,
  ): Promise<Result> {
    return this.#shared.pool.attempt(operation, path, (attempt) => task(this.#own(attempt)), options);
  }

  #own(attempt: Attempt): Attempt {
    return this.#identity === undefined ? attempt : { ...attempt, client: attempt.client.as(this.#identity) };
  }

  #absolute(path: DirectoryPath): string {
    return path === ROOT ? this.#shared.root || "/" : `${this.#shared.root}/${path}`;
  }

  /**
   * The items of what was opened; when its target is lost on the way, `reopen` opens the rest elsewhere.
   *
   * @param note Called with every item before it is passed on.
   */
  async *#follow<Item>(
    first: Opened<Item>,
    reopen: () => Promise<Opened<Item>>,
    note: (item: Item, target: Target) => void,
  ): AsyncGenerator<Item> {
    let opened = first;
    let lostInARow = 0;
    for (;;) {
      const { connection, target } = opened.attempt;
      const end = target.meter.carry(opened.rest);
      connection.enter();
      try {
        for await (const item of opened.items) {
          lostInARow = 0;
          note(item, target);
          yield item;
        }
        return;
      } catch (error) {
        target.judge(error, connection);
        lostInARow += 1;
        if (verdictOn(error) !== "lost" || lostInARow > this.targets.length) throw error;
      } finally {
        connection.leave();
        end();
      }
      opened = await reopen();
    }
  }
}

/** The same for two that are the same user. */
function nameOf(identity: Identity | undefined): string {
  return identity === undefined ? "" : [identity.uid, identity.gid, ...(identity.gids ?? [])].join();
}

/** Streams have no end known beforehand: each of their requests has the client's whole operation timeout. */
function streamed({ timeout: _, ...options }: OperationOptions): OperationOptions {
  return options;
}

/** How many bytes of a file of this size are in a range. */
function bytesIn({ start = 0, length = Number.POSITIVE_INFINITY }: ReadRange, size: number): number {
  return Math.max(0, Math.min(length, size - start));
}

async function* single(data: Buffer): AsyncGenerator<Buffer> {
  if (data.length > 0) yield data;
}

/** Fetches the first item, so that what is wrong from the start shows now. */
async function begin<Item>(items: AsyncIterable<Item>): Promise<AsyncIterable<Item>> {
  const iterator = items[Symbol.asyncIterator]();
  const first = await iterator.next();
  return {
    async *[Symbol.asyncIterator]() {
      if (first.done) return;
      try {
        yield first.value;
        yield* { [Symbol.asyncIterator]: () => iterator };
      } finally {
        await iterator.return?.();
      }
    },
  };
}

/**
 * The file API over many mount targets of one file system: every path has a target of its own, and the targets that
 * follow it in the path's ranking stand in while it is away.
 */
import type { MountTable, MountTarget } from "../../../contracts/mount-table.ts";
import {
  ClosedError,
  Deadline,
  type DirectoryEntry,
  etagOf,
  type FileAttributes,
  FileChangedError,
  type FileReading,
  isStatus,
  type LeftoverOptions,
  type LeftoverReport,
  type NfsClient,
  NfsStatusError,
  type OperationOptions,
  OutcomeUnknownError,
  PreconditionError,
  type ReadOptions,
  TEMPORARY_PREFIX,
  TransferMemory,
  type Unchanged,
  type WriteOptions,
} from "../nfs/index.ts";
import { type DirectoryPath, type FilePath, ROOT } from "../routing/path.ts";
import { type RoutingStrategy, rankingOf } from "../routing/ranking.ts";
import type { Ranking } from "../routing/routable.ts";
import type { Connection } from "./connection.ts";
import { mayHaveBeenDone, UnavailableError, verdictOn } from "./failures.ts";
import type { OperationName } from "./statistics.ts";
import { Target, type TargetOptions } from "./target.ts";

export interface RouterOptions extends TargetOptions {
  /** The directory of the file system that paths begin at, for example `/data`. */
  readonly rootDirectory: string;
  readonly strategy?: RoutingStrategy;
  /** Milliseconds that operations under way have at a mount target that the table no longer lists. */
  readonly drainTimeout: number;
}

export type ReadRange = Pick<ReadOptions, "start" | "length">;

export type WriteCondition = WriteOptions["when"];

export interface Written {
  readonly attributes: FileAttributes;
  /** There was no file before. */
  readonly created: boolean;
}

/** What must not be done by a lost target after it was repeated elsewhere. */
const CHANGES: ReadonlySet<OperationName> = new Set<OperationName>(["write", "append", "delete"]);

/** Lost sessions that are remembered while no target answers; by then the first ones have ended by themselves. */
const MOST_UNEXPELLED = 100;

/** One try of an operation, at one target. */
interface Attempt {
  readonly target: Target;
  readonly connection: Connection;
  readonly client: NfsClient;
  /** For operations that can be tried at another target when this one is lost. */
  readonly options: OperationOptions;
}

/** What comes piece by piece from one target. */
interface Opened<Item> {
  readonly attempt: Attempt;
  readonly items: AsyncIterable<Item>;
}

/**
 * Every operation fails with a subclass of NfsError, or with {@link UnavailableError} when no target can be reached.
 *
 * What can be repeated without harm is repeated at the next target when one is lost. The outcome of the rest may stay
 * unknown; that is an {@link OutcomeUnknownError}.
 */
export class Router {
  /** What all that passes through may hold of file data. */
  readonly memory: TransferMemory;
  readonly #options: RouterOptions;
  readonly #root: string;
  #targets: readonly Target[];
  #ranking: Ranking<Target>;
  /** No longer in the table, with operations under way. */
  readonly #draining = new Set<Target>();
  readonly #waiting = new Set<() => void>();
  /** Clients whose sessions no server could be told to end yet. */
  readonly #unexpelled = new Set<NfsClient>();
  #closed = false;

  private constructor(table: MountTable, options: RouterOptions) {
    this.memory = options.memory ?? new TransferMemory();
    this.#options = { ...options, memory: this.memory };
    this.#root = options.rootDirectory.replace(/\/+$/, "");
    this.#targets = table.mount_targets.map((mountTarget) => this.#newTarget(mountTarget));
    this.#ranking = rankingOf(this.#targets, options.strategy);
  }

  /**
   * Connects to all targets side by side, and resolves when each of them is connected or has failed. Those that failed
   * are probed until they are back.
   *
   * @throws {UnavailableError} when all of them failed.
   */
  static async start(table: MountTable, options: RouterOptions): Promise<Router> {
    const router = new Router(table, options);
    await Promise.all(router.targets.map((target) => target.probe()));
    if (router.ready) return router;
    await router.close();
    throw new UnavailableError(`None of the ${router.targets.length} mount targets could be connected to`);
  }

  /** Those that new operations go to. */
  get targets(): readonly Target[] {
    return this.#targets;
  }

  /** Some target is connected. */
  get ready(): boolean {
    return this.#targets.some(isConnected);
  }

  /**
   * Goes over to another table, without a failed operation. A target that is listed as it was keeps its session; one at
   * another address is another target. New ones are tried before paths go to them; those that are gone get no new
   * operations, and are closed when theirs are over.
   *
   * Where nothing of the table can be reached, the connected targets of the table before stand in, until the next call.
   *
   * Calls must not overlap.
   */
  async useTable(table: MountTable): Promise<void> {
    const before = this.#targets;
    const listed = table.mount_targets.map(
      (mountTarget) => before.find((target) => target.matches(mountTarget)) ?? this.#newTarget(mountTarget),
    );
    const added = listed.filter((target) => !before.includes(target));
    await Promise.all(added.map((target) => target.probe()));
    if (this.#closed) {
      await Promise.all(added.map((target) => target.close()));
      return;
    }
    const standIns = listed.some(isConnected)
      ? []
      : before.filter((target) => isConnected(target) && !listed.includes(target));
    const targets = [...listed, ...standIns];
    const removed = before.filter((target) => !targets.includes(target));
    if (added.length === 0 && removed.length === 0) return;
    this.#targets = targets;
    this.#ranking = rankingOf(targets, this.#options.strategy);
    this.#wake();
    this.#logChange(added, removed, standIns);
    for (const target of removed) void this.#drain(target);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#targets, ...this.#draining].map((target) => target.close()));
  }

  async readFile(path: FilePath, range: ReadRange = {}): Promise<{ attributes: FileAttributes; data: Buffer }> {
    return this.#attempt("read", path, async ({ target, client, options }) => {
      const read = await client.readFile(this.#absolute(path), { ...options, ...range });
      target.statistics.bytesRead += read.data.length;
      return read;
    });
  }

  /**
   * A file as a stream, which goes on from another target when its own is lost.
   *
   * The body fails with a {@link FileChangedError} when the file was replaced in between.
   */
  async openFile(
    path: FilePath,
    { start = 0, length = Number.POSITIVE_INFINITY }: ReadRange = {},
  ): Promise<FileReading> {
    const end = start + length;
    let offset = start;
    const open = () =>
      this.#attempt("read", path, async (attempt) => {
        const rest = end === Number.POSITIVE_INFINITY ? {} : { length: end - offset };
        const options = { ...streamed(attempt.options), start: offset, ...rest };
        const { attributes, body } = await attempt.client.openFile(this.#absolute(path), options);
        return { attempt, attributes, items: body };
      });
    const first = await open();
    const reopen = async () => {
      const again = await open();
      if (etagOf(again.attributes) === etagOf(first.attributes)) return again;
      throw new FileChangedError(`${path} was replaced while it was read`);
    };
    const note = (chunk: Buffer, { statistics }: Target) => {
      offset += chunk.length;
      statistics.bytesRead += chunk.length;
    };
    return { attributes: first.attributes, body: this.#follow(first, reopen, note) };
  }

  /**
   * Replaces a file atomically; durable on return.
   *
   * @param data A stream is read once, so it is tried at another target only as long as nothing of it was read.
   * @throws {PreconditionError} when the file is not as `when` says.
   */
  async writeFile(
    path: FilePath,
    data: Uint8Array | AsyncIterable<Uint8Array>,
    when?: WriteCondition,
  ): Promise<Written> {
    const absolute = this.#absolute(path);
    const condition = when === undefined ? {} : { when };
    let begun = false;
    const source = data instanceof Uint8Array ? data : onBegin(data, () => (begun = true));
    let existed = when === undefined ? undefined : when !== "absent";
    let outcomeUnknown = false;

    const write = async ({ target, client, options }: Attempt): Promise<Written> => {
      // A write cannot tell: RENAME does not say what it replaced, and a LOOKUP that finds nothing ends its COMPOUND.
      // (LINK fails where there is a file, but then every replacement takes two round trips.) So this is asked beside
      // it, in front of it in the same segment, and costs no time.
      const existing = existed ?? client.exists(absolute, options).catch(() => undefined);
      try {
        const attributes = await client.writeFile(absolute, source, { ...options, ...condition });
        target.statistics.bytesWritten += attributes.size;
        return { attributes, created: (await existing) === false };
      } catch (error) {
        existed = await existing;
        if (outcomeUnknown && error instanceof PreconditionError) {
          const message = "The file is not as the condition says, but a lost attempt may have made it so";
          throw new OutcomeUnknownError(message, { cause: error });
        }
        outcomeUnknown ||= mayHaveBeenDone(error);
        throw error;
      }
    };
    return this.#attempt("write", path, write, () => !begun);
  }

  /**
   * Adds to the end of a file, which is made when there is none; durable on return.
   *
   * @throws {OutcomeUnknownError} when the connection was lost, and nobody can tell whether the bytes were added.
   */
  async appendFile(path: FilePath, data: Uint8Array, when?: WriteCondition): Promise<FileAttributes> {
    const append = async ({
      target,
      client,
      connection,
      options: { timeout = this.#options.operationTimeout },
    }: Attempt) => {
      const options = { timeout, onConnectionLoss: "recover", signal: connection.lostForGood } as const;
      const attributes = await client.appendFile(this.#absolute(path), data, { ...options, ...(when && { when }) });
      target.statistics.bytesWritten += data.length;
      return attributes;
    };
    const wasNotDone = (error: unknown) => !(error instanceof OutcomeUnknownError || error instanceof ClosedError);
    return this.#attempt("append", path, append, wasNotDone);
  }

  async stat(path: DirectoryPath): Promise<FileAttributes> {
    return this.#attempt("stat", path, ({ client, options }) => client.stat(this.#absolute(path), options));
  }

  async exists(path: DirectoryPath): Promise<boolean> {
    return this.#attempt("stat", path, ({ client, options }) => client.exists(this.#absolute(path), options));
  }

  /**
   * Removes a file or an empty directory.
   *
   * @throws {PreconditionError} when the file is not as `when` says.
   */
  async deleteFile(path: FilePath, when?: Unchanged): Promise<void> {
    let outcomeUnknown = false;
    await this.#attempt("delete", path, async ({ client, options }) => {
      try {
        await client.remove(this.#absolute(path), { ...options, ...(when && { when }) });
      } catch (error) {
        const isPrecondition = error instanceof PreconditionError;
        // The attempt that was lost did it.
        if (outcomeUnknown && isStatus(isPrecondition ? error.cause : error, "NFS4ERR_NOENT")) return;
        if (outcomeUnknown && isPrecondition) {
          const message = "The file is not as the condition says, but a lost attempt may have removed the one that was";
          throw new OutcomeUnknownError(message, { cause: error });
        }
        outcomeUnknown ||= mayHaveBeenDone(error);
        throw error;
      }
    });
  }

  /** The entries of a directory behind the cursor `after`, without the files that are still being written. */
  async *list(path: DirectoryPath, { after }: { after?: string | undefined } = {}): AsyncGenerator<DirectoryEntry> {
    let cursor = after;
    const open = () =>
      this.#attempt("list", path, async (attempt) => {
        const place = cursor === undefined ? {} : { after: cursor };
        const entries = attempt.client.readDirectory(this.#absolute(path), { ...streamed(attempt.options), ...place });
        return { attempt, items: await begin(entries) };
      });
    const note = (entry: DirectoryEntry) => {
      cursor = entry.cursor;
    };
    for await (const entry of this.#follow(await open(), open, note)) {
      if (!entry.name.startsWith(TEMPORARY_PREFIX)) yield entry;
    }
  }

  #newTarget(mountTarget: MountTarget): Target {
    return new Target(mountTarget, this.#options, {
      onConnected: () => {
        this.#wake();
        for (const client of [...this.#unexpelled]) void this.#expel(client);
      },
      onLost: (connection, silent) => {
        // Where it was only cut, what cannot be repeated may still learn from the session how it ended.
        const time = silent ? Promise.resolve() : connection.ended;
        connection.expelled = time.then(() => this.#expel(connection.client));
      },
    });
  }

  /**
   * Ends a lost session by way of a target that answers, so that the lost one does not execute later what was sent to
   * it, and holds no lock. Takes effect where the file system's mount targets know of each other's clients.
   */
  async #expel(lost: NfsClient): Promise<void> {
    this.#unexpelled.delete(lost);
    if (this.#closed) return;
    const { detectionTimeout: timeout, log } = this.#options;
    for (const { id, connection } of this.#targets) {
      if (connection === undefined) continue;
      try {
        await connection.client.expel(lost.name, { timeout, onConnectionLoss: "fail", signal: connection.lost });
        return;
      } catch (error) {
        log.debug({ err: error, target: id }, `The session of ${lost.name} could not be ended through ${id}`);
        if (error instanceof NfsStatusError) return;
      }
    }
    this.#unexpelled.add(lost);
    const [oldest] = this.#unexpelled;
    if (oldest !== undefined && this.#unexpelled.size > MOST_UNEXPELLED) this.#unexpelled.delete(oldest);
  }

  /** See {@link NfsClient.removeLeftovers}. Does not hold up the draining of its target: it fails, and there is a next time. */
  async removeLeftovers(options: LeftoverOptions): Promise<LeftoverReport> {
    const connection = this.#targets.find(isConnected)?.connection;
    if (connection === undefined) throw new UnavailableError("No mount target can be reached");
    return connection.client.removeLeftovers(this.#absolute(ROOT), options);
  }

  async #drain(target: Target): Promise<void> {
    this.#draining.add(target);
    await target.drain(this.#options.drainTimeout);
    this.#draining.delete(target);
  }

  #logChange(added: readonly Target[], removed: readonly Target[], standIns: readonly Target[]): void {
    const { log } = this.#options;
    const change = { added: added.map(idOf), removed: removed.map(idOf), mountTargets: this.#targets.map(idOf) };
    const counts = `mount targets added: ${added.length}, removed: ${removed.length}`;
    if (standIns.length === 0) log.info(change, `The mount table has changed: ${counts}`);
    else log.warn(change, `The mount table has changed, but nothing in it can be reached: the targets before stand in`);
  }

  #absolute(path: DirectoryPath): string {
    return path === ROOT ? this.#root || "/" : `${this.#root}/${path}`;
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
        if (verdictOn(error) !== "lost" || lostInARow > this.#targets.length) throw error;
      } finally {
        connection.leave();
      }
      opened = await reopen();
    }
  }

  /**
   * Tries `task` at the connected targets, in the order that `path` prefers them, until one of them does it or gives an
   * answer. When none is left, waits a moment for one to come back.
   *
   * @param isRepeatable Whether a task that failed so may be tried at another target.
   */
  async #attempt<Result>(
    operation: OperationName,
    path: DirectoryPath,
    task: (attempt: Attempt) => Promise<Result>,
    isRepeatable: (error: unknown) => boolean = () => true,
  ): Promise<Result> {
    const deadline = new Deadline(this.#options.operationTimeout);
    const changes = CHANGES.has(operation);
    for (;;) {
      const failures: { busy?: unknown; lost?: unknown } = {};
      for (const target of this.#ranking(path)) {
        const { connection } = target;
        if (connection === undefined) continue;
        const options = { timeout: deadline.remaining, onConnectionLoss: "fail", signal: connection.lost } as const;
        const attempt = { target, connection, client: connection.client, options };
        try {
          return await target.run(operation, connection, () => task(attempt));
        } catch (error) {
          const verdict = verdictOn(error);
          if (verdict === "final" || !isRepeatable(error)) throw error;
          if (changes && connection.expelled) {
            await deadline.race(connection.expelled).catch(() => {
              throw new OutcomeUnknownError("A lost mount target may still do what was sent to it", { cause: error });
            });
          }
          failures[verdict] = error;
        }
      }
      if (failures.busy !== undefined) throw failures.busy;
      const patience = Math.min(this.#options.detectionTimeout, deadline.remaining);
      if (!(await this.#someTarget(patience))) {
        throw new UnavailableError("No mount target can be reached", { cause: failures.lost });
      }
    }
  }

  /** Waits until a target is connected, for at most `patience` milliseconds; tells whether one is. */
  async #someTarget(patience: number): Promise<boolean> {
    if (patience <= 0) return false;
    if (!this.ready) {
      await new Promise<void>((resolve) => {
        const settle = () => {
          clearTimeout(timer);
          this.#waiting.delete(settle);
          resolve();
        };
        const timer = setTimeout(settle, patience);
        this.#waiting.add(settle);
      });
    }
    return this.ready;
  }

  #wake(): void {
    if (!this.ready) return;
    for (const resolve of this.#waiting) resolve();
  }
}

function isConnected({ connection }: Target): boolean {
  return connection !== undefined;
}

function idOf({ id }: Target): string {
  return id;
}

/** Streams have no end known beforehand: each of their requests has the client's whole operation timeout. */
function streamed({ timeout: _, ...options }: OperationOptions): OperationOptions {
  return options;
}

/** The same items; `notify` is called when the first one is asked for. */
function onBegin<Item>(items: AsyncIterable<Item>, notify: () => void): AsyncIterable<Item> {
  return {
    async *[Symbol.asyncIterator]() {
      notify();
      yield* items;
    },
  };
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

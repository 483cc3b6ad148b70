/** The mount targets of the table in use, and how an operation fails over from one to the next. */
import type { MountTable, MountTarget } from "@efs-mount-autoscaling/mount-table";
import { Deadline, type NfsClient, NfsStatusError, type OperationOptions, OutcomeUnknownError } from "nfs-client";
import type { DirectoryPath } from "../routing/path.ts";
import type { Ranking } from "../routing/routable.ts";
import { type RoutingStrategy, rankingOf } from "../routing/strategies.ts";
import type { Connection } from "./connection.ts";
import { UnavailableError, verdictOn } from "./failures.ts";
import type { OperationName } from "./statistics.ts";
import { Target, type TargetOptions } from "./target.ts";

export interface TargetPoolOptions extends TargetOptions {
  readonly strategy?: RoutingStrategy;
  /** Milliseconds that in-flight operations have at a mount target that the table no longer lists. */
  readonly drainTimeout: number;
}

/** One try of an operation, at one target. */
export interface Attempt {
  readonly target: Target;
  readonly connection: Connection;
  readonly client: NfsClient;
  /** For operations that can be tried at another target when this one is lost. */
  readonly options: OperationOptions & { readonly timeout: number };
}

/** What a lost target must not do any more when it was retried elsewhere. */
const CHANGES: ReadonlySet<OperationName> = new Set<OperationName>(["write", "append", "delete"]);

/** Lost sessions to remember while no target responds. By then the leases of the oldest have ended. */
const MAX_UNFENCED = 100;

/**
 * Every path prefers one target; the ones that follow it in the path's ranking stand in while it is away. Targets that
 * are lost come back by themselves, and another table may take their place at any time.
 */
export class TargetPool {
  readonly #options: TargetPoolOptions;
  #targets: readonly Target[];
  #ranking: Ranking<Target>;
  /** No longer in the table, with operations in flight. */
  readonly #draining = new Set<Target>();
  readonly #waiting = new Set<() => void>();
  /** Clients of lost sessions that could not be fenced yet. */
  readonly #unfenced = new Set<NfsClient>();
  #closed = false;

  private constructor(table: MountTable, options: TargetPoolOptions) {
    this.#options = options;
    this.#targets = table.mount_targets.map((mountTarget) => this.#newTarget(mountTarget));
    this.#ranking = rankingOf(this.#targets, options.strategy);
  }

  /**
   * Connects to all targets side by side, and resolves when each of them is connected or has failed. Those that failed
   * are probed until they are back.
   *
   * @throws {UnavailableError} when all of them failed.
   */
  static async start(table: MountTable, options: TargetPoolOptions): Promise<TargetPool> {
    const pool = new TargetPool(table, options);
    await Promise.all(pool.targets.map((target) => target.probe()));
    if (pool.ready) return pool;
    await pool.close();
    throw new UnavailableError(`None of the ${pool.targets.length} mount targets could be connected to`);
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

  /**
   * Tries `task` at the connected targets, in the order that `path` prefers them, until one of them does it or says why
   * it cannot be done. When none is left, waits up to the detection timeout for one to come back.
   *
   * @param isRetryable Whether a task that failed with this error may be retried at another target.
   */
  async attempt<Result>(
    operation: OperationName,
    path: DirectoryPath,
    task: (attempt: Attempt) => Promise<Result>,
    isRetryable: (error: unknown) => boolean = () => true,
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
          if (verdict === "final" || !isRetryable(error)) throw error;
          if (changes && connection.fenced) {
            await deadline.race(connection.fenced).catch(() => {
              throw new OutcomeUnknownError("A lost mount target may still do what was sent to it", { cause: error });
            });
          }
          failures[verdict] = error;
        }
      }
      if (failures.busy !== undefined) throw failures.busy;
      const wait = Math.min(this.#options.detectionTimeout, deadline.remaining);
      if (!(await this.#someTarget(wait))) {
        throw new UnavailableError("No mount target can be reached", { cause: failures.lost });
      }
    }
  }

  /** Waits until a target is connected, for at most `timeout` milliseconds; tells whether one is. */
  async #someTarget(timeout: number): Promise<boolean> {
    if (timeout <= 0) return false;
    if (!this.ready) {
      await new Promise<void>((resolve) => {
        const settle = () => {
          clearTimeout(timer);
          this.#waiting.delete(settle);
          resolve();
        };
        const timer = setTimeout(settle, timeout);
        this.#waiting.add(settle);
      });
    }
    return this.ready;
  }

  #wake(): void {
    if (!this.ready) return;
    for (const resolve of this.#waiting) resolve();
  }

  #newTarget(mountTarget: MountTarget): Target {
    return new Target(mountTarget, this.#options, {
      onConnected: () => {
        this.#wake();
        for (const client of [...this.#unfenced]) void this.#fence(client);
      },
      onLost: (connection, silent) => {
        // Where only the connection was cut, what cannot be retried may still learn from the session how it ended.
        const time = silent ? Promise.resolve() : connection.ended;
        connection.fenced = time.then(() => this.#fence(connection.client));
      },
    });
  }

  /**
   * Fences a lost session through a target that responds: the lost target then no longer executes what was sent to it,
   * and holds no lock. Takes effect where the mount targets of the file system share their client records.
   */
  async #fence(lost: NfsClient): Promise<void> {
    this.#unfenced.delete(lost);
    if (this.#closed) return;
    const { detectionTimeout: timeout, log } = this.#options;
    for (const { id, connection } of this.#targets) {
      if (connection === undefined) continue;
      try {
        await connection.client.fence(lost.name, { timeout, onConnectionLoss: "fail", signal: connection.lost });
        return;
      } catch (error) {
        log.debug({ err: error, target: id }, `The session of ${lost.name} could not be ended through ${id}`);
        if (error instanceof NfsStatusError) return;
      }
    }
    this.#unfenced.add(lost);
    const [oldest] = this.#unfenced;
    if (oldest !== undefined && this.#unfenced.size > MAX_UNFENCED) this.#unfenced.delete(oldest);
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
    else
      log.warn(
        change,
        `No mount target in the new mount table can be reached: the connected ones of the table before stay in use`,
      );
  }
}

function isConnected({ connection }: Target): boolean {
  return connection !== undefined;
}

function idOf({ id }: Target): string {
  return id;
}

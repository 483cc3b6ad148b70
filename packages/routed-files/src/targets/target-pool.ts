/** The mount targets of the table in use, and how an operation fails over from one to the next. */
import { setTimeout as sleep } from "node:timers/promises";
import type { MountTable, MountTarget } from "@efs-mount-autoscaling/mount-table";
import {
  Deadline,
  DeadlineError,
  type NfsClient,
  NfsError,
  type OperationOptions,
  OutcomeUnknownError,
} from "nfs-client";
import type { HotSpots } from "../hot-spots/hot-spots.ts";
import { PathWriters } from "../path-writers.ts";
import { Balancer, type BalancerOptions } from "../routing/balancer.ts";
import { type DirectoryPath, ROOT } from "../routing/path.ts";
import type { Connection, Fencing } from "./connection.ts";
import { traced } from "./diagnostics.ts";
import { UnavailableError, verdictOn } from "./failures.ts";
import type { OperationName } from "./statistics.ts";
import { isRetiring, Target, type TargetOptions } from "./target.ts";

export interface TargetPoolOptions extends TargetOptions {
  readonly routing?: BalancerOptions;
  readonly hotSpots: HotSpots;
  /** Milliseconds that in-flight operations have at a mount target that retires, or that the table no longer lists. */
  readonly drainTimeout: number;
}

/** One try of an operation, at one target. */
export interface Attempt {
  readonly target: Target;
  readonly connection: Connection;
  readonly client: NfsClient;
  /**
   * What is lost here can be fenced, and then be repeated. Where it cannot, it can be repeated only as far as it is
   * harmless late.
   */
  readonly fenceable: boolean;
  /** For operations that can be tried at another target when this one is lost. */
  readonly options: OperationOptions & { readonly timeout: number };
}

/** What became of one of many changes that were made at once. */
export type JointChange<Result> =
  | { readonly kind: "done"; readonly result: Result }
  /** It may be retried, by {@link TargetPool.attempt}. `unknown`: it was sent, and was perhaps done, but no longer can be. */
  | { readonly kind: "left"; readonly unknown: OutcomeUnknownError | undefined }
  | { readonly kind: "failed"; readonly error: unknown };

export interface AttemptOptions {
  /** Whether a task that failed with this error may be retried at another target. Default: it may. */
  readonly isRetryable?: (error: unknown) => boolean;
  /** See {@link Target.run}. */
  readonly requests?: number;
}

/** What a lost target must not do any more when it was retried elsewhere. */
const CHANGES: ReadonlySet<OperationName> = new Set<OperationName>(["write", "append", "delete"]);

/** What takes about as long at any target, but for the target itself. */
const MEASURES: ReadonlySet<OperationName> = new Set<OperationName>(["read", "stat"]);

/** A lost session that may still do what was sent in it. */
interface Unfenced {
  readonly target: Target;
  readonly client: NfsClient;
  readonly settle: (fenced: boolean) => void;
}

const NOT_TRIED = { kind: "left", unknown: undefined } as const;

/** The targets of a table, as new operations see them. */
interface Roles {
  /** Those that paths are spread over. */
  readonly serving: readonly Target[];
  readonly balancer: Balancer<Target>;
  /** The others. */
  readonly retiring: readonly Target[];
}

/** Lost sessions to remember while no target responds. By then the leases of the oldest have ended. */
const MAX_UNFENCED = 100;

/** Operations that wait for a target; more are told at once that there is none. */
const MAX_WAITING = 10_000;

/**
 * Of the detection timeout: how long a silent target has yet when another one answers. They may have stalled together,
 * and one of them goes on a little earlier.
 */
const GRACE_SHARE = 1 / 16;

/**
 * Every path prefers one target; the ones that follow it in the path's ranking stand in while it is away. Targets that
 * are lost come back by themselves, and another table may take their place at any time.
 *
 * A target that retires keeps its session, and gets new operations only while no other target is connected.
 */
export class TargetPool {
  readonly #options: TargetPoolOptions;
  #targets: readonly Target[];
  #roles: Roles;
  readonly #writers = new PathWriters<Target>();
  /** No longer in the table, with operations in flight. */
  readonly #draining = new Set<Target>();
  /** When what is in flight at a target that retires has had its time. */
  readonly #handOvers = new WeakMap<Target, NodeJS.Timeout>();
  readonly #waiting = new Set<() => void>();
  readonly #unfenced = new Set<Unfenced>();
  /** Asked whether they answer. */
  readonly #asked = new Set<Connection>();
  /** Since when no target answers. */
  #silentSince: number | undefined;
  #closed = false;

  private constructor(table: MountTable, options: TargetPoolOptions) {
    this.#options = options;
    this.#targets = table.mount_targets.map((mountTarget) => this.#newTarget(mountTarget));
    this.#roles = rolesOf(this.#targets, options);
  }

  /**
   * Connects to all targets side by side, and resolves when each of them is connected or has failed. Those that failed
   * are probed until they are back; all of them may be.
   */
  static async open(table: MountTable, options: TargetPoolOptions): Promise<TargetPool> {
    const pool = new TargetPool(table, options);
    await Promise.all(pool.targets.map((target) => target.probe()));
    return pool;
  }

  /** @throws {UnavailableError} when no target is connected within so many milliseconds. */
  async connected(timeout: number): Promise<void> {
    if (await this.#someTarget(timeout)) return;
    throw new UnavailableError(`None of the ${this.targets.length} mount targets could be connected to`);
  }

  /** Those of the table in use. */
  get targets(): readonly Target[] {
    return this.#targets;
  }

  /** A connection for what prefers no target. */
  get anyConnection(): Connection | undefined {
    const { serving, retiring } = this.#roles;
    return [...serving, ...retiring].find(isConnected)?.connection;
  }

  /** Some target is connected, or was and stalls: requests are answered, now or when it goes on. */
  get ready(): boolean {
    return this.#targets.some(isThere);
  }

  get #usable(): boolean {
    return this.#targets.some(isConnected);
  }

  /**
   * Goes over to another table, without a failed operation. A target that is listed at the same address keeps its session,
   * also when it begins to retire or no longer does; one at another address is another target. New ones are tried before
   * paths go to them; those that are gone get no new operations, and are closed when theirs are over.
   *
   * Where nothing of the table can be reached, the connected targets of the table before stand in, until the next call.
   *
   * Calls must not overlap.
   */
  async useTable(table: MountTable): Promise<void> {
    const before = this.#targets;
    const entries = table.mount_targets.map((mountTarget) => {
      const target = before.find((each) => each.matches(mountTarget)) ?? this.#newTarget(mountTarget);
      return { mountTarget, target };
    });
    const listed = entries.map(({ target }) => target);
    const added = listed.filter((target) => !before.includes(target));
    await Promise.all(added.map((target) => target.probe()));
    if (this.#closed) {
      await Promise.all(added.map((target) => target.close()));
      return;
    }
    const standIns = listed.some(isConnected)
      ? []
      : before.filter((target) => isThere(target) && !listed.includes(target));
    const targets = [...listed, ...standIns];
    const removed = before.filter((target) => !targets.includes(target));
    const marked = entries.filter(({ target, mountTarget }) => target.isRetiring !== isRetiring(mountTarget));
    for (const { target, mountTarget } of entries) target.update(mountTarget);
    if (added.length === 0 && removed.length === 0 && marked.length === 0) return;
    this.#targets = targets;
    this.#roles = rolesOf(targets, this.#options);
    for (const { target } of marked) {
      this.#options.onStateChange?.(target.id, target.isRetiring ? "retiring" : target.state, target.reason);
      this.#limitRetirement(target);
    }
    this.#wake();
    // Those that were connected to above were not among the targets then.
    this.#fenceAll();
    this.#logChange(added, removed, standIns);
    for (const target of removed) {
      this.#options.onStateChange?.(target.id, "removed");
      void this.#drain(target);
    }
  }

  /** The targets in the order in which an operation on `path` would try them now. */
  rank(path: DirectoryPath): Target[] {
    const { balancer, retiring } = this.#roles;
    return [...balancer.rank(path), ...retiring];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const resolve of this.#waiting) resolve();
    for (const { settle } of this.#unfenced) settle(false);
    await Promise.all([...this.#targets, ...this.#draining].map((target) => target.close()));
  }

  /**
   * Tries `task` at the connected targets, in the order that `path` prefers them, until one of them does it or says why
   * it cannot be done. When none is left, waits for one to come back, until the operation's deadline.
   *
   * A change that may have been sent is repeated only when the lost target can no longer do it, or when it is harmless
   * late:
   * - What the client does not report as of unknown outcome: nothing was sent, or only what no other client sees, such as
   *   a file under a temporary name.
   * - A write that can be resolved: its task removes the staged file first, and then the lost target cannot rename it.
   *
   * @throws {OutcomeUnknownError} when the last that is known of a change is that it may have been done.
   * @throws {UnavailableError} when nothing was done, because no target can be reached.
   */
  attempt<Result>(
    operation: OperationName,
    path: DirectoryPath,
    task: (attempt: Attempt) => Promise<Result>,
    options: AttemptOptions = {},
  ): Promise<Result> {
    return traced(operation, path, (noteTry) => this.#attempt(operation, path, task, options, noteTry));
  }

  async #attempt<Result>(
    operation: OperationName,
    path: DirectoryPath,
    task: (attempt: Attempt) => Promise<Result>,
    { isRetryable = () => true, requests }: AttemptOptions,
    noteTry?: (target: string) => void,
  ): Promise<Result> {
    const deadline = new Deadline(this.#options.operationTimeout);
    const changes = CHANGES.has(operation);
    let unknown: OutcomeUnknownError | undefined;
    for (;;) {
      const failures: { busy?: unknown; lost?: unknown } = {};
      for (const target of this.#order(operation, path)) {
        const { connection } = target;
        if (connection === undefined || this.#isHeldBack(target)) continue;
        noteTry?.(target.id);
        const signal = changes ? connection.lostForChanges : connection.lost;
        const attempt = this.#attemptAt(target, connection, signal, deadline.remaining);
        const leave = changes ? this.#writers.enter(path, target) : undefined;
        const begin = performance.now();
        try {
          const result = await target.run(operation, connection, () => task(attempt), requests);
          if (MEASURES.has(operation)) this.#roles.balancer.measure(target, performance.now() - begin);
          return result;
        } catch (error) {
          const verdict = verdictOn(error);
          if (error instanceof OutcomeUnknownError) unknown = error;
          if (verdict === "final" || !isRetryable(error)) {
            throw error instanceof DeadlineError && unknown ? unknown : error;
          }
          if (changes && !(await isHarmless(error, connection.fencing, deadline))) throw unknown ?? unavailable(error);
          failures[verdict] = error;
        } finally {
          leave?.();
        }
      }
      if (failures.busy !== undefined) throw failures.busy;
      if (!(await this.#someTarget(deadline.remaining))) throw unknown ?? unavailable(failures.lost);
    }
  }

  /**
   * Reads many items at once: runs `task` once at each target that some of them go to. In the order of the items;
   * `undefined` for those that it has no result for, or whose target failed: they are for {@link attempt}.
   */
  async readTogether<Item extends { readonly path: DirectoryPath }, Result>(
    items: readonly Item[],
    task: (attempt: Attempt, items: readonly Item[]) => Promise<readonly (Result | undefined)[]>,
  ): Promise<(Result | undefined)[]> {
    const results = new Map<Item, Result>();
    const readAt = async (target: Target, own: readonly Item[]) => {
      const { connection } = target;
      if (connection === undefined) return;
      const attempt = this.#attemptAt(target, connection, connection.lost, this.#options.operationTimeout);
      const begin = performance.now();
      try {
        const found = await traced("read", own[0]?.path ?? ROOT, (noteTry) => {
          noteTry?.(target.id);
          return target.run("read", connection, () => task(attempt, own), own.length);
        });
        this.#roles.balancer.measure(target, performance.now() - begin);
        for (const [index, item] of own.entries()) {
          const result = found[index];
          if (result !== undefined) results.set(item, result);
        }
      } catch (error) {
        if (!(error instanceof NfsError)) throw error;
      }
    };
    await Promise.all([...this.#byTarget("read", items)].map(([target, own]) => readAt(target, own)));
    return items.map((item) => results.get(item));
  }

  /**
   * Changes many paths at once: runs `task` once at each target that some of them go to. It resolves as
   * {@link NfsClient.removeFiles} does. In the order of the items.
   */
  async changeTogether<Item extends { readonly path: DirectoryPath }, Result>(
    operation: OperationName,
    items: readonly Item[],
    task: (attempt: Attempt, items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result | undefined>[]>,
  ): Promise<JointChange<Result>[]> {
    const changes = new Map<Item, JointChange<Result>>();
    const changeAt = async (target: Target, own: readonly Item[]) => {
      const { connection } = target;
      if (connection === undefined) return;
      const deadline = new Deadline(this.#options.operationTimeout);
      const attempt = this.#attemptAt(target, connection, connection.lostForChanges, deadline.remaining);
      const leaves = own.map(({ path }) => this.#writers.enter(path, target));
      try {
        const results = await this.#runTogether(operation, target, attempt, own, task);
        const made = await Promise.all(results.map((result) => jointChangeOf(result, connection.fencing, deadline)));
        for (const [index, item] of own.entries()) changes.set(item, made[index] ?? NOT_TRIED);
      } finally {
        for (const leave of leaves) leave();
      }
    };
    await Promise.all([...this.#byTarget(operation, items)].map(([target, own]) => changeAt(target, own)));
    return items.map((item) => changes.get(item) ?? NOT_TRIED);
  }

  /** Never fails: a task that does is the failure of each of its items. */
  async #runTogether<Item extends { readonly path: DirectoryPath }, Result>(
    operation: OperationName,
    target: Target,
    attempt: Attempt,
    items: readonly Item[],
    task: (attempt: Attempt, items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>,
  ): Promise<readonly PromiseSettledResult<Result>[]> {
    const { connection } = attempt;
    let results: readonly PromiseSettledResult<Result>[] | undefined;
    try {
      await traced(operation, items[0]?.path ?? ROOT, (noteTry) => {
        noteTry?.(target.id);
        const run = async () => {
          results = await task(attempt, items);
          // Each of them may be the one that says that the target was lost.
          for (const { reason } of results.filter(isRejected)) target.judge(reason, connection);
          const failed = results.find(isRejected);
          if (failed !== undefined) throw failed.reason;
        };
        return target.run(operation, connection, run, items.length);
      });
    } catch (reason) {
      return results ?? items.map(() => ({ status: "rejected", reason }));
    }
    return results ?? [];
  }

  /** Which of the items an operation on them would try where now. */
  #byTarget<Item extends { readonly path: DirectoryPath }>(
    operation: OperationName,
    items: readonly Item[],
  ): Map<Target, Item[]> {
    const groups = new Map<Target, Item[]>();
    for (const item of items) {
      const target = this.#order(operation, item.path).find((each) => each.isConnected && !this.#isHeldBack(each));
      if (target === undefined) continue;
      const group = groups.get(target);
      if (group === undefined) groups.set(target, [item]);
      else group.push(item);
    }
    return groups;
  }

  #attemptAt(target: Target, connection: Connection, signal: AbortSignal, timeout: number): Attempt {
    const { client } = connection;
    const fenceable = this.#isFenceable(target, client);
    return { target, connection, client, fenceable, options: { timeout, onConnectionLoss: "fail", signal } };
  }

  /** A single target can fence a lost session itself, where it knows its clients over all of its connections. */
  #isFenceable(target: Target, { serverOwner }: NfsClient): boolean {
    if (serverOwner === undefined) return false;
    if (this.#targets.length === 1) return !target.changesServerOwner;
    return this.#targets.some((other) => other !== target && other.serverOwner === serverOwner);
  }

  /** It retires, and others are there. */
  #isHeldBack(target: Target): boolean {
    const { serving, retiring } = this.#roles;
    return retiring.includes(target) && serving.some(isConnected);
  }

  /**
   * The targets in the order in which to try them. While a path is being changed, further changes go to the same target,
   * so that their order does not depend on which target is faster.
   */
  #order(operation: OperationName, path: DirectoryPath): Target[] {
    const { balancer, retiring } = this.#roles;
    const request = {
      measures: MEASURES.has(operation),
      hot: operation === "read" && this.#options.hotSpots.isHot(path),
    };
    const ranked = [...balancer.rank(path, request), ...retiring];
    const writer = CHANGES.has(operation) ? this.#writers.targetOf(path) : undefined;
    return writer === undefined ? ranked : [writer, ...ranked.filter((target) => target !== writer)];
  }

  /** Waits until a target is connected, for at most `timeout` milliseconds; tells whether one is. */
  async #someTarget(timeout: number): Promise<boolean> {
    if (this.#usable || this.#closed) return this.#usable;
    if (timeout > 0 && this.#waiting.size < MAX_WAITING) {
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
    return this.#usable;
  }

  #wake(): void {
    if (!this.#usable) return;
    this.#noteAnswering();
    for (const resolve of this.#waiting) resolve();
  }

  #newTarget(mountTarget: MountTarget): Target {
    const target: Target = new Target(mountTarget, this.#options, {
      onUsable: () => {
        this.#wake();
        this.#fenceAll();
        this.#askOthers();
      },
      onSilent: () => {
        this.#noteSilence();
        this.#askOthers();
      },
      onLost: (connection, silent) => {
        const { client } = connection;
        const soon = this.#isFenceable(target, client);
        const done = new Promise<boolean>((settle) => {
          // Where only the connection was cut, or nobody can fence it now, what is in flight may still learn how it ended.
          const time = silent && soon ? Promise.resolve() : connection.ended;
          void time.then(() => this.#fence({ target, client, settle }));
        });
        connection.fencing = { soon, done };
      },
    });
    return target;
  }

  /**
   * Silent targets are given up when another one answers: until then, nothing that was sent to them could be done
   * elsewhere, and a file system that stalls as a whole goes on where it was. Targets are asked, because those that
   * nothing was sent to may be as silent.
   */
  #askOthers(): void {
    const { operationTimeout, detectionTimeout } = this.#options;
    if (!this.#silent.length) return;
    for (const target of this.#targets) {
      const { connection } = target;
      if (connection === undefined || this.#asked.has(connection)) continue;
      this.#asked.add(connection);
      const options = { timeout: operationTimeout, onConnectionLoss: "fail", signal: connection.lost } as const;
      void connection.client
        .ping(options)
        .then(() => sleep(GRACE_SHARE * detectionTimeout))
        .then(
          () => {
            if (target.connection === connection) for (const silent of this.#silent) silent.giveUp();
          },
          (error: unknown) => target.judge(error, connection),
        )
        .finally(() => this.#asked.delete(connection));
    }
  }

  get #silent(): Target[] {
    return [...this.#targets, ...this.#draining].filter(({ state }) => state === "silent");
  }

  #fenceAll(): void {
    for (const lost of [...this.#unfenced]) void this.#fence(lost);
  }

  /**
   * Fences a lost session, so that nothing more of what was sent in it is executed, and it holds no lock. Any target can
   * do that which knows the session: another one, where the mount targets of the file system share their client records,
   * or else the lost one when it is back. When even that one does not know it, nobody can.
   */
  async #fence(lost: Unfenced): Promise<void> {
    this.#unfenced.delete(lost);
    if (this.#closed) return lost.settle(false);
    const { detectionTimeout: timeout, log } = this.#options;
    for (const target of this.#targets) {
      const { connection } = target;
      if (connection === undefined) continue;
      try {
        const options = { timeout, onConnectionLoss: "fail", signal: connection.lost } as const;
        const fenced = await connection.client.fence(lost.client, options);
        if (fenced || target === lost.target) return lost.settle(fenced);
      } catch (error) {
        log.debug({ err: error, target: target.id }, `The session of ${lost.client.name} could not be ended there`);
        target.judge(error, connection);
      }
    }
    this.#unfenced.add(lost);
    const [oldest] = this.#unfenced;
    if (oldest === undefined || this.#unfenced.size <= MAX_UNFENCED) return;
    this.#unfenced.delete(oldest);
    oldest.settle(false);
  }

  #noteSilence(): void {
    if (this.#usable || this.#silentSince !== undefined) return;
    this.#silentSince = Date.now();
    this.#options.log.warn({}, "No mount target answers: requests wait");
  }

  #noteAnswering(): void {
    if (this.#silentSince === undefined) return;
    const seconds = (Date.now() - this.#silentSince) / 1000;
    this.#silentSince = undefined;
    this.#options.log.warn({ seconds }, `A mount target answers again, after ${seconds} s in which none did`);
  }

  async #drain(target: Target): Promise<void> {
    this.#draining.add(target);
    await target.drain(this.#options.drainTimeout);
    this.#draining.delete(target);
  }

  /** What is in flight at a target that begins to retire has as much time as at one that is no longer listed. */
  #limitRetirement(target: Target): void {
    clearTimeout(this.#handOvers.get(target));
    const { connection } = target;
    if (!target.isRetiring || connection === undefined) return;
    const handOver = () => {
      if (this.#isHeldBack(target)) target.handOver(connection);
      else this.#limitRetirement(target);
    };
    this.#handOvers.set(target, setTimeout(handOver, this.#options.drainTimeout).unref());
  }

  #logChange(added: readonly Target[], removed: readonly Target[], standIns: readonly Target[]): void {
    const { log } = this.#options;
    const retiring = this.#targets.filter((target) => target.isRetiring);
    const change = {
      added: added.map(idOf),
      removed: removed.map(idOf),
      retiring: retiring.map(idOf),
      mountTargets: this.#targets.map(idOf),
    };
    const counts = `mount targets added: ${added.length}, removed: ${removed.length}, retiring: ${retiring.length}`;
    if (standIns.length === 0) log.info(change, `The mount table has changed: ${counts}`);
    else
      log.warn(
        change,
        `No mount target in the new mount table can be reached: the connected ones of the table before stay in use`,
      );
  }
}

/** Where all targets retire, each of them is as good as the others. */
function rolesOf(targets: readonly Target[], { routing }: TargetPoolOptions): Roles {
  const retiring = targets.filter((target) => target.isRetiring);
  const others = targets.filter((target) => !retiring.includes(target));
  const serving = others.length === 0 ? targets : others;
  return { serving, balancer: new Balancer(serving, routing), retiring: others.length === 0 ? [] : retiring };
}

/** Whether a lost target no longer does a change, or it does not matter when it does: see {@link TargetPool.attempt}. */
async function isHarmless(error: unknown, fencing: Fencing | undefined, deadline: Deadline): Promise<boolean> {
  const isUnknown = error instanceof OutcomeUnknownError;
  // The target is there, or the task will resolve it.
  if (fencing === undefined || (isUnknown && error.staged !== undefined)) return true;
  if (!fencing.soon && !isUnknown) return true;
  const fenced = await deadline.race(fencing.done).catch(() => false);
  return fenced || !isUnknown;
}

/** Waits for the fencing of a lost mount target where that decides whether the change may be retried. */
async function jointChangeOf<Result>(
  result: PromiseSettledResult<Result | undefined>,
  fencing: Fencing | undefined,
  deadline: Deadline,
): Promise<JointChange<Result>> {
  if (result.status === "fulfilled") {
    return result.value === undefined ? NOT_TRIED : { kind: "done", result: result.value };
  }
  const { reason: error } = result;
  if (verdictOn(error) === "final") return { kind: "failed", error };
  const unknown = error instanceof OutcomeUnknownError ? error : undefined;
  if (await isHarmless(error, fencing, deadline)) return { kind: "left", unknown };
  return { kind: "failed", error: unknown ?? unavailable(error) };
}

function isRejected(result: PromiseSettledResult<unknown>): result is PromiseRejectedResult {
  return result.status === "rejected";
}

function unavailable(cause: unknown): UnavailableError {
  return new UnavailableError("No mount target can be reached", { cause });
}

function isConnected(target: Target): boolean {
  return target.isConnected;
}

function isThere(target: Target): boolean {
  return isConnected(target) || target.stalled;
}

function idOf({ id }: Target): string {
  return id;
}

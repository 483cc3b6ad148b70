/**
 * Watches the whole service while somebody looks: asks all its routers once a second, and the sources that change more
 * slowly less often. While nobody looks, it does nothing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { MonitorStatus } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { messageOf } from "nfs-client";
import type { HistoryPoint, ServiceStatus, TaskChanges, TaskStatus } from "./document.ts";
import { mergeHistories } from "./history.ts";
import { mergeReadings, type Reading, type TaskRecord } from "./merge.ts";
import type { ReadTaskStatus } from "./task-status.ts";

/** What a router is asked with. */
export interface AskOptions {
  /** The token of somebody who looks: a router has none of its own. */
  readonly token: string | undefined;
  readonly withHistory: boolean;
  readonly signal: AbortSignal;
}

/** The service's tasks, this one among them. */
export interface ServiceTasks {
  list(signal: AbortSignal): Promise<TaskRecord[]>;
  /** @throws when it does not say how it is. */
  ask(task: TaskRecord, options: AskOptions): Promise<TaskStatus>;
}

export interface ServiceWatchOptions {
  readonly fileSystemId: string;
  /** The id of this task. */
  readonly ownId: string;
  readonly own: ReadTaskStatus;
  /** Called when somebody looks for the first time. Undefined where there is no ECS to ask. */
  readonly loadTasks: (() => Promise<ServiceTasks>) | undefined;
  /** Undefined where the monitor writes no status. */
  readonly readMonitor: ((signal: AbortSignal) => Promise<MonitorStatus | undefined>) | undefined;
  /** Changes of state that tasks have kept. */
  readonly readChanges: () => Promise<readonly TaskChanges[]>;
}

/** Milliseconds. */
const INTERVAL = 1_000;
const LIST_INTERVAL = 5_000;
const MONITOR_INTERVAL = 5_000;
const CHANGES_INTERVAL = 10_000;

/** For what a router says of itself. */
const ASK_TIMEOUT = 800;
const HISTORY_TIMEOUT = 3_000;
const AWS_TIMEOUT = 5_000;

/** Rates are over so many readings. */
const READINGS = 5;

/** Tasks that are asked; of further ones only ECS's word is shown. */
const MAX_ASKED = 64;

type Listener = (document: string) => void;

export class ServiceWatch {
  readonly #options: ServiceWatchOptions;
  readonly #listeners = new Map<Listener, string | undefined>();
  readonly #stopping = new AbortController();
  readonly #readings = new Map<string, TaskStatus[]>();
  #running = false;
  #tasks: ServiceTasks | undefined;
  #records: readonly TaskRecord[] = [];
  /** The last list, perhaps in flight. */
  #listing: Promise<void> | undefined;
  #listedAt = Number.NEGATIVE_INFINITY;
  #listProblem: string | undefined;
  #monitor: ServiceStatus["monitor"] = {};
  #monitorReadAt = Number.NEGATIVE_INFINITY;
  #kept: readonly TaskChanges[] = [];
  #keptReadAt = Number.NEGATIVE_INFINITY;

  constructor(options: ServiceWatchOptions) {
    this.#options = options;
  }

  /**
   * Calls the listener about once a second, with a {@link ServiceStatus} as JSON text.
   *
   * @param token what the listener has shown, to ask other routers with.
   * @returns ends it.
   */
  subscribe(listener: Listener, token: string | undefined): () => void {
    this.#listeners.set(listener, token);
    if (!this.#running) void this.#run();
    return () => this.#listeners.delete(listener);
  }

  /** The last hour of all routers that can be asked. */
  async history(token: string | undefined): Promise<HistoryPoint[]> {
    const { own } = this.#options;
    await this.#list();
    const signal = this.#signal(HISTORY_TIMEOUT);
    const statuses = await Promise.all([
      own({ withHistory: true }).catch(() => undefined),
      ...this.#others().map((task) =>
        this.#tasks?.ask(task, { token, withHistory: true, signal }).catch(() => undefined),
      ),
    ]);
    return mergeHistories(statuses.map((status) => status?.history ?? []));
  }

  stop(): void {
    this.#stopping.abort();
    this.#listeners.clear();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#listeners.size > 0 && !this.#stopping.signal.aborted) {
      const begin = performance.now();
      const document = JSON.stringify(await this.#look());
      for (const listener of this.#listeners.keys()) listener(document);
      const rest = INTERVAL - (performance.now() - begin);
      await sleep(Math.max(0, rest), undefined, { ref: false, signal: this.#stopping.signal }).catch(() => {});
    }
    this.#running = false;
    this.#readings.clear();
  }

  async #look(): Promise<ServiceStatus> {
    await Promise.all([this.#list(), this.#readMonitor()]);
    // Not waited for: the mount targets may be what fails.
    void this.#readChanges();
    const { fileSystemId, ownId, own, loadTasks } = this.#options;
    const token = [...this.#listeners.values()].at(-1);
    const record = this.#records.find(({ id }) => id === ownId) ?? { id: ownId, status: "RUNNING" };
    const others = this.#others();
    const readings = await Promise.all([
      this.#reading(record, true, () => own({ withHistory: false })),
      ...others.map((task) =>
        this.#reading(task, false, async () => {
          if (task.status !== "RUNNING") return undefined;
          return this.#tasks?.ask(task, { token, withHistory: false, signal: this.#signal(ASK_TIMEOUT) });
        }),
      ),
    ]);
    this.#forgetOthersThan([record, ...others]);
    return {
      time: Date.now(),
      fileSystemId,
      aloneBecause: loadTasks === undefined ? "This router does not run as a task of ECS" : this.#listProblem,
      monitor: this.#monitor,
      ...mergeReadings(readings, this.#kept),
    };
  }

  async #reading(record: TaskRecord, isSelf: boolean, ask: () => Promise<TaskStatus | undefined>): Promise<Reading> {
    try {
      const now = await ask();
      if (now === undefined) return { record, isSelf };
      const earlier = this.#readings.get(record.id) ?? [];
      this.#readings.set(record.id, [...earlier, now].slice(-READINGS));
      return { record, isSelf, now, before: earlier[0] };
    } catch (error) {
      return { record, isSelf, problem: messageOf(error) };
    }
  }

  #others(): TaskRecord[] {
    return this.#records.filter(({ id }) => id !== this.#options.ownId).slice(0, MAX_ASKED);
  }

  #forgetOthersThan(records: readonly TaskRecord[]): void {
    const ids = new Set(records.map(({ id }) => id));
    for (const id of this.#readings.keys()) if (!ids.has(id)) this.#readings.delete(id);
  }

  async #list(): Promise<void> {
    const { loadTasks } = this.#options;
    if (loadTasks === undefined) return;
    const now = performance.now();
    if (now - this.#listedAt >= LIST_INTERVAL) {
      this.#listedAt = now;
      this.#listing = this.#listNow(loadTasks);
    }
    await this.#listing;
  }

  /** Never fails. */
  async #listNow(loadTasks: () => Promise<ServiceTasks>): Promise<void> {
    try {
      this.#tasks ??= await loadTasks();
      this.#records = await this.#tasks.list(this.#signal(AWS_TIMEOUT));
      this.#listProblem = undefined;
    } catch (error) {
      this.#listProblem = `The other routers are not known: ${messageOf(error)}`;
    }
  }

  async #readMonitor(): Promise<void> {
    const { readMonitor } = this.#options;
    const now = performance.now();
    if (readMonitor === undefined || now - this.#monitorReadAt < MONITOR_INTERVAL) return;
    this.#monitorReadAt = now;
    try {
      this.#monitor = { status: await readMonitor(this.#signal(AWS_TIMEOUT)) };
    } catch (error) {
      this.#monitor = { ...this.#monitor, problem: messageOf(error) };
    }
  }

  /** Never fails: what was read last is shown. */
  async #readChanges(): Promise<void> {
    const now = performance.now();
    if (now - this.#keptReadAt < CHANGES_INTERVAL) return;
    this.#keptReadAt = now;
    this.#kept = await this.#options.readChanges().catch(() => this.#kept);
  }

  #signal(timeout: number): AbortSignal {
    return AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(timeout)]);
  }
}

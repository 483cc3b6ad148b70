/** Starts the workers of a task, replaces those that end, and passes on what they ask each other. It serves nothing. */
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { createBirpc } from "birpc";
import type { Logger } from "pino";
import type { Question } from "./answers.ts";
import { PRIMARY_OPTIONS, type PrimaryFunctions, type WorkerFunctions } from "./channel.ts";
import { EndedMetrics } from "./ended-metrics.ts";
import { Places } from "./places.ts";
import { RequestCounts } from "./request-counts.ts";
import { recentEnds, restartAfter } from "./restarts.ts";
import { passOnLines } from "./whole-lines.ts";

export interface PrimaryOptions {
  readonly size: number;
  /** MiB of a worker's heap; V8 decides where undefined. */
  readonly heap: number | undefined;
  /** Milliseconds that a worker has for its in-flight requests when it is stopped. */
  readonly shutdownTimeout: number;
  readonly log: Logger;
  /** Gets the lines that workers log. */
  readonly write: (lines: string) => void;
  /** Resolves with the reason when the task is to stop. */
  readonly stop: Promise<string>;
  /** Calls the listener whenever the mount table is to be read again. */
  readonly onReload: (listener: () => void) => void;
}

/** Milliseconds from one check of the workers' signs of life to the next. */
const CHECK_INTERVAL = 5_000;

/** Checks in a row without a sign of life, after which a worker hangs: as long as ECS waits for the health check. */
const MAX_SILENT_CHECKS = 6;

/** Milliseconds beyond their shutdown timeout for workers to end their sessions. */
const STOP_MARGIN = 5_000;

/** One of the workers there are to be, and the process that is it now. */
interface Member {
  readonly number: number;
  readonly process: Worker;
  /** Resolves when the process has ended, and all its lines are passed on. */
  readonly ended: Promise<unknown>;
  readonly functions: ReturnType<typeof createBirpc<WorkerFunctions, PrimaryFunctions>>;
  url: string | undefined;
  connected: boolean;
  silentChecks: number;
}

/**
 * Runs until it is told to stop, and all workers have (0); or until one of them cannot start, or they end again and
 * again (1). A FATAL line says why: the worker's, or one of the primary.
 */
export async function supervise(options: PrimaryOptions): Promise<0 | 1> {
  const primary = new Primary(options);
  const reason = await Promise.race([options.stop, primary.failed]);
  await primary.stop(reason);
  return primary.hasFailed ? 1 : 0;
}

class Primary {
  readonly #options: PrimaryOptions;
  readonly #members = new Map<number, Member>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #ends: number[] = [];
  readonly #places = new Places();
  readonly #requestCounts = new RequestCounts();
  readonly #endedMetrics = new EndedMetrics();
  readonly #checks: NodeJS.Timeout;
  #complete = false;
  #listening = false;
  #stopping = false;
  #hasFailed = false;
  #fail: (reason: string) => void = () => {};
  /** Resolves when the task is to end because of its workers. */
  readonly failed: Promise<string>;

  constructor(options: PrimaryOptions) {
    this.#options = options;
    this.failed = new Promise((resolve) => {
      this.#fail = (reason) => {
        this.#hasFailed = true;
        resolve(reason);
      };
    });
    const { heap } = options;
    // Workers accept connections themselves, those first that have time. Handed out by the primary in turn, a connection
    // that is on its way to a worker as it ends would stay open, and be served by none.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({
      execArgv: [...process.execArgv, ...(heap === undefined ? [] : [`--max-old-space-size=${heap}`])],
      serialization: "advanced",
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    options.onReload(() => {
      for (const { functions } of this.#members.values()) void functions.reload();
    });
    for (let number = 1; number <= options.size; number += 1) this.#start(number);
    this.#checks = setInterval(() => this.#checkLife(), CHECK_INTERVAL);
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Stops all workers, and resolves when they have ended. */
  async stop(reason: string): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#checks);
    for (const timer of this.#restarts) clearTimeout(timer);
    const members = [...this.#members.values()];
    const deadline = setTimeout(() => {
      for (const { process } of members) process.process.kill("SIGKILL");
    }, this.#options.shutdownTimeout + STOP_MARGIN);
    for (const { functions } of members) void functions.stop(reason);
    await Promise.all(members.map(({ ended }) => ended));
    clearTimeout(deadline);
  }

  #start(number: number): void {
    const { size, write } = this.#options;
    const worker = cluster.fork();
    const functions: PrimaryFunctions = {
      join: () => ({ number, size, complete: this.#complete }),
      noteListening: (url) => {
        member.url = url;
        this.#noteStarted();
      },
      noteConnected: () => {
        member.connected = true;
        this.#noteStarted();
      },
      noteAlive: () => {
        member.silentChecks = 0;
      },
      ask: (question) => this.#ask(question),
      takePlace: (kind, limit) => this.#places.take(kind, limit, number),
      giveBackPlace: (kind) => this.#places.giveBack(kind, number),
      countRequest: (client, window) => this.#requestCounts.count(client, window),
    };
    const member: Member = {
      number,
      process: worker,
      ended: once(worker.process, "close"),
      functions: createBirpc<WorkerFunctions, PrimaryFunctions>(functions, {
        ...PRIMARY_OPTIONS,
        post: (message) => {
          if (worker.isConnected()) worker.send(message, undefined, undefined, () => {});
        },
        on: (listener) => {
          worker.on("message", listener);
        },
      }),
      url: undefined,
      connected: false,
      silentChecks: 0,
    };
    this.#members.set(number, member);
    const { stdout } = worker.process;
    if (stdout !== null) passOnLines(stdout, write);
    worker.process.once("close", (code, signal) => this.#noteEnd(member, signal ?? `exit code ${code}`));
  }

  #noteStarted(): void {
    const members = [...this.#members.values()];
    if (members.length < this.#options.size) return;
    if (!this.#complete && members.every(({ connected }) => connected)) {
      this.#complete = true;
      for (const { functions } of members) void functions.noteComplete();
    }
    if (!this.#listening && members.every(({ url }) => url !== undefined)) {
      this.#listening = true;
      const { size, log } = this.#options;
      log.info({ workers: size }, `Server listening at ${members[0]?.url}`);
    }
  }

  #noteEnd(member: Member, how: string): void {
    const { size, log } = this.#options;
    const { number } = member;
    this.#members.delete(number);
    member.functions.$close();
    this.#endedMetrics.noteEnd(number);
    this.#places.giveBackAll(number);
    if (this.#stopping || this.#hasFailed) return;
    if (!this.#complete) {
      log.fatal({ worker: number }, `The router cannot start: worker ${number} ended (${how})`);
      this.#fail(`worker ${number} could not start`);
      return;
    }
    const now = performance.now();
    this.#ends = [...recentEnds(this.#ends, now), now];
    const restart = restartAfter(this.#ends.length, size);
    if (restart === "give-up") {
      log.fatal({ worker: number }, `Workers end again and again: the last was worker ${number} (${how})`);
      this.#fail("workers end again and again");
      return;
    }
    log.error({ worker: number }, `Worker ${number} ended (${how}): its requests in flight failed. Another one starts`);
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.#start(number);
    }, restart);
    this.#restarts.add(timer);
  }

  #checkLife(): void {
    for (const member of this.#members.values()) {
      member.silentChecks += 1;
      if (member.silentChecks !== MAX_SILENT_CHECKS || member.process.isDead()) continue;
      const seconds = (MAX_SILENT_CHECKS * CHECK_INTERVAL) / 1_000;
      this.#options.log.error({ worker: member.number }, `Worker ${member.number} hangs for ${seconds} s: it is ended`);
      member.process.process.kill("SIGKILL");
    }
  }

  async #ask(question: Question): Promise<unknown[]> {
    const answers = await Promise.all(
      [...this.#members.values()].map(async ({ number, process, functions }) => {
        const answer = process.isConnected() ? await functions.answer(question).catch(() => undefined) : undefined;
        if (question !== "metrics") return answer;
        if (answer === undefined) return this.#endedMetrics.lastOf(number);
        this.#endedMetrics.note(number, answer);
        return answer;
      }),
    );
    const given = answers.filter((answer) => answer !== undefined);
    return question === "metrics" ? [...given, await this.#endedMetrics.sum()] : given;
  }
}

/** A worker, as a process that a primary has started. */
import { createBirpc } from "birpc";
import { type Answers, parseAnswer } from "./answers.ts";
import { ALIVE_INTERVAL, type PrimaryFunctions, WORKER_OPTIONS, type WorkerFunctions } from "./channel.ts";
import type { WorkerGroup } from "./group.ts";

export interface Worker {
  /** From 1 on. */
  readonly number: number;
  readonly group: WorkerGroup;
  /** Resolves with the reason when the primary stops the worker. */
  readonly stop: Promise<string>;
  /** Calls the listener whenever the primary passes on that the mount table is to be read again. */
  readonly onReload: (listener: () => void) => void;
}

/** Joins the primary that has started this process. When that one ends, Node.js ends this one, too. */
export async function joinPrimary(): Promise<Worker> {
  // They are the primary's to act on: a terminal, for example, sends them to all processes.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => {});
  const reloadListeners = new Set<() => void>();
  let isComplete = false;
  let own: Answers | undefined;
  let stopWith: (reason: string) => void = () => {};
  const stop = new Promise<string>((resolve) => {
    stopWith = resolve;
  });
  const functions: WorkerFunctions = {
    answer: async (question) => {
      if (own === undefined) throw new Error("The worker is starting");
      return own[question]();
    },
    noteComplete: () => {
      isComplete = true;
    },
    reload: () => {
      for (const listener of reloadListeners) listener();
    },
    stop: stopWith,
  };
  const primary = createBirpc<PrimaryFunctions, WorkerFunctions>(functions, {
    ...WORKER_OPTIONS,
    post: (message) => {
      if (process.connected) process.send?.(message, undefined, undefined, () => {});
    },
    on: (listener) => {
      process.on("message", listener);
    },
  });
  const { size, number, complete } = await primary.join();
  isComplete ||= complete;
  setInterval(() => primary.noteAlive(), ALIVE_INTERVAL).unref();
  const group: WorkerGroup = {
    size,
    get complete() {
      return isComplete;
    },
    noteListening: (url) => void primary.noteListening(url),
    noteConnected: () => void primary.noteConnected(),
    answerWith: (answers) => {
      own = answers;
    },
    ask: async (question) => (await primary.ask(question)).map((answer) => parseAnswer(question, answer)),
    takePlace: (kind, limit) => primary.takePlace(kind, limit),
    giveBackPlace: (kind) => void primary.giveBackPlace(kind),
    countRequest: (client, window) => primary.countRequest(client, window),
  };
  return { number, group, stop, onReload: (listener) => void reloadListeners.add(listener) };
}

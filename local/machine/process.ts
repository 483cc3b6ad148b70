/**
 * Child processes that never outlive this one.
 *
 * Each is the leader of a process group of its own, so that Ctrl-C reaches only this process, which then stops
 * its children in order. Should this process end without doing so, they are killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

export type Stream = "stdout" | "stderr";

interface ProcessOptions {
  readonly cwd?: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Receives what the process prints, a line at a time. */
  readonly onLine: (line: string, stream: Stream) => void;
  /** Receives what the process sends with `process.send`; without it, there is no channel. */
  readonly onMessage?: (message: unknown) => void;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the process could not be started. */
  readonly error?: Error;
}

export interface ManagedProcess {
  /** Resolves when the process has ended and its output has been read. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Sends a message over the channel. Without effect once the process has ended. */
  send(message: object): void;
  /** SIGTERM, then SIGKILL after `timeout` milliseconds. Resolves when the process has ended. */
  stop(timeout: number): Promise<Exit>;
  /** SIGKILL, for all processes of its group at once. Resolves when it has ended. */
  kill(): Promise<Exit>;
}

let ownGroups = true;
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) killGroup(child);
});

/** A process that is killed cannot stop those it started itself; they are in its group, where it has one. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(ownGroups ? -pid : pid, "SIGKILL");
  } catch {
    // All of them have ended.
  }
}

/** Has the processes to come be in the group of this one: whoever kills the group kills them all. */
export function shareGroup(): void {
  ownGroups = false;
}

/** Starts a process. */
export function startProcess(command: readonly string[], options: ProcessOptions): ManagedProcess {
  const [program = "", ...parameters] = command;
  const child = spawn(program, parameters, {
    cwd: options.cwd,
    env: options.env,
    detached: ownGroups,
    stdio: ["ignore", "pipe", "pipe", ...(options.onMessage === undefined ? [] : (["ipc"] as const))],
  });
  alive.add(child);
  for (const stream of ["stdout", "stderr"] as const) {
    const input = child[stream];
    if (input) createInterface({ input }).on("line", (line) => options.onLine(line, stream));
  }
  if (options.onMessage !== undefined) child.on("message", options.onMessage);
  const exited = new Promise<Exit>((resolve) => {
    child.on("error", (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, error });
    });
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  void exited.then(() => alive.delete(child));

  return {
    exited,
    send: (message) => {
      if (child.connected) child.send(message, () => {});
    },
    stop: async (timeout) => {
      const killing = new AbortController();
      child.kill("SIGTERM");
      sleep(timeout, undefined, { signal: killing.signal }).then(
        () => killGroup(child),
        () => {},
      );
      const exit = await exited;
      killing.abort();
      return exit;
    },
    kill: () => {
      killGroup(child);
      return exited;
    },
  };
}

/** What every file operation works with. */
import { Deadline } from "../deadline.ts";
import type { MemoryBudget } from "../memory-budget.ts";
import type { Channel, RunOptions } from "../session/channel.ts";
import type { OperationOptions } from "../types.ts";
import type { StateOwner } from "../wire/operations/opens-and-locks.ts";

export interface FileContext {
  readonly channel: Channel;
  readonly owners: OwnerNames;
  /** By path: appends of this client wait here for each other, and do not compete for the lock on the server. */
  readonly appendMutex: KeyedMutex;
  /** For the file data of streams. */
  readonly memory: MemoryBudget;
  readonly fileMode: number;
  readonly directoryMode: number;
  /** Milliseconds, for operations without a timeout of their own. */
  readonly operationTimeout: number;
  /** What this server turned out not to support. */
  readonly refusals: { anonymousRead: boolean; currentStateid: boolean };
}

export function runOptions({ operationTimeout }: FileContext, options: OperationOptions = {}): RunOptions {
  return {
    deadline: new Deadline(options.timeout ?? operationTimeout, options.signal),
    onConnectionLoss: options.onConnectionLoss ?? "recover",
  };
}

/** For cleaning up after a failed operation: with a deadline of its own, since the operation's may have passed. */
export function cleanupOptions(timeout = 5000): RunOptions {
  return { deadline: new Deadline(timeout), onConnectionLoss: "recover" };
}

export async function stateOwner({ channel }: FileContext, name: string, options: RunOptions): Promise<StateOwner> {
  return { clientId: await channel.clientId(options), name };
}

/**
 * Names for the owners of opens and locks. They are reused, so that the server keeps no more of them than are in use.
 */
export class OwnerNames {
  readonly #free: string[] = [];
  #made = 0;

  /** @param use Calls `busy` with work in the owner's name that goes on after it; that work must not fail. */
  async with<T>(use: (name: string, busy: (work: Promise<void>) => void) => Promise<T>): Promise<T> {
    const name = this.take();
    let work: Promise<void> | undefined;
    try {
      return await use(name, (promise) => {
        work = promise;
      });
    } finally {
      if (work === undefined) this.release(name);
      else void work.then(() => this.release(name));
    }
  }

  take(): string {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#made += 1;
    return `owner-${this.#made}`;
  }

  release(name: string): void {
    this.#free.push(name);
  }
}

/** One mutex for each key, granted in the order of asking. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `use` when all earlier uses of `key` have ended. */
  async runExclusive<T>(key: string, deadline: Deadline, use: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    let finish = () => {};
    const own = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const turn = before.then(() => own);
    this.#last.set(key, turn);
    turn.then(() => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    });
    try {
      await deadline.race(before);
      return await use();
    } finally {
      finish();
    }
  }
}

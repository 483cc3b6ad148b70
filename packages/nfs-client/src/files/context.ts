/** What every file operation works with. */
import { Deadline } from "../deadline.ts";
import type { MemoryBudget } from "../memory-budget.ts";
import type { Channel, RunOptions } from "../session/channel.ts";
import type { OperationOptions } from "../types.ts";
import type { StateOwner } from "../wire/operations/opens-and-locks.ts";
import type { Identity } from "../wire/rpc.ts";
import type { LostLocks } from "./lost-locks.ts";
import type { OwnerNames } from "./owners.ts";

export interface FileContext {
  readonly channel: Channel;
  /**
   * What the names of open owners and lock owners begin with: nobody is to have the opens of another identity. Which names
   * there are, and so how much may be open, all identities share.
   */
  readonly ownerPrefix: string;
  /** Of files that stay open over several COMPOUNDs. */
  readonly openOwners: OwnerNames;
  /** Of files that are locked. */
  readonly lockOwners: OwnerNames;
  readonly lostLocks: LostLocks;
  /** By path: appends of this client wait here for each other, and do not compete for the lock on the server. */
  readonly appendMutex: KeyedMutex;
  /** For the file data of streams. */
  readonly memory: MemoryBudget;
  readonly fileMode: number;
  readonly directoryMode: number;
  /** Milliseconds, for operations without a timeout of their own. */
  readonly operationTimeout: number;
}

/** For the operations of somebody else, over the same session. */
export function contextOf(context: FileContext, identity: Identity): FileContext {
  const { uid, gid, gids = [] } = identity;
  return { ...context, channel: context.channel.as(identity), ownerPrefix: `${[uid, gid, ...gids].join(" ")} ` };
}

export function runOptions(
  { operationTimeout }: Pick<FileContext, "operationTimeout">,
  options: OperationOptions = {},
): RunOptions {
  return {
    deadline: new Deadline(options.timeout ?? operationTimeout, options.signal),
    onConnectionLoss: options.onConnectionLoss ?? "recover",
  };
}

/** For cleaning up after a failed operation: with a deadline of its own, since the operation's may have passed. */
export function cleanupOptions(timeout = 5000): RunOptions {
  return { deadline: new Deadline(timeout), onConnectionLoss: "recover" };
}

/** The permission bits to create something with; none where the server has no such attribute. */
export function creationMode({ channel }: FileContext, mode: number): number | undefined {
  return channel.capabilities.attributes.has("mode") ? mode : undefined;
}

export async function stateOwner(
  { channel, ownerPrefix }: FileContext,
  name: string,
  options: RunOptions,
): Promise<StateOwner> {
  return { clientId: await channel.clientId(options), name: ownerPrefix + name };
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

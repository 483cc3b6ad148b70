/** What every file operation works with. */
import { Deadline } from "../deadline.ts";
import type { MemoryBudget } from "../memory-budget.ts";
import type { StateOwner } from "../operations/open.ts";
import type { Channel, RunOptions } from "../session/channel.ts";
import type { OperationOptions } from "../types.ts";
import type { KeyedMutex } from "./keyed-mutex.ts";
import type { OwnerNames } from "./owners.ts";

export interface FileContext {
  readonly channel: Channel;
  readonly owners: OwnerNames;
  /** By path: appends of this client do not have to compete for the lock. */
  readonly turns: KeyedMutex;
  /** What streams may hold of file data. */
  readonly memory: MemoryBudget;
  readonly fileMode: number;
  readonly directoryMode: number;
  /** Milliseconds, for operations that do not say. */
  readonly operationTimeout: number;
  /** What this server turned out not to do. */
  readonly refusals: { anonymousRead: boolean; currentStateid: boolean };
}

export function runOptions({ operationTimeout }: FileContext, options: OperationOptions = {}): RunOptions {
  return {
    deadline: new Deadline(options.timeout ?? operationTimeout, options.signal),
    onConnectionLoss: options.onConnectionLoss ?? "recover",
  };
}

/** For undoing what a failed operation left: it has a time of its own, since the operation's may be over. */
export function cleanupOptions(timeout = 5000): RunOptions {
  return { deadline: new Deadline(timeout), onConnectionLoss: "recover" };
}

export async function stateOwner({ channel }: FileContext, name: string, options: RunOptions): Promise<StateOwner> {
  return { clientId: await channel.clientId(options), name };
}

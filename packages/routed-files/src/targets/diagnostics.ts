/**
 * What happens to the operations on files, for those who trace them: a tracing channel of `node:diagnostics_channel`.
 * While nobody listens to it, an operation costs one property access more.
 */
import { tracingChannel } from "node:diagnostics_channel";
import { isTargetError, UnavailableError } from "./failures.ts";
import type { OperationName } from "./statistics.ts";

/** One operation, from its first try at a mount target to the end of its last one. */
export class OperationMessage {
  readonly operation: OperationName;
  /** Relative to the root of the files; of several that are read or removed together, the first one. */
  readonly path: string;
  /** The ids of the mount targets that it was tried at so far, in this order. */
  readonly tried: string[] = [];
  /** Why it failed, from its end on. */
  readonly error?: unknown;

  constructor(operation: OperationName, path: string) {
    this.operation = operation;
    this.path = path;
  }

  /** Whether mount targets are why it failed: "no such file" is a result, too. */
  get isFailure(): boolean {
    return this.error instanceof UnavailableError || isTargetError(this.error);
  }
}

/** The name of the channel of {@link OperationMessage}s. */
export const OPERATION_CHANNEL = "routed-files:operation";

const channel = tracingChannel<unknown, OperationMessage>(OPERATION_CHANNEL);

/**
 * Does `task`, and publishes its start and its end.
 *
 * @param task is to call `noteTry` with the id of each mount target that it tries.
 */
export function traced<Result>(
  operation: OperationName,
  path: string,
  task: (noteTry?: (target: string) => void) => Promise<Result>,
): Promise<Result> {
  if (!channel.start.hasSubscribers) return task();
  const message = new OperationMessage(operation, path);
  return channel.tracePromise(() => task((target) => void message.tried.push(target)), message);
}

/** What a command is, and what it works with. */
import { setMaxListeners } from "node:events";
import type { NfsClient } from "../types.ts";

/** A place on a server that a command was given. */
export interface Target {
  /** Its operations end with {@link CommandContext.signal}, unless they are given another signal. */
  readonly client: NfsClient;
  /** Where it is the same, so is the server; one server may have several names and addresses. */
  readonly server: string;
  readonly path: string;
  /** The place ends in `/`: there must be a directory. */
  readonly isDirectory: boolean;
}

export interface Flags {
  readonly long: boolean;
  readonly json: boolean;
  readonly recursive: boolean;
  readonly parents: boolean;
  readonly summarize: boolean;
  readonly files?: string | undefined;
  readonly size?: string | undefined;
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly "not-owner"?: string | undefined;
}

export interface CommandContext {
  /** Between the least and the most that the command takes. */
  readonly operands: readonly string[];
  readonly flags: Flags;
  /**
   * Connects to where a place is. Places on one server share a client, unless one is to have its own.
   *
   * @throws {UsageError} when the text is no place.
   */
  readonly open: (place: string, options?: { readonly ownClient?: boolean }) => Promise<Target>;
  /** Ends the command; what it created only for itself is removed. */
  readonly signal: AbortSignal;
  readonly write: (text: string | Uint8Array) => Promise<void>;
  /** Says that one of many entries failed: the command goes on, and exits with 1. */
  readonly onFailure: (path: string, error: Error) => void;
  /** Shown on a terminal only, in place of what was shown before; never part of the output. */
  readonly note: (text: string) => void;
  readonly isTerminal: boolean;
}

/** For what must be done even when the command was interrupted: removing what it made for itself. */
export const UNINTERRUPTED: AbortSignal = new AbortController().signal;
// Every operation in flight listens.
setMaxListeners(0, UNINTERRUPTED);

export interface Command {
  readonly name: string;
  /** As the usage shows it. */
  readonly operands: string;
  readonly minOperands: number;
  readonly maxOperands: number;
  readonly summary: string;
  /** The flags that it knows, with what each is for. */
  readonly flags: Partial<Readonly<Record<keyof Flags, string>>>;
  readonly run: (context: CommandContext) => Promise<void>;
}

/** What a context is guaranteed to have by {@link Command.minOperands}. */
export function operand({ operands }: CommandContext, index: number): string {
  const text = operands[index];
  if (text === undefined) throw new RangeError(`There is no operand ${index}`);
  return text;
}

/**
 * Walks a directory tree, several entries at a time. Memory depends on how deep the tree is and on how much is done at
 * once, not on how many entries a directory has.
 */
import { FileChangedError, InvalidPathError, NfsStatusError, PreconditionError } from "../errors.ts";
import type { NfsClient } from "../types.ts";
import type { FileAttributes } from "../wire/operations/attributes.ts";

export interface TreeEntry {
  readonly path: string;
  readonly name: string;
  readonly attributes: FileAttributes;
}

/** What is done with a tree. `State` is what a directory's entries have in common. */
export interface Visitor<State> {
  /** A directory, before what is in it. Undefined leaves that out. */
  enter(directory: TreeEntry, parent: State | undefined): Promise<State | undefined>;
  /** Anything but a directory. */
  visit(entry: TreeEntry, parent: State): Promise<void>;
  /** A directory, after all that is in it. */
  leave?(directory: TreeEntry, state: State, parent: State | undefined): Promise<void>;
}

export interface WalkOptions {
  readonly client: Pick<NfsClient, "readDirectory">;
  /** How many entries are worked on at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** One entry failed; the walk goes on. Everything else that fails ends it. */
  readonly onFailure: (path: string, error: Error) => void;
}

/** Visits a directory, and all that is below it. */
export async function walkTree<State>(root: TreeEntry, visitor: Visitor<State>, options: WalkOptions): Promise<void> {
  const { client, signal, onFailure } = options;
  let free = options.concurrency;
  let failure: { readonly error: unknown } | undefined;

  const guarded = async (path: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!isOfOneEntry(error)) throw error;
      onFailure(path, error);
    }
  };

  const walkDirectory = async (directory: TreeEntry, parent: State | undefined): Promise<void> => {
    const state = await visitor.enter(directory, parent);
    if (state === undefined) return;
    await guarded(directory.path, () => visitEntries(directory.path, state));
    await visitor.leave?.(directory, state, parent);
  };

  const visitEntries = async (path: string, state: State): Promise<void> => {
    const inFlight = new Set<Promise<void>>();
    try {
      for await (const { name, attributes } of client.readDirectory(path, { signal })) {
        if (failure !== undefined) break;
        signal.throwIfAborted();
        const entry = { path: `${path === "/" ? "" : path}/${name}`, name, attributes };
        const visiting = () =>
          guarded(entry.path, () =>
            attributes.type === "directory" ? walkDirectory(entry, state) : visitor.visit(entry, state),
          );
        // Where nothing is free, this walk does it itself: so none waits for one that waits for it.
        if (free === 0) await visiting();
        else {
          free -= 1;
          const visit = visiting()
            .catch((error: unknown) => {
              failure ??= { error };
            })
            .finally(() => {
              free += 1;
              inFlight.delete(visit);
            });
          inFlight.add(visit);
        }
      }
    } finally {
      await Promise.all(inFlight);
    }
    if (failure !== undefined) throw failure.error;
  };

  await guarded(root.path, () => walkDirectory(root, undefined));
}

/** It says something of one file; the next one may be better. */
function isOfOneEntry(error: unknown): error is Error {
  return (
    error instanceof NfsStatusError ||
    error instanceof InvalidPathError ||
    error instanceof FileChangedError ||
    error instanceof PreconditionError
  );
}

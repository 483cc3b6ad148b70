/** Removing many files at once, with less work for each than {@link removePath} has. */
import type { Member } from "../session/joint-compound.ts";
import type { Changed, OperationOptions } from "../types.ts";
import type { CompoundReply, Operation } from "../wire/compound.ts";
import { remove } from "../wire/operations/directories.ts";
import { type FileContext, runOptions } from "./context.ts";
import { DirectoryWalks, parseEntryPath } from "./paths.ts";

interface Removing extends Member {
  /** The change attribute of the directory then. */
  readonly removed: Operation<bigint>;
}

/** See {@link NfsClient.removeFiles}. */
export async function removeFiles(
  context: FileContext,
  paths: readonly string[],
  options?: OperationOptions,
): Promise<PromiseSettledResult<Changed | undefined>[]> {
  const walks = new DirectoryWalks();
  const removals = paths.map((path) => removalOf(walks, path));
  const results = await context.channel.runTogether(removals, { ...runOptions(context, options), once: true });
  return results.map((result, index) => {
    if (result.status === "rejected") return result;
    return { status: "fulfilled", value: changedBy(removals[index], result.value) };
  });
}

function removalOf(walks: DirectoryWalks, path: string): Removing {
  const { directory, name } = parseEntryPath(path);
  const walk = walks.to(directory);
  const removed = remove(name);
  return {
    operations: [...walk.operations, removed],
    together: { directory: walk.directory, staysInDirectory: true },
    removed,
  };
}

function changedBy(removing: Removing | undefined, reply: CompoundReply | undefined): Changed | undefined {
  if (removing === undefined || !reply?.reached(removing.removed)) return undefined;
  return { directoryChange: reply.of(removing.removed) };
}

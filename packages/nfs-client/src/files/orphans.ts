/** Removing orphaned temporary files: writers that crashed left them, and nobody has written to them for long. */
import { InvalidPathError, isStatus, NfsStatusError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { DirectoryEntry, OrphanOptions, OrphanReport, PassedOver } from "../types.ts";
import type { FileAttributes } from "../wire/operations/attributes.ts";
import { remove } from "../wire/operations/directories.ts";
import { type FileContext, runOptions } from "./context.ts";
import { listDirectory } from "./listing.ts";
import { OTHERS_IN_CHANGE, requireUnchanged } from "./locking.ts";
import { parseEntryPath, walkTo } from "./paths.ts";
import { discard, isTemporaryName, stageFile } from "./staged-file.ts";

/** A limit is reached; there may be more files. */
class OutOfLimits extends Error {}

const MAX_EXAMPLES = 20;

export async function removeOrphans(
  context: FileContext,
  path: string,
  { olderThan, maximum, duration, ...options }: OrphanOptions,
): Promise<OrphanReport> {
  const examples: PassedOver[] = [];
  const passedOver = { count: 0, examples };
  const report = { examined: 0, removed: 0, passedOver, complete: true };
  // Without the time of the last change, nothing tells an orphan from a file that is being written.
  if (!context.channel.capabilities.attributes.has("modifiedAt")) return { ...report, complete: false };
  const end = performance.now() + duration;
  const run = () => runOptions(context, options);
  const oldest = (await serverTime(context, path, run())) - olderThan;

  const sweep = async (directory: string): Promise<void> => {
    for await (const { name, attributes } of entriesOf(directory)) {
      if (performance.now() > end || report.removed >= maximum) throw new OutOfLimits();
      report.examined += 1;
      const child = `${directory}/${name}`;
      if (attributes.type === "directory") await sweep(child);
      else if (attributes.type === "file" && isTemporaryName(name) && attributes.modifiedAt < oldest) {
        await removeUntouched(context, child, attributes, run()).then(
          () => (report.removed += 1),
          (error) => passOver(child, error),
        );
      }
    }
  };
  async function* entriesOf(directory: string): AsyncGenerator<DirectoryEntry> {
    try {
      yield* listDirectory(context, directory, options);
    } catch (error) {
      passOver(directory, error);
    }
  }
  /** One entry that cannot be examined must not keep the others from it. */
  const passOver = (entry: string, error: unknown): void => {
    if (isStatus(error, ...CHANGED)) return;
    if (!(error instanceof NfsStatusError || error instanceof InvalidPathError)) throw error;
    passedOver.count += 1;
    if (examples.length < MAX_EXAMPLES) examples.push({ path: entry, reason: error });
  };

  try {
    await sweep(path);
  } catch (error) {
    if (!(error instanceof OutOfLimits)) throw error;
    report.complete = false;
  }
  return report;
}

/** Files and directories come, go and change while they are examined. */
const CHANGED = [
  "NFS4ERR_NOENT",
  "NFS4ERR_NOTDIR",
  "NFS4ERR_SYMLINK",
  "NFS4ERR_STALE",
  "NFS4ERR_BAD_COOKIE",
  "NFS4ERR_NOT_SAME",
] as const;

/** The server's time, in milliseconds since 1970: a new file has it. */
async function serverTime(context: FileContext, directory: string, run: RunOptions): Promise<number> {
  return context.openOwners.with(run.deadline, async (ownerName, busy) => {
    const file = await stageFile(context, parseEntryPath(`${directory}/clock`), { ownerName, busy }, run);
    await discard(context, file);
    return file.createdAt;
  });
}

/** Removes a file; fails with NFS4ERR_NOT_SAME if it has changed since it was listed. */
async function removeUntouched(
  context: FileContext,
  path: string,
  attributes: FileAttributes,
  run: RunOptions,
): Promise<void> {
  const file = parseEntryPath(path);
  const walk = await walkTo(context, file.directory, run, OTHERS_IN_CHANGE);
  const verified = await requireUnchanged(context, file, { walk, attributes }, run);
  (await context.channel.run([...verified, remove(file.name)], run)).orThrow(path);
}

/** Changing a name only while the file at it has an etag. */
import { etagOf, type FileAttributes } from "../attributes.ts";
import { isStatus, PreconditionError } from "../errors.ts";
import { verifyIdentity } from "../operations/attributes.ts";
import { lookup, restoreFileHandle, saveFileHandle } from "../operations/handles.ts";
import type { Operation } from "../operations/operation.ts";
import type { FilePath } from "../paths.ts";
import type { RunOptions } from "../session/channel.ts";
import type { FileContext } from "./context.ts";
import { type Holding, withLockedFile } from "./locking.ts";
import { type LockedFile, releaseQuietly } from "./unlocking.ts";
import { walkTo } from "./walk.ts";

/**
 * All who append, or who change a name under a condition, hold the file's lock, and see each other's changes. VERIFY
 * sees those of the rest, up to the operation behind it.
 *
 * @param use Runs a COMPOUND that begins with `verified`, which leaves the file's directory current and saved.
 * @throws {PreconditionError} when the file at the path has another etag, or there is none.
 */
export async function whileUnchanged<T>(
  context: FileContext,
  file: FilePath,
  etag: string,
  run: RunOptions,
  use: (verified: readonly Operation<void>[], run: RunOptions) => Promise<T>,
): Promise<T> {
  const useLocked = async (locked: LockedFile, holding: Holding) => {
    requireEtag(locked, etag);
    const walk = await walkTo(context, file.directory, holding.run);
    const result = await use([...walk, ...verifyNamed(file.name, locked.attributes)], holding.run);
    await releaseQuietly(context, locked);
    return result;
  };
  try {
    return await withLockedFile(context, file, undefined, run, useLocked);
  } catch (cause) {
    throw isStatus(cause, "NFS4ERR_NOENT", "NFS4ERR_NOT_SAME") ? changed(file.text, etag, cause) : cause;
  }
}

/**
 * Fails with NFS4ERR_NOT_SAME unless the name in the current directory is this file's, and the file unchanged. Leaves
 * the directory current, and saved.
 */
export function verifyNamed(name: string, identity: Pick<FileAttributes, "fileId" | "change">): Operation<void>[] {
  return [saveFileHandle, lookup(name), verifyIdentity(identity), restoreFileHandle];
}

/** @throws {PreconditionError} when a file had another etag by the time it was locked. */
export function requireEtag({ path, attributes }: LockedFile, etag: string): void {
  if (etagOf(attributes) !== etag) throw changed(path, etag);
}

function changed(path: string, etag: string, cause?: unknown): PreconditionError {
  return new PreconditionError(`${path} is not the file with etag ${etag}`, { cause });
}

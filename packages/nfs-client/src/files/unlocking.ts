/** Giving locks back: those we have, and those that nobody knows whether we have. */
import type { FileAttributes } from "../attributes.ts";
import { ignoreNfsError } from "../errors.ts";
import { getFileHandle, putFileHandle } from "../operations/handles.ts";
import { lockFile, unlockFile } from "../operations/lock.ts";
import { close, openByName, type StateOwner } from "../operations/open.ts";
import type { Operation } from "../operations/operation.ts";
import type { FilePath } from "../paths.ts";
import type { RunOptions } from "../session/channel.ts";
import type { Stateid } from "../wire/stateid.ts";
import { cleanupOptions, type FileContext, stateOwner } from "./context.ts";
import type { OpenFile } from "./opens.ts";
import { walkTo } from "./walk.ts";

export interface LockedFile extends OpenFile {
  readonly lockStateid: Stateid;
  /** As they were when the lock was granted. */
  readonly attributes: FileAttributes;
}

/** A lock that is being taken, as far as it is known. */
export interface Taking {
  readonly file: FilePath;
  readonly ownerName: string;
  opened?: OpenFile;
}

/** Operations that give lock and open back, for the end of the last COMPOUND that needs them. */
export function release({ handle, lockStateid, stateid }: Omit<LockedFile, "attributes">): Operation<void>[] {
  return [putFileHandle(handle), unlockFile(lockStateid), close(stateid)];
}

/** Gives lock and open back after a failure; if that fails too, the server does so when our lease runs out. */
export async function releaseQuietly(context: FileContext, locked: LockedFile): Promise<void> {
  await context.channel.run(release(locked), cleanupOptions()).catch(ignoreNfsError);
}

/**
 * Gives back a lock that we may have, or not. Its owner asks for it once more: the server grants it to those who have
 * it, and tells the stateid to give it back with.
 */
export async function letGo(context: FileContext, { file, ownerName, opened: known }: Taking): Promise<void> {
  // without us for a lease, the server lets go of it by itself
  const run = cleanupOptions(context.channel.limits.leaseTime * 1000);
  try {
    const owner = await stateOwner(context, ownerName, run);
    const opened = known ?? (await openAgain(context, file, owner, run));
    const lock = lockFile(opened.stateid, owner);
    const reply = await context.channel.run([putFileHandle(opened.handle), lock], run);
    const releasing = reply.reached(lock)
      ? release({ ...opened, lockStateid: reply.of(lock) })
      : [putFileHandle(opened.handle), close(opened.stateid)];
    await context.channel.run(releasing, run);
  } catch (error) {
    ignoreNfsError(error);
  }
}

/** The open that an owner may have already. */
async function openAgain(context: FileContext, file: FilePath, owner: StateOwner, run: RunOptions): Promise<OpenFile> {
  const walk = await walkTo(context, file.directory, run);
  const open = openByName({ owner, access: "write", name: file.name });
  const handle = getFileHandle();
  const reply = (await context.channel.run([...walk, open, handle], run)).orThrow(file.text);
  return openFileOf(file, owner.name, reply.of(handle), reply.of(open));
}

export function openFileOf({ text: path }: FilePath, ownerName: string, handle: Buffer, stateid: Stateid): OpenFile {
  return { path, access: "write", ownerName, handle, stateid };
}

/** A write lock on a whole file, which all who append to it or replace it conditionally take (RFC 8881 §9.1). */

import type { FileAttributes } from "../attributes.ts";
import { Backoff } from "../backoff.ts";
import type { CompoundReply } from "../compound.ts";
import { ignoreNfsError, isStatus } from "../errors.ts";
import { getAttributes } from "../operations/attributes.ts";
import { getFileHandle, lookup, putFileHandle } from "../operations/handles.ts";
import { lockFile, unlockFile } from "../operations/lock.ts";
import { type CreateSpecification, close, openByName, type StateOwner } from "../operations/open.ts";
import type { Operation } from "../operations/operation.ts";
import type { FilePath } from "../paths.ts";
import type { RunOptions } from "../session/channel.ts";
import { CURRENT_STATEID, type Stateid } from "../wire/stateid.ts";
import { cleanupOptions, type FileContext, stateOwner } from "./context.ts";
import { closeQuietly, OPEN_LOST, type OpenFile } from "./opens.ts";
import { walkTo } from "./walk.ts";

export interface LockedFile extends OpenFile {
  readonly lockStateid: Stateid;
  /** As they were when the lock was granted. */
  readonly attributes: FileAttributes;
}

const FIRST_WAIT = 4;
const LONGEST_WAIT = 32;

/**
 * Locks the file at a path, and waits for whoever holds the lock now. The file is still the one at its path when this
 * returns: one that was replaced or removed while we waited is let go, and the path is opened again.
 *
 * @param create How to make the file where there is none; without it, that is NFS4ERR_NOENT.
 */
export async function withLockedFile<T>(
  context: FileContext,
  file: FilePath,
  create: CreateSpecification | undefined,
  run: RunOptions,
  use: (locked: LockedFile) => Promise<T>,
): Promise<T> {
  return context.owners.with(async (ownerName) => {
    for (;;) {
      const locked = await lockPath(context, file, ownerName, create, run);
      if (locked !== undefined) return use(locked);
      run.deadline.check();
    }
  });
}

/** Operations that give lock and open back, for the end of the last COMPOUND that needs them. */
export function release({ handle, lockStateid, stateid }: LockedFile): Operation<void>[] {
  return [putFileHandle(handle), unlockFile(lockStateid), close(stateid)];
}

/** Gives lock and open back after a failure; if that fails too, the server does so when our lease runs out. */
export async function releaseQuietly(context: FileContext, locked: LockedFile): Promise<void> {
  await context.channel.run(release(locked), cleanupOptions()).catch(ignoreNfsError);
}

/** The locked file; nothing when the path led to another file by the time the lock was granted. */
async function lockPath(
  context: FileContext,
  file: FilePath,
  ownerName: string,
  create: CreateSpecification | undefined,
  run: RunOptions,
): Promise<LockedFile | undefined> {
  const owner = await stateOwner(context, ownerName, run);
  const walk = await walkTo(context, file.directory, run, 2);
  const open = openByName({ owner, access: "write", name: file.name, ...(create && { create }) });
  const handle = getFileHandle();
  const path = [...walk, lookup(file.name)];
  const request = lockRequest(CURRENT_STATEID, owner, path);
  const once = create?.how === "guarded";
  const reply = await context.channel.run([...walk, open, handle, ...request.operations], { ...run, once });
  if (!reply.reached(handle)) reply.orThrow(file.text);
  const opened: OpenFile = {
    path: file.text,
    access: "write",
    ownerName,
    handle: reply.of(handle),
    stateid: reply.of(open),
  };
  try {
    const granted = lockResult(request, reply, opened) ?? (await waitForLock(context, opened, owner, path, run));
    if (granted.inPlace) return granted.locked;
    await releaseQuietly(context, granted.locked);
    return undefined;
  } catch (error) {
    await closeQuietly(context, opened);
    if (isStatus(error, ...OPEN_LOST)) return undefined;
    throw error;
  }
}

async function waitForLock(
  context: FileContext,
  opened: OpenFile,
  owner: StateOwner,
  path: readonly Operation<void>[],
  run: RunOptions,
): Promise<GrantedLock> {
  const backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT);
  for (;;) {
    await run.deadline.sleep(backoff.next());
    const request = lockRequest(opened.stateid, owner, path);
    const reply = await context.channel.run([putFileHandle(opened.handle), ...request.operations], run);
    const granted = lockResult(request, reply, opened);
    if (granted !== undefined) return granted;
  }
}

interface LockRequest {
  readonly stateid: Stateid;
  readonly lock: Operation<Stateid>;
  readonly attributes: Operation<FileAttributes>;
  readonly atPath: Operation<FileAttributes>;
  readonly operations: readonly Operation<unknown>[];
}

/** Locks the current file, and looks at its path again behind that. */
function lockRequest(stateid: Stateid, owner: StateOwner, path: readonly Operation<void>[]): LockRequest {
  const lock = lockFile(stateid, owner);
  const attributes = getAttributes();
  const atPath = getAttributes();
  return { stateid, lock, attributes, atPath, operations: [lock, attributes, ...path, atPath] };
}

interface GrantedLock {
  readonly locked: LockedFile;
  /** The path still leads to the locked file. */
  readonly inPlace: boolean;
}

/** Nothing when the lock is held by somebody else, or the server wants to be asked again. */
function lockResult(request: LockRequest, reply: CompoundReply, opened: OpenFile): GrantedLock | undefined {
  if (!reply.reached(request.lock)) {
    if (reply.failedWith("NFS4ERR_DENIED", "NFS4ERR_DELAY", "NFS4ERR_GRACE")) return undefined;
    // a server that does not take the current stateid in a LOCK is asked again with the real one
    if (request.stateid === CURRENT_STATEID && reply.failedWith("NFS4ERR_BAD_STATEID")) return undefined;
    reply.orThrow(opened.path);
  }
  const locked = { ...opened, lockStateid: reply.of(request.lock), attributes: reply.of(request.attributes) };
  const inPlace = reply.reached(request.atPath) && reply.of(request.atPath).fileId === locked.attributes.fileId;
  return { locked, inPlace };
}

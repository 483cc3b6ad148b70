/** A write lock on a whole file, which all who append to it or replace it conditionally take (RFC 8881 §9.1). */

import type { FileAttributes } from "../attributes.ts";
import { Backoff } from "../backoff.ts";
import type { CompoundReply } from "../compound.ts";
import { isStatus, NfsStatusError } from "../errors.ts";
import { getAttributes } from "../operations/attributes.ts";
import { getFileHandle, lookup, putFileHandle } from "../operations/handles.ts";
import { lockFile } from "../operations/lock.ts";
import { type CreateSpecification, openByName, type StateOwner } from "../operations/open.ts";
import type { Operation } from "../operations/operation.ts";
import type { FilePath } from "../paths.ts";
import type { RunOptions } from "../session/channel.ts";
import { CURRENT_STATEID, type Stateid } from "../wire/stateid.ts";
import { type FileContext, stateOwner } from "./context.ts";
import { OPEN_LOST, type OpenFile } from "./opens.ts";
import { type LockedFile, letGo, openFileOf, releaseQuietly, type Taking } from "./unlocking.ts";
import { walkTo } from "./walk.ts";

const FIRST_WAIT = 4;
const LONGEST_WAIT = 32;

/**
 * Locks the file at a path, and waits for whoever holds the lock now. The file is still the one at its path when this
 * returns: one that was replaced or removed while we waited is let go, and the path is opened again.
 *
 * @param create How to make the file where there is none; without it, that is NFS4ERR_NOENT.
 * @param use Must give the lock back when it succeeds: see {@link release}.
 */
export async function withLockedFile<T>(
  context: FileContext,
  file: FilePath,
  create: CreateSpecification | undefined,
  run: RunOptions,
  use: (locked: LockedFile, holding: Holding) => Promise<T>,
): Promise<T> {
  return context.owners.with(async (ownerName, busy) => {
    let over = Promise.resolve();
    const watched: RunOptions = {
      ...run,
      onAbandoned: (end) => {
        over = end;
      },
    };
    let undo = async () => {};
    const onFailure = (work: () => Promise<void>) => {
      undo = work;
    };
    const taking: Taking = { file, ownerName };
    let release = () => letGo(context, taking);
    try {
      const locked = await takeLock(context, taking, create, watched);
      release = () => releaseQuietly(context, locked);
      return await use(locked, { run: watched, onFailure });
    } catch (error) {
      // not in the operation's own time, and not before its last request, which may still be executed
      if (mayBeLocked(taking, error)) busy(over.then(() => undo()).then(() => release()));
      throw error;
    }
  });
}

/** For whoever has a lock. */
export interface Holding {
  /** For all requests under the lock. */
  readonly run: RunOptions;
  /** Says what to do before the lock is given back after a failure. */
  readonly onFailure: (undo: () => Promise<void>) => void;
}

function mayBeLocked({ opened }: Taking, error: unknown): boolean {
  return opened !== undefined || !(error instanceof NfsStatusError);
}

async function takeLock(
  context: FileContext,
  taking: Taking,
  create: CreateSpecification | undefined,
  run: RunOptions,
): Promise<LockedFile> {
  for (;;) {
    const locked = await lockPath(context, taking, create, run);
    if (locked !== undefined) return locked;
    delete taking.opened;
    run.deadline.check();
  }
}

/** The locked file; nothing when the path led to another file by the time the lock was granted. */
async function lockPath(
  context: FileContext,
  taking: Taking,
  create: CreateSpecification | undefined,
  run: RunOptions,
): Promise<LockedFile | undefined> {
  const { file, ownerName } = taking;
  const owner = await stateOwner(context, ownerName, run);
  const walk = await walkTo(context, file.directory, run, 2);
  const open = openByName({ owner, access: "write", name: file.name, ...(create && { create }) });
  const handle = getFileHandle();
  const path = [...walk, lookup(file.name)];
  const request = lockRequest(CURRENT_STATEID, owner, path);
  const once = create?.how === "guarded";
  const reply = await context.channel.run([...walk, open, handle, ...request.operations], { ...run, once });
  if (!reply.reached(handle)) reply.orThrow(file.text);
  const opened = openFileOf(file, ownerName, reply.of(handle), reply.of(open));
  taking.opened = opened;
  try {
    const granted = lockResult(request, reply, opened) ?? (await waitForLock(context, opened, owner, path, run));
    if (granted.inPlace) return granted.locked;
    await releaseQuietly(context, granted.locked);
    return undefined;
  } catch (error) {
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
  if (!reply.reached(request.attributes)) reply.orThrow(opened.path);
  const locked = { ...opened, lockStateid: reply.of(request.lock), attributes: reply.of(request.attributes) };
  const inPlace = reply.reached(request.atPath) && reply.of(request.atPath).fileId === locked.attributes.fileId;
  return { locked, inPlace };
}

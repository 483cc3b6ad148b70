/**
 * A write lock on a whole file (RFC 8881 §9.1). Everybody takes it who appends to the file, or who replaces or removes
 * it under a condition. Here it is taken and released, and here the condition is checked.
 */
import { Backoff } from "../deadline.ts";
import { ignoreNfsError, isStatus, NfsStatusError, PreconditionError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { CompoundReply, Operation } from "../wire/compound.ts";
import { CURRENT_STATEID, type Stateid } from "../wire/data-types.ts";
import { etagOf, type FileAttributes, getAttributes, verifyIdentity } from "../wire/operations/attributes.ts";
import {
  getFileHandle,
  lookup,
  putFileHandle,
  restoreFileHandle,
  saveFileHandle,
} from "../wire/operations/file-handles.ts";
import {
  type CreateSpecification,
  close,
  lockFile,
  openByName,
  type StateOwner,
  unlockFile,
} from "../wire/operations/opens-and-locks.ts";
import { cleanupOptions, type FileContext, stateOwner } from "./context.ts";
import { OPEN_LOST, type OpenFile } from "./open-files.ts";
import { type EntryPath, walkTo } from "./paths.ts";

const FIRST_WAIT = 4;
const MAX_WAIT = 32;

export interface LockedFile extends OpenFile {
  readonly lockStateid: Stateid;
  /** As they were when the lock was granted. */
  readonly attributes: FileAttributes;
}

/** A lock that is being taken. `opened` is missing until the server has opened the file. */
interface Taking {
  readonly file: EntryPath;
  readonly ownerName: string;
  opened?: OpenFile;
}

/** What the holder of a lock works with. */
export interface Holding {
  /** For all requests under the lock. */
  readonly run: RunOptions;
  /** Sets what is done after a failure, before the lock is released. */
  readonly onFailure: (undo: () => Promise<void>) => void;
}

/**
 * Locks the file at a path, and waits while others hold the lock. `use` gets the file that is at the path when the lock
 * is granted: if it was replaced or removed while we waited, the new one is opened and locked instead.
 *
 * @param create How to create the file where there is none; without it, that is NFS4ERR_NOENT.
 * @param use Must release the lock when it succeeds: see {@link release}.
 */
export async function withLockedFile<T>(
  context: FileContext,
  file: EntryPath,
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
    let giveBack = () => releaseUncertain(context, taking);
    try {
      const locked = await takeLock(context, taking, create, watched);
      giveBack = () => releaseQuietly(context, locked);
      return await use(locked, { run: watched, onFailure });
    } catch (error) {
      // In the background: the caller's time may be over, and its last request may still be executed.
      if (mayBeLocked(taking, error)) busy(over.then(() => undo()).then(() => giveBack()));
      throw error;
    }
  });
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

/** The locked file; `undefined` when the path led to another file by the time the lock was granted. */
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
  const backoff = new Backoff(FIRST_WAIT, MAX_WAIT);
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

/** Locks the current file, and then looks its path up again. */
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

/** `undefined` when somebody else holds the lock, or the LOCK must be retried. */
function lockResult(request: LockRequest, reply: CompoundReply, opened: OpenFile): GrantedLock | undefined {
  if (!reply.reached(request.lock)) {
    if (reply.failedWith("NFS4ERR_DENIED", "NFS4ERR_DELAY", "NFS4ERR_GRACE")) return undefined;
    // A server that does not support the current stateid in a LOCK gets the real one next.
    if (request.stateid === CURRENT_STATEID && reply.failedWith("NFS4ERR_BAD_STATEID")) return undefined;
    reply.orThrow(opened.path);
  }
  if (!reply.reached(request.attributes)) reply.orThrow(opened.path);
  const locked = { ...opened, lockStateid: reply.of(request.lock), attributes: reply.of(request.attributes) };
  const inPlace = reply.reached(request.atPath) && reply.of(request.atPath).fileId === locked.attributes.fileId;
  return { locked, inPlace };
}

/** Operations that release the lock and close the file, for the end of the last COMPOUND that needs them. */
export function release({ handle, lockStateid, stateid }: Omit<LockedFile, "attributes">): Operation<void>[] {
  return [putFileHandle(handle), unlockFile(lockStateid), close(stateid)];
}

/** Releases lock and open. A failure is ignored: the server drops both when our lease expires. */
export async function releaseQuietly(context: FileContext, locked: LockedFile): Promise<void> {
  await context.channel.run(release(locked), cleanupOptions()).catch(ignoreNfsError);
}

/**
 * Releases a lock that we may hold, or not. Its owner asks for it once more: the server grants a lock to its holder,
 * with the stateid that releases it.
 */
async function releaseUncertain(context: FileContext, { file, ownerName, opened: known }: Taking): Promise<void> {
  // After that, the server has dropped the lock.
  const run = cleanupOptions(context.channel.capabilities.leaseTime * 1000);
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

/** Opens the file once more: the server returns the open that the owner may have already. */
async function openAgain(context: FileContext, file: EntryPath, owner: StateOwner, run: RunOptions): Promise<OpenFile> {
  const walk = await walkTo(context, file.directory, run);
  const open = openByName({ owner, access: "write", name: file.name });
  const handle = getFileHandle();
  const reply = (await context.channel.run([...walk, open, handle], run)).orThrow(file.text);
  return openFileOf(file, owner.name, reply.of(handle), reply.of(open));
}

function openFileOf({ text: path }: EntryPath, ownerName: string, handle: Buffer, stateid: Stateid): OpenFile {
  return { path, access: "write", ownerName, handle, stateid };
}

/**
 * Runs `use` while the file at a path has an etag. The lock keeps out everybody who appends, or changes the name under
 * a condition. VERIFY, in the same COMPOUND as the change, detects the changes of all others.
 *
 * @param use Runs a COMPOUND that begins with `verified`, which leaves the file's directory current and saved.
 * @throws {PreconditionError} when the file at the path has another etag, or there is none.
 */
export async function whileUnchanged<T>(
  context: FileContext,
  file: EntryPath,
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

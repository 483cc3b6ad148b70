/**
 * A write lock on a whole file (RFC 8881 §9.1). Everybody takes it who appends to the file, or who replaces or removes
 * it under a condition. Here it is taken and released, and here the condition is checked.
 */
import { Backoff } from "../deadline.ts";
import { BusyError, ignoreNfsError, isStatus, NfsStatusError, PreconditionError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { CompoundReply, Operation, Operations } from "../wire/compound.ts";
import { Op, statusCode } from "../wire/constants.ts";
import { CURRENT_STATEID, type Stateid } from "../wire/data-types.ts";
import { etagOf, type FileAttributes, getAttributes, verifyIdentity } from "../wire/operations/attributes.ts";
import { remove } from "../wire/operations/directories.ts";
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
  type Opened,
  openByName,
  type StateOwner,
  unlockFile,
} from "../wire/operations/opens-and-locks.ts";
import { cleanupOptions, type FileContext, stateOwner } from "./context.ts";
import { OPEN_LOST, type OpenFile, openAt } from "./open-files.ts";
import { type EntryPath, walkTo } from "./paths.ts";

const FIRST_WAIT = 4;
const MAX_WAIT = 32;

export interface LockedFile extends OpenFile {
  readonly lockStateid: Stateid;
  /** As they were when the lock was granted. */
  readonly attributes: FileAttributes;
  /** Leads to the directory that the file was in then; short enough for what {@link requireUnchanged} has beside it. */
  readonly walk: Operations;
}

/** A lock that is being taken, or held. `opened` is missing until the server has opened the file. */
interface Taking {
  readonly file: EntryPath;
  readonly ownerName: string;
  opened?: OpenFile;
  /** Who knows of the lock: see {@link Capabilities.serverOwner}. Missing until it has been asked for. */
  serverOwner?: string;
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
 * @param create How to create the file where there is none; without it, that is NFS4ERR_NOENT. After a failure, what was
 * created `guarded` and is still empty is removed.
 * @param use Must release the lock when it succeeds: see {@link unlockAndClose}.
 */
export async function withLockedFile<T>(
  context: FileContext,
  file: EntryPath,
  create: CreateSpecification | undefined,
  run: RunOptions,
  use: (locked: LockedFile, holding: Holding) => Promise<T>,
): Promise<T> {
  return context.lockOwners.with(run.deadline, async (ownerName, busy) => {
    let over = Promise.resolve();
    const watched: RunOptions = {
      ...run,
      onAbandoned: (end) => {
        over = end;
      },
    };
    const taking: Taking = { file, ownerName };
    let undo = async () => {
      if (create?.how === "guarded") await removeCreated(context, taking);
    };
    const onFailure = (work: () => Promise<void>) => {
      undo = work;
    };
    let giveBack = () => releaseUncertain(context, taking);
    try {
      const locked = await takeLock(context, taking, create, watched);
      giveBack = () => releaseQuietly(context, locked);
      const result = await use(locked, { run: watched, onFailure });
      noteIfLost(context, taking);
      return result;
    } catch (error) {
      // In the background: the caller's time may be over, and its last request may still be executed.
      if (mayBeLocked(taking, error)) {
        busy(
          over
            .then(() => undo())
            .then(() => giveBack())
            .then(() => noteIfLost(context, taking)),
        );
      }
      throw error;
    }
  });
}

function mayBeLocked({ opened }: Taking, error: unknown): boolean {
  return opened !== undefined || !(error instanceof NfsStatusError || error instanceof BusyError);
}

/** Where this server does not know who took the lock, nobody can release it before that client's lease ends. */
function noteIfLost({ channel, lostLocks }: FileContext, { file, serverOwner }: Taking): void {
  const { leaseTime, serverOwner: now } = channel.capabilities;
  if (serverOwner !== undefined && now !== serverOwner) lostLocks.add(file.text, leaseTime * 1000);
}

async function takeLock(
  context: FileContext,
  taking: Taking,
  create: CreateSpecification | undefined,
  run: RunOptions,
): Promise<LockedFile> {
  let creation = create;
  for (;;) {
    const outcome = await lockPath(context, taking, creation, run);
    if (typeof outcome === "object") {
      // Nothing that was asked for before is in the way of this lock: it is the only one.
      taking.serverOwner = context.channel.capabilities.serverOwner;
      return outcome;
    }
    // The file that is there now may be the one that we made.
    if (outcome === "open-lost" && creation !== undefined) creation = { ...creation, how: "unchecked" };
    delete taking.opened;
    run.deadline.check();
  }
}

/** The locked file; `moved` when the path led to another file by the time the lock was granted. */
async function lockPath(
  context: FileContext,
  taking: Taking,
  create: CreateSpecification | undefined,
  run: RunOptions,
): Promise<LockedFile | "moved" | "open-lost"> {
  const owner = await stateOwner(context, taking.ownerName, run);
  taking.serverOwner ??= context.channel.capabilities.serverOwner;
  try {
    const granted =
      (await openAndLock(context, taking, owner, create, run)) ??
      (await waitForLock(context, taking, owner, create, run));
    if (granted.inPlace) return granted.locked;
    await releaseQuietly(context, granted.locked);
    return "moved";
  } catch (error) {
    if (taking.opened !== undefined && isStatus(error, ...OPEN_LOST)) return "open-lost";
    throw error;
  }
}

/**
 * Opens and locks in one COMPOUND, where the server takes that. `undefined` when it was only opened, or not even that:
 * see {@link Taking.opened}.
 */
async function openAndLock(
  context: FileContext,
  taking: Taking,
  owner: StateOwner,
  create: CreateSpecification | undefined,
  run: RunOptions,
): Promise<GrantedLock | undefined> {
  const { file, ownerName } = taking;
  const { currentStateid, lockOnCurrentStateid, maximumOperations } = context.channel.capabilities;
  const others = 6;
  const fits = 2 * (1 + file.directory.length) + others <= maximumOperations;
  if (!fits || !currentStateid || !lockOnCurrentStateid) return undefined;
  const walk = await walkTo(context, file.directory, run, others);
  const open = openByName({ owner, access: "write", name: file.name, ...(create && { create }) });
  const handle = getFileHandle();
  const request = lockRequest(CURRENT_STATEID, owner, walk, file.name);
  const once = create?.how === "guarded";
  const reply = await context.channel.run([...walk, open, handle, ...request.operations], { ...run, once });
  if (!reply.reached(handle)) reply.orThrow(file.text);
  const opened = openFileOf(file, ownerName, reply.of(handle), reply.of(open));
  taking.opened = opened;
  // The real stateid is tried next.
  const isRefused = !reply.reached(request.lock) && reply.failedWith("NFS4ERR_BAD_STATEID");
  if (isRefused) context.channel.noteRefusal("lockOnCurrentStateid");
  return isRefused ? undefined : lockResult(request, reply, opened);
}

async function waitForLock(
  context: FileContext,
  taking: Taking,
  owner: StateOwner,
  create: CreateSpecification | undefined,
  run: RunOptions,
): Promise<GrantedLock> {
  const { file, ownerName } = taking;
  const { lockOnCurrentStateid, maximumOperations } = context.channel.capabilities;
  const backoff = new Backoff(FIRST_WAIT, MAX_WAIT);
  let fromDirectory: Operations | undefined;
  if (taking.opened === undefined) {
    const withDirectory = 1 + file.directory.length + OTHERS_IN_CHANGE > maximumOperations;
    const { directory, ...opened } = await openAt(
      context,
      file,
      { access: "write", ownerName, create, withDirectory },
      run,
    );
    taking.opened = opened;
    fromDirectory = directory && [putFileHandle(directory)];
  } else if (lockOnCurrentStateid) {
    // The lock is held by somebody else: so it was said when the file was opened.
    await sleepUntilFree(context, taking, backoff, run);
  }
  const { opened } = taking;
  for (;;) {
    const walk = fromDirectory ?? (await walkTo(context, file.directory, run, OTHERS_IN_CHANGE));
    fromDirectory = undefined;
    const request = lockRequest(opened.stateid, owner, walk, file.name);
    const reply = await context.channel.run([putFileHandle(opened.handle), ...request.operations], run);
    const granted = lockResult(request, reply, opened);
    if (granted !== undefined) return granted;
    await sleepUntilFree(context, taking, backoff, run);
  }
}

/** Operations besides the walk where an open file is locked, and where a change is made if a file is unchanged. */
export const OTHERS_IN_CHANGE = 5;

/**
 * Waits before the next attempt.
 *
 * @throws {BusyError} when the lock may be one of this client's own that ends only after the deadline.
 */
async function sleepUntilFree(
  { lostLocks }: FileContext,
  { file }: Taking,
  backoff: Backoff,
  { deadline }: RunOptions,
): Promise<void> {
  const remaining = lostLocks.remaining(file.text);
  if (remaining > deadline.remaining) {
    const seconds = Math.ceil(remaining / 1000);
    const reason = "a connection that was lost has left a lock, and the server drops it only when its lease ends";
    throw new BusyError("locked", `${file.text} is locked for ${seconds} s: ${reason}`, { retryAfter: seconds });
  }
  await deadline.sleep(backoff.next());
}

interface LockRequest {
  readonly walk: Operations;
  readonly lock: Operation<Stateid>;
  readonly attributes: Operation<FileAttributes>;
  readonly atPath: Operation<FileAttributes>;
  readonly operations: Operations;
}

/** Locks the current file, and then looks its path up again. */
function lockRequest(stateid: Stateid, owner: StateOwner, walk: Operations, name: string): LockRequest {
  const lock = lockFile(stateid, owner);
  const attributes = getAttributes();
  const atPath = getAttributes();
  return { walk, lock, attributes, atPath, operations: [lock, attributes, ...walk, lookup(name), atPath] };
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
    reply.orThrow(opened.path);
  }
  if (!reply.reached(request.attributes)) reply.orThrow(opened.path);
  const attributes = reply.of(request.attributes);
  const locked = { ...opened, lockStateid: reply.of(request.lock), attributes, walk: request.walk };
  const inPlace = reply.reached(request.atPath) && reply.of(request.atPath).fileId === attributes.fileId;
  return { locked, inPlace };
}

/** Operations that release the lock and close the file, when it is the current one. */
export function unlockAndClose({ lockStateid, stateid }: Pick<LockedFile, "lockStateid" | "stateid">): Operations {
  return [unlockFile(lockStateid), close(stateid)];
}

/** Releases lock and open. A failure is ignored: the server drops both when our lease expires. */
export async function releaseQuietly(context: FileContext, locked: LockedFile): Promise<void> {
  const releasing = [putFileHandle(locked.handle), ...unlockAndClose(locked)];
  await context.channel.run(releasing, cleanupOptions()).catch(ignoreNfsError);
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
    const opened = known ?? (await openAt(context, file, { access: "write", ownerName }, run));
    const lock = lockFile(opened.stateid, owner);
    const reply = await context.channel.run([putFileHandle(opened.handle), lock], run);
    const ending = reply.reached(lock)
      ? unlockAndClose({ ...opened, lockStateid: reply.of(lock) })
      : [close(opened.stateid)];
    await context.channel.run([putFileHandle(opened.handle), ...ending], run);
  } catch (error) {
    ignoreNfsError(error);
  }
}

/** Removes the file that was opened, if it is empty and still the one at its path. */
async function removeCreated(context: FileContext, { file, opened }: Taking): Promise<void> {
  if (opened === undefined) return;
  const run = cleanupOptions();
  const attributes = getAttributes();
  try {
    const found = (await context.channel.run([putFileHandle(opened.handle), attributes], run)).orThrow().of(attributes);
    if (found.size > 0) return;
    const walk = await walkTo(context, file.directory, run, OTHERS_IN_CHANGE);
    const verified = await requireUnchanged(context, file, { walk, attributes: found }, run);
    await context.channel.run([...verified, remove(file.name)], run);
  } catch (error) {
    ignoreNfsError(error);
  }
}

function openFileOf({ text: path }: EntryPath, ownerName: string, handle: Buffer, opened: Opened): OpenFile {
  const { directoryChange, ...stateid } = opened;
  return { path, access: "write", ownerName, handle, stateid, directoryChange };
}

/**
 * Runs `use` while the file at a path has an etag. The lock keeps out everybody who appends, or changes the name under
 * a condition. The changes of all others are detected as {@link requireUnchanged} can.
 *
 * @param use Runs a COMPOUND that begins with `verified`, which leaves the file's directory current and saved.
 * @throws {PreconditionError} when the file at the path has another etag, or there is none.
 */
export async function whileUnchanged<T>(
  context: FileContext,
  file: EntryPath,
  etag: string,
  run: RunOptions,
  use: (verified: Operations, run: RunOptions) => Promise<T>,
): Promise<T> {
  const useLocked = async (locked: LockedFile, holding: Holding) => {
    requireEtag(locked, etag);
    const verified = await requireUnchanged(context, file, locked, holding.run);
    const result = await use(verified, holding.run);
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
 * Operations that fail with NFS4ERR_NOT_SAME unless the path leads to this file, and the file is unchanged. They leave
 * its directory current, and saved, and at least one more fits behind them. Where the server has no VERIFY, that is
 * checked here, and a change between this and the COMPOUND that the operations are for is not detected.
 *
 * @throws {NfsStatusError} NFS4ERR_NOT_SAME
 */
export async function requireUnchanged(
  { channel }: FileContext,
  { name, text }: EntryPath,
  { walk, attributes: identity }: Pick<LockedFile, "walk" | "attributes">,
  run: RunOptions,
): Promise<Operations> {
  if (channel.capabilities.verify) {
    return [...walk, saveFileHandle, lookup(name), verifyIdentity(identity), restoreFileHandle];
  }
  const attributes = getAttributes();
  const reply = (await channel.run([...walk, lookup(name), attributes], run)).orThrow(text);
  if (etagOf(reply.of(attributes)) !== etagOf(identity)) throw notSame(text);
  return [...walk, saveFileHandle];
}

/** As VERIFY says it. */
export function notSame(path: string): NfsStatusError {
  return new NfsStatusError(statusCode("NFS4ERR_NOT_SAME"), Op.VERIFY, path);
}

/** @throws {PreconditionError} when a file had another etag by the time it was locked. */
export function requireEtag({ path, attributes }: LockedFile, etag: string): void {
  if (etagOf(attributes) !== etag) throw changed(path, etag);
}

function changed(path: string, etag: string, cause?: unknown): PreconditionError {
  return new PreconditionError(`${path} is not the file with etag ${etag}`, { cause });
}

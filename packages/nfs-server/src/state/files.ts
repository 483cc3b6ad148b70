/** What is open and locked of each file, by whichever client through whichever server. */
import type { Inode } from "../file-system/inode.ts";
import type { OpenFile } from "../file-system/open-file.ts";
import { StatusError } from "../status-error.ts";
import { type ByteRange, type ByteRangeLock, findConflict, withLock, withoutRange } from "./byte-ranges.ts";
import { advance, type Client, type LockOwner, type LockState, type OpenState } from "./client.ts";

/** Opens that one client may have: Amazon EFS allows 32,768 open files, and says that a quota is used up. */
const MAX_OPENS_PER_CLIENT = 32_768;

/** Amazon EFS: 512 locks on one file, and locks of one client by 256 owners and files. More are to come later. */
const MAX_LOCKS_PER_FILE = 512;
const MAX_LOCK_STATES_PER_CLIENT = 256;

interface FileState {
  readonly opens: Set<OpenState>;
  readonly locks: Map<string, LockState>;
  ranges: ByteRangeLock<string>[];
}

/** The lock that is in the way, as a LOCK or LOCKT that is denied tells it. */
export interface Conflict extends ByteRange {
  readonly exclusive: boolean;
  readonly owner: LockOwner;
}

interface WantedLock extends ByteRange {
  readonly exclusive: boolean;
}

export class Files {
  readonly #files = new Map<Inode, FileState>();

  /**
   * Notes an open, and takes over the caller's use of `file`. An open-owner has one open of a file: opening it again
   * adds to what that one may do.
   */
  open(client: Client, owner: string, inode: Inode, file: OpenFile, access: number): OpenState {
    const known = [...(this.#files.get(inode)?.opens ?? [])].find(
      (open) => open.client === client && open.owner === owner,
    );
    if (known !== undefined) return this.#openAgain(known, file, access);
    if (client.isGone || client.opens.size >= MAX_OPENS_PER_CLIENT) {
      file.release();
      throw new StatusError(client.isGone ? "NFS4ERR_DEADSESSION" : "NFS4ERR_DQUOT");
    }
    const open: OpenState = {
      kind: "open",
      other: client.newStateidOther(),
      seqid: 1,
      client,
      owner,
      inode,
      file,
      access,
      opened: new Set([access]),
      locks: new Set(),
    };
    client.add(open);
    this.#stateOf(inode).opens.add(open);
    return open;
  }

  #openAgain(open: OpenState, file: OpenFile, access: number): OpenState {
    const isBetter = file.writable && !open.file.writable;
    (isBetter ? open.file : file).release();
    if (isBetter) open.file = file;
    open.access |= access;
    open.opened.add(access);
    advance(open);
    return open;
  }

  /** Ends an open, and the locks that were taken under it. */
  close(open: OpenState): void {
    for (const lock of open.locks) this.forgetLocks(lock);
    open.client.remove(open);
    const file = this.#files.get(open.inode);
    file?.opens.delete(open);
    if (file?.opens.size === 0) this.#files.delete(open.inode);
    open.file.release();
  }

  /** The lock of somebody else that stands in the way. */
  conflict(inode: Inode, owner: LockOwner, wanted: WantedLock): Conflict | undefined {
    const file = this.#files.get(inode);
    const found = file && findConflict(file.ranges, { ...wanted, owner: keyOf(owner) });
    const holder = found && file.locks.get(found.owner);
    return holder && { start: found.start, end: found.end, exclusive: found.exclusive, owner: holder.owner };
  }

  /** Takes a lock that nothing stands in the way of. */
  lock(open: OpenState, owner: LockOwner, wanted: WantedLock): LockState {
    const file = this.#stateOf(open.inode);
    const ownerKey = keyOf(owner);
    const ranges = withLock(file.ranges, {
      start: wanted.start,
      end: wanted.end,
      exclusive: wanted.exclusive,
      owner: ownerKey,
    });
    const known = file.locks.get(ownerKey);
    const isTooMany = ranges.length > Math.max(MAX_LOCKS_PER_FILE, file.ranges.length);
    if (isTooMany || (known === undefined && open.client.locks.size >= MAX_LOCK_STATES_PER_CLIENT)) {
      throw new StatusError("NFS4ERR_DELAY");
    }
    file.ranges = ranges;
    if (known !== undefined) {
      advance(known);
      return known;
    }
    const lock: LockState = {
      kind: "lock",
      other: open.client.newStateidOther(),
      seqid: 1,
      client: open.client,
      ownerKey,
      owner,
      inode: open.inode,
      open,
    };
    open.client.add(lock);
    open.locks.add(lock);
    file.locks.set(ownerKey, lock);
    return lock;
  }

  /** Gives up what the owner has locked in the range, if anything; the stateid stays. */
  unlock(lock: LockState, range: ByteRange): void {
    const file = this.#stateOf(lock.inode);
    file.ranges = withoutRange(file.ranges, lock.ownerKey, range);
    advance(lock);
  }

  holdsLocks({ inode, ownerKey }: LockState): boolean {
    return this.#files.get(inode)?.ranges.some(({ owner }) => owner === ownerKey) ?? false;
  }

  /** Ends a lock stateid with all its locks. */
  forgetLocks(lock: LockState): void {
    const file = this.#files.get(lock.inode);
    if (file !== undefined) {
      file.ranges = file.ranges.filter(({ owner }) => owner !== lock.ownerKey);
      file.locks.delete(lock.ownerKey);
    }
    lock.client.remove(lock);
    lock.open.locks.delete(lock);
  }

  #stateOf(inode: Inode): FileState {
    const known = this.#files.get(inode);
    if (known !== undefined) return known;
    const created: FileState = { opens: new Set(), locks: new Map(), ranges: [] };
    this.#files.set(inode, created);
    return created;
  }
}

function keyOf({ clientId, owner }: LockOwner): string {
  return `${clientId}:${owner.toString("latin1")}`;
}

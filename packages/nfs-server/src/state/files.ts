/** What is open and locked of each file, by whichever client through whichever server. */
import type { Inode } from "../file-system/inode.ts";
import type { OpenFile } from "../file-system/open-file.ts";
import { StatusError } from "../status-error.ts";
import { type ByteRange, type ByteRangeLock, findConflict, withLock, withoutRange } from "./byte-ranges.ts";
import { advance, type Client, type LockOwner, type LockState, type OpenState } from "./client.ts";

/** How much one client, and all clients of one file, may have. */
export interface Quotas {
  readonly openFilesPerClient: number;
  readonly locksPerClient: number;
  readonly locksPerFile: number;
}

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

export interface WantedLock extends ByteRange {
  readonly exclusive: boolean;
}

export class Files {
  readonly #files = new Map<Inode, FileState>();

  /**
   * Notes an open, and takes over the caller's use of `file`. An open-owner has one open of a file: opening it again
   * adds to what that one may do.
   */
  open(
    { client, owner, inode, file, access }: Pick<OpenState, "client" | "owner" | "inode" | "file" | "access">,
    quotas: Quotas,
  ): OpenState {
    const known = [...(this.#files.get(inode)?.opens ?? [])].find(
      (open) => open.client === client && open.owner === owner,
    );
    if (known !== undefined) return this.#openAgain(known, file, access);
    try {
      requireRoomForOpen(client, quotas);
    } catch (error) {
      file.release();
      throw error;
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

  /** How many opens there are, and how many files an owner has locked. */
  count(): { readonly opens: number; readonly locks: number } {
    let opens = 0;
    let locks = 0;
    for (const file of this.#files.values()) {
      opens += file.opens.size;
      locks += new Set(file.ranges.map(({ owner }) => owner)).size;
    }
    return { opens, locks };
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

  /** The lock of somebody else that stands in the way: any, or only one that was taken through `mountTarget`. */
  conflict(inode: Inode, owner: LockOwner, wanted: WantedLock, mountTarget?: object): Conflict | undefined {
    const file = this.#files.get(inode);
    if (file === undefined) return undefined;
    const isSeen = ({ owner }: ByteRangeLock<string>) => file.locks.get(owner)?.takenThrough === mountTarget;
    const ranges = mountTarget === undefined ? file.ranges : file.ranges.filter(isSeen);
    const found = findConflict(ranges, { ...wanted, owner: keyOf(owner) });
    const holder = found && file.locks.get(found.owner);
    return holder && { start: found.start, end: found.end, exclusive: found.exclusive, owner: holder.owner };
  }

  /** Takes a lock that nothing stands in the way of, through `mountTarget`. @throws {StatusError} NFS4ERR_DQUOT */
  lock(open: OpenState, owner: LockOwner, wanted: WantedLock, quotas: Quotas, mountTarget: object): LockState {
    const { client, inode } = open;
    const file = this.#stateOf(inode);
    const ownerKey = keyOf(owner);
    const known = file.locks.get(ownerKey);
    const ranges = withLock(file.ranges, { ...wanted, owner: ownerKey });
    const added = ranges.length - file.ranges.length;
    const isTooMany =
      (added > 0 && (ranges.length > quotas.locksPerFile || client.lockedRanges + added > quotas.locksPerClient)) ||
      (known === undefined && client.locks.size >= quotas.locksPerClient);
    if (isTooMany) throw new StatusError("NFS4ERR_DQUOT");
    this.#setRanges(file, client, ranges);
    if (known !== undefined) {
      advance(known);
      return known;
    }
    const lock: LockState = {
      kind: "lock",
      other: client.newStateidOther(),
      seqid: 1,
      client,
      ownerKey,
      owner,
      inode,
      open,
      takenThrough: mountTarget,
    };
    client.add(lock);
    open.locks.add(lock);
    file.locks.set(ownerKey, lock);
    return lock;
  }

  /** Gives up what the owner has locked in the range, if anything; the stateid stays. */
  unlock(lock: LockState, range: ByteRange): void {
    const file = this.#stateOf(lock.inode);
    this.#setRanges(file, lock.client, withoutRange(file.ranges, lock.ownerKey, range));
    advance(lock);
  }

  holdsLocks({ inode, ownerKey }: LockState): boolean {
    return this.#files.get(inode)?.ranges.some(({ owner }) => owner === ownerKey) ?? false;
  }

  /** Ends a lock stateid with all its locks. */
  forgetLocks(lock: LockState): void {
    const file = this.#files.get(lock.inode);
    if (file !== undefined) {
      const rest = file.ranges.filter(({ owner }) => owner !== lock.ownerKey);
      this.#setRanges(file, lock.client, rest);
      file.locks.delete(lock.ownerKey);
    }
    lock.client.remove(lock);
    lock.open.locks.delete(lock);
  }

  /** One client's locks of a file changed, and nobody else's. */
  #setRanges(file: FileState, client: Client, ranges: ByteRangeLock<string>[]): void {
    client.lockedRanges += ranges.length - file.ranges.length;
    file.ranges = ranges;
  }

  #stateOf(inode: Inode): FileState {
    const known = this.#files.get(inode);
    if (known !== undefined) return known;
    const created: FileState = { opens: new Set(), locks: new Map(), ranges: [] };
    this.#files.set(inode, created);
    return created;
  }
}

/** @throws {StatusError} NFS4ERR_DQUOT when the client has as many files open as it may. */
export function requireRoomForOpen(client: Client, { openFilesPerClient }: Quotas): void {
  if (client.isGone) throw new StatusError("NFS4ERR_DEADSESSION");
  if (client.opens.size >= openFilesPerClient) throw new StatusError("NFS4ERR_DQUOT");
}

function keyOf({ clientId, owner }: LockOwner): string {
  return `${clientId}:${owner.toString("latin1")}`;
}

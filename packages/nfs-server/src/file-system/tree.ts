/**
 * The exported directory: from handles and names to objects, and from objects to what the operating system says of them.
 *
 * Reads are synchronous calls: they take microseconds where the thread pool takes ten times as long, and nothing else
 * of this process comes between them. Changes of the name space run in the thread pool, one at a time, because a change
 * can wait milliseconds for the file system's journal. Reads do not wait for them.
 */
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, realpathSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { decodeName, encodeName, FileTypeCode } from "nfs-client/wire";
import { errnoOf, StatusError, statusOf } from "../status-error.ts";
import { ChangeCounter } from "./change-counter.ts";
import { ChangeQueue } from "./change-queue.ts";
import { fsync } from "./descriptors.ts";
import { decodeHandle, encodeHandle } from "./handles.ts";
import { type Inode, identityOf, isSame, requireDirectory, requireRegularFile, typeOf } from "./inode.ts";
import { InodeTable } from "./inode-table.ts";
import { createListing, type Listing, ListingCache } from "./listing.ts";
import { OpenFile } from "./open-file.ts";

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

interface Found {
  readonly inode: Inode;
  readonly stat: BigIntStats;
}

/** A directory's change attribute on both sides of one change to it (change_info4; always atomic here). */
export interface ChangeInfo {
  readonly before: bigint;
  readonly after: bigint;
}

export interface TreeOptions {
  /** Objects that are remembered while nobody has them open. Default 100,000. */
  readonly inodeCapacity?: number;
}

export class Tree {
  readonly root: Inode;
  readonly inodes: InodeTable;
  readonly #directory: string;
  readonly #changes = new ChangeCounter();
  readonly #listings = new ListingCache<Inode>();
  readonly #queue = new ChangeQueue();

  /** @throws when `directory` is not a directory. */
  constructor(directory: string, { inodeCapacity }: TreeOptions = {}) {
    this.#directory = realpathSync(directory);
    this.inodes = new InodeTable(inodeCapacity);
    const stat = lstatSync(this.#directory, { bigint: true });
    if (!stat.isDirectory()) throw new Error(`${directory} cannot be exported: it is not a directory`);
    this.root = { identity: identityOf(stat), type: typeOf(stat), paths: [""] };
  }

  /** Where the operating system finds a path of this tree: as bytes, where it is not UTF-8. */
  absolute(path: string): string | Buffer {
    const absolute = path === "" ? this.#directory : `${this.#directory}/${path}`;
    return absolute.isWellFormed() ? absolute : encodeName(absolute);
  }

  stat(inode: Inode): Promise<BigIntStats> {
    return this.#queue.read(() => this.statNow(inode));
  }

  /** Where the operating system finds an object now. */
  pathOf(inode: Inode): Promise<string | Buffer> {
    return this.#queue.read(() => this.absolute(this.locate(inode).path));
  }

  /**
   * What `name` leads to. A regular file comes with a use of its descriptor, so that it stays what it is although
   * somebody may replace it at once; the caller releases it.
   *
   * @throws {StatusError} NFS4ERR_NOENT, or NFS4ERR_STALE when the directory itself is gone.
   */
  lookup(directory: Inode, name: string): Promise<{ readonly inode: Inode; readonly file?: OpenFile }> {
    return this.#queue.read(() => {
      const inode = this.find(directory, name)?.inode ?? this.#missing(directory);
      return inode.type === FileTypeCode.REGULAR ? { inode, ...this.#held(inode) } : { inode };
    });
  }

  async parent(directory: Inode): Promise<Inode> {
    requireDirectory(directory);
    if (directory === this.root) throw new StatusError("NFS4ERR_NOENT");
    return this.#queue.read(() => {
      const { path } = this.locate(directory);
      const parentPath = path.slice(0, Math.max(0, path.lastIndexOf("/")));
      const stat = this.#lstat(parentPath);
      if (stat === undefined) throw new StatusError("NFS4ERR_STALE");
      return this.#inodeAt(parentPath, stat);
    });
  }

  handleOf(inode: Inode): Buffer {
    inode.handle ??= encodeHandle(inode.identity, inode.paths[0]);
    return inode.handle;
  }

  /** @throws {StatusError} NFS4ERR_BADHANDLE or NFS4ERR_STALE. */
  fromHandle(handle: Buffer): Promise<Inode> {
    const { identity, path } = decodeHandle(handle);
    return this.#queue.read(() => {
      const { device, number, birth } = identity;
      const known = isRoot(this.root, identity) ? this.root : this.inodes.find(device, number);
      if (known !== undefined && known.identity.birth === birth) return known;
      const stat = path === undefined ? undefined : this.#walk(path);
      if (path === undefined || stat === undefined || !isSame(identity, stat)) throw new StatusError("NFS4ERR_STALE");
      const inode = this.inodes.at(path, stat);
      inode.handle ??= Buffer.from(handle);
      return inode;
    });
  }

  /** Its change attribute, given its status. */
  changeOf(stat: BigIntStats): bigint {
    return this.#changes.of(stat);
  }

  /** Notes a change that we made to an object, unless it is gone with that. As {@link statNow}. */
  changed(inode: Inode): void {
    const stat = this.#statOf(inode);
    if (stat !== undefined) this.#changes.changed(stat);
  }

  /** Opens the regular file of that name; the caller releases it. @throws {StatusError} as {@link lookup}. */
  open(
    directory: Inode,
    name: string,
    forWriting: boolean,
  ): Promise<{ readonly inode: Inode; readonly file: OpenFile }> {
    return this.#queue.read(() => {
      const inode = this.find(directory, name)?.inode ?? this.#missing(directory);
      requireRegularFile(inode);
      return { inode, file: this.acquireNow(inode, forWriting) };
    });
  }

  /** Opens a file, or shares the descriptor it is open with; the caller releases it. */
  acquire(inode: Inode, forWriting: boolean): Promise<OpenFile> {
    return this.#queue.read(() => this.acquireNow(inode, forWriting));
  }

  /** As {@link acquire}, within {@link change}. */
  acquireNow(inode: Inode, forWriting: boolean): OpenFile {
    if (inode.openFile !== undefined && (inode.openFile.writable || !forWriting)) return inode.openFile.retain();
    for (const path of inode.paths) {
      const descriptor = openIfThere(this.absolute(path), forWriting ? O_RDWR : O_RDONLY);
      if (descriptor === undefined) continue;
      // What is open cannot be exchanged any more; what the path led to before can have been.
      if (isSame(inode.identity, fstatSync(descriptor, { bigint: true }))) {
        return this.adopt(inode, descriptor, forWriting);
      }
      closeSync(descriptor);
    }
    throw new StatusError("NFS4ERR_STALE");
  }

  /** Makes `descriptor` the one that those who open the file from now on share. */
  adopt(inode: Inode, descriptor: number, writable: boolean): OpenFile {
    const file = new OpenFile(descriptor, writable, () => {
      if (inode.openFile !== file) return;
      delete inode.openFile;
      if (inode.paths.length === 0) this.inodes.forget(inode);
    });
    inode.openFile = file;
    return file;
  }

  /** Makes what was done to a file, or to a directory's entries, durable. */
  async sync(inode: Inode): Promise<void> {
    if (inode.openFile !== undefined) {
      const file = inode.openFile.retain();
      return fsync(file.descriptor).finally(() => file.release());
    }
    const handle = await open(await this.pathOf(inode), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      await fsync(handle.fd);
    } finally {
      await handle.close();
    }
  }

  /**
   * A listing of a directory: a new one for a reader who starts, the one at hand for a reader who goes on, since that
   * is at least as new as the one the reader started with.
   */
  async list(directory: Inode, isStart: boolean): Promise<Listing> {
    requireDirectory(directory);
    const kept = this.#listings.get(directory);
    if (kept !== undefined && (!isStart || kept.change === this.changeOf(await this.stat(directory)))) return kept;
    return this.change(async () => {
      const { path, stat } = this.locate(directory);
      const listing = createListing(this.changeOf(stat), await namesIn(this.absolute(path)));
      this.#listings.set(directory, listing);
      return listing;
    });
  }

  /** What `name` is now, without remembering the object; `undefined` when there is nothing of that name. */
  statEntry(directory: Inode, name: string): BigIntStats | undefined {
    return this.#lstat(entryPath(directory, name));
  }

  /** The object behind an entry that {@link statEntry} told of. */
  inodeOfEntry(directory: Inode, name: string, stat: BigIntStats): Inode {
    return this.inodes.at(entryPath(directory, name), stat);
  }

  /** Runs one change of the name space, which uses only those methods that are meant for use within one. */
  change<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#queue.run(work);
  }

  /** A change to one directory's entries, with the directory's change attribute before and after it. */
  async changeEntries<Result>(
    directory: Inode,
    work: (at: (name: string) => string | Buffer) => Promise<Result>,
  ): Promise<{ result: Result; info: ChangeInfo }> {
    const { path, stat } = this.locate(directory);
    const before = this.changeOf(stat);
    const result = await work((name) => this.absolute(path === "" ? name : `${path}/${name}`));
    return { result, info: { before, after: this.#changes.changed(this.locate(directory).stat) } };
  }

  /** The status of an object. Only for use within {@link change}; elsewhere a change in flight can have moved it. */
  statNow(inode: Inode): BigIntStats {
    const stat = this.#statOf(inode);
    if (stat === undefined) throw new StatusError("NFS4ERR_STALE");
    return stat;
  }

  /** Where an object is now, and its status. As {@link statNow}. @throws {StatusError} NFS4ERR_STALE when it is gone. */
  locate(inode: Inode): { path: string; stat: BigIntStats } {
    const found = this.#find(inode);
    if (found === undefined) throw new StatusError("NFS4ERR_STALE");
    return found;
  }

  /** What `name` leads to in a directory. As {@link statNow}. */
  find(directory: Inode, name: string): Found | undefined {
    requireDirectory(directory);
    const path = entryPath(directory, name);
    const stat = this.#lstat(path);
    return stat === undefined ? undefined : { inode: this.inodes.at(path, stat), stat };
  }

  #statOf(inode: Inode): BigIntStats | undefined {
    if (inode.openFile === undefined) return this.#find(inode)?.stat;
    return fstatSync(inode.openFile.descriptor, { bigint: true });
  }

  #find(inode: Inode): { path: string; stat: BigIntStats } | undefined {
    for (const path of inode.paths) {
      const stat = this.#lstat(path);
      if (stat !== undefined && isSame(inode.identity, stat)) return { path, stat };
    }
    return undefined;
  }

  #held(inode: Inode): { readonly file?: OpenFile } {
    try {
      return { file: this.acquireNow(inode, false) };
    } catch (error) {
      // Who may not open a file may still ask for its attributes.
      if (statusOf(error) === "NFS4ERR_ACCESS") return {};
      throw error;
    }
  }

  #missing(directory: Inode): never {
    this.locate(directory);
    throw new StatusError("NFS4ERR_NOENT");
  }

  #inodeAt(path: string, stat: BigIntStats): Inode {
    return path === "" ? this.root : this.inodes.at(path, stat);
  }

  #lstat(path: string): BigIntStats | undefined {
    try {
      return lstatSync(this.absolute(path), { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      if (errnoOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  }

  /** The status behind a path none of whose parts is a symbolic link. */
  #walk(path: string): BigIntStats | undefined {
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      if (this.#lstat(path.slice(0, end))?.isDirectory() !== true) return undefined;
    }
    return this.#lstat(path);
  }
}

/** The path of an entry. @throws {StatusError} NFS4ERR_STALE when the directory was removed. */
export function entryPath(directory: Inode, name: string): string {
  const [path] = directory.paths;
  if (path === undefined) throw new StatusError("NFS4ERR_STALE");
  return path === "" ? name : `${path}/${name}`;
}

/** Names as the client's codec has them. They are read as text, which is much faster, unless one of them may not be. */
async function namesIn(path: string | Buffer): Promise<string[]> {
  const names = await readdir(path);
  if (!names.some((name) => name.includes("\ufffd"))) return names;
  return (await readdir(path, { encoding: "buffer" })).map(decodeName);
}

/** `undefined` when there is nothing at the path, or a symbolic link. */
function openIfThere(path: string | Buffer, flags: number): number | undefined {
  try {
    return openSync(path, flags | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    throw error;
  }
}

function isRoot(root: Inode, { device, number }: Inode["identity"]): boolean {
  return root.identity.device === device && root.identity.number === number;
}

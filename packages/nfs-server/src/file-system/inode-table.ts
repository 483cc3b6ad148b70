/** The objects the server remembers: bounded, least recently used forgotten first, open files never. */
import type { BigIntStats } from "node:fs";
import { type Inode, identityOf, inodeKey, isSame, typeOf } from "./inode.ts";

const DEFAULT_CAPACITY = 100_000;

export class InodeTable {
  readonly #capacity: number;
  readonly #inodes = new Map<bigint, Inode>();

  constructor(capacity = DEFAULT_CAPACITY) {
    this.#capacity = capacity;
  }

  find(device: bigint, number: bigint): Inode | undefined {
    const key = inodeKey(device, number);
    const inode = this.#inodes.get(key);
    if (inode !== undefined) this.#touch(key, inode);
    return inode;
  }

  /** The object that `path` leads to, given its status just now. */
  at(path: string, stat: BigIntStats): Inode {
    const key = inodeKey(stat.dev, stat.ino);
    const known = this.#inodes.get(key);
    if (known === undefined || !isSame(known.identity, stat)) {
      const inode: Inode = { identity: identityOf(stat), type: typeOf(stat), paths: [path] };
      this.#touch(key, inode);
      this.#evict();
      return inode;
    }
    this.#touch(key, known);
    if (!known.paths.includes(path)) known.paths = stat.nlink > 1n && stat.isFile() ? [...known.paths, path] : [path];
    return known;
  }

  /** Forgets that `path` leads to the object; an object without a path is remembered only while it is open. */
  removePath(inode: Inode, path: string): void {
    inode.paths = inode.paths.filter((each) => each !== path);
    if (inode.paths.length === 0 && inode.openFile === undefined) this.forget(inode);
  }

  /** A directory was renamed: all that is below it moved too. */
  moveBelow(from: string, to: string): void {
    const prefix = `${from}/`;
    for (const inode of this.#inodes.values()) {
      if (!inode.paths.some((path) => path.startsWith(prefix))) continue;
      inode.paths = inode.paths.map((path) => (path.startsWith(prefix) ? `${to}/${path.slice(prefix.length)}` : path));
    }
  }

  forget(inode: Inode): void {
    const key = inodeKey(inode.identity.device, inode.identity.number);
    if (this.#inodes.get(key) === inode) this.#inodes.delete(key);
  }

  #touch(key: bigint, inode: Inode): void {
    this.#inodes.delete(key);
    this.#inodes.set(key, inode);
  }

  #evict(): void {
    for (const [key, inode] of this.#inodes) {
      if (this.#inodes.size <= this.#capacity) return;
      if (inode.openFile === undefined) this.#inodes.delete(key);
    }
  }
}

/**
 * A file system in memory that changes while it is counted, with all that makes that hard: a clock that ticks seldom and
 * is not ours, inode numbers that are used again, directories that are moved and replaced.
 */
import type {
  Directories,
  FoundDirectory,
  KeptContents,
  Listing,
  Reading,
} from "../../functions/file-monitor/observe/count/directories.ts";
import { type DirectoryTree, ROOT } from "../../functions/file-monitor/observe/count/directory-tree.ts";

interface Node {
  id: bigint;
  /** Never used again. */
  readonly handle: number;
  changedAt: number;
  readonly files: Set<string>;
  readonly directories: Map<string, Node>;
}

/** One change. Numbers say which directory, counted over all there are, and which of a few names. */
export type Change =
  | { readonly kind: "make file" | "remove file" | "make directory" | "remove directory"; at: number; name: number }
  | { readonly kind: "replace directory by file"; at: number; name: number }
  | { readonly kind: "move"; at: number; name: number; to: number; as: number }
  | { readonly kind: "time passes"; milliseconds: number };

export interface ClockOptions {
  /** Milliseconds that pass between two ticks of the file system's clock. */
  readonly tick: number;
  /** How many milliseconds the file system's clock is ahead of ours; less than 0: behind. */
  readonly ahead: number;
}

export class ChangingTree {
  readonly #clock: ClockOptions;
  /** Ours, in milliseconds. */
  now = 1_000_000;
  #handles = 0;
  readonly #freeIds: bigint[] = [];
  readonly #root: Node;
  /** Happen one after the other, each before a step of a count. */
  readonly scheduled: (readonly Change[])[] = [];

  constructor(clock: ClockOptions) {
    this.#clock = clock;
    this.#root = this.#make();
  }

  /** The number of files there are. */
  get files(): number {
    return this.#all().reduce((sum, { files }) => sum + files.size, 0);
  }

  get directories(): number {
    return this.#all().length;
  }

  change(change: Change): void {
    if (change.kind === "time passes") {
      this.now += change.milliseconds;
      return;
    }
    const all = this.#all();
    const directory = all[change.at % all.length];
    if (directory === undefined) return;
    const name = `n${change.name}`;
    const child = directory.directories.get(name);
    switch (change.kind) {
      case "make file":
        if (child === undefined && !directory.files.has(name)) this.#touch(directory).files.add(name);
        return;
      case "remove file":
        if (directory.files.has(name)) this.#touch(directory).files.delete(name);
        return;
      case "make directory":
        if (child === undefined && !directory.files.has(name))
          this.#touch(directory).directories.set(name, this.#make());
        return;
      case "remove directory":
        if (child !== undefined) this.#remove(directory, name, child);
        return;
      case "replace directory by file":
        if (child === undefined) return;
        this.#remove(directory, name, child);
        directory.files.add(name);
        return;
      case "move": {
        const target = all[change.to % all.length];
        const as = `n${change.as}`;
        if (child === undefined || target === undefined || this.#all(child).includes(target)) return;
        const replaced = target.directories.get(as);
        if (target.files.has(as) || replaced === child) return;
        if (replaced !== undefined) this.#remove(target, as, replaced);
        this.#touch(directory).directories.delete(name);
        // The directory itself stays as it is: not every file system touches what is moved.
        this.#touch(target).directories.set(as, child);
      }
    }
  }

  /** Lets what is scheduled next happen. */
  async step(): Promise<void> {
    await Promise.resolve();
    for (const change of this.scheduled.shift() ?? []) this.change(change);
  }

  at(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path.split("/").slice(1)) node = node?.directories.get(name);
    return node;
  }

  byHandle(handle: number): Node | undefined {
    return this.#all().find((node) => node.handle === handle);
  }

  #all(from = this.#root): Node[] {
    return [from, ...[...from.directories.values()].flatMap((child) => this.#all(child))];
  }

  #touch(node: Node): Node {
    node.changedAt = this.#serverTime();
    return node;
  }

  #make(): Node {
    this.#handles += 1;
    const id = this.#freeIds.pop() ?? BigInt(this.#handles);
    return { id, handle: this.#handles, changedAt: this.#serverTime(), files: new Set(), directories: new Map() };
  }

  #remove(parent: Node, name: string, removed: Node): void {
    this.#touch(parent).directories.delete(name);
    for (const { id } of this.#all(removed)) this.#freeIds.push(id);
  }

  #serverTime(): number {
    const { tick, ahead } = this.#clock;
    return Math.floor((this.now + ahead) / tick) * tick;
  }
}

/** As a mount shows it: by path. */
export class PathDirectories implements Directories {
  readonly name = "the tree";
  readonly batch = 2;
  protected readonly world: ChangingTree;

  constructor(world: ChangingTree) {
    this.world = world;
  }

  async list(
    tree: DirectoryTree,
    directory: number,
    reading: Reading,
    kept: KeptContents | undefined,
  ): Promise<Listing | "vanished" | "file"> {
    await this.world.step();
    const node = this.find(tree, directory);
    if (node === undefined) {
      if (directory === ROOT) throw new Error("missing");
      return this.isFile(tree, directory) ? "file" : "vanished";
    }
    const markedAt = this.world.now;
    const { changedAt, id } = node;
    await this.world.step();
    reading.opened = true;
    reading.files += node.files.size;
    const directories: FoundDirectory[] = [...node.directories].map(([name, child]) => ({
      name,
      id: (kept?.directories ?? 0) > 0 ? this.idOf(child) : undefined,
    }));
    await this.world.step();
    return { mark: BigInt(changedAt), id, handle: this.handleOf(node), markedAt, changedAt, directories, skipped: [] };
  }

  async areUnchanged(kept: DirectoryTree, directories: readonly number[]): Promise<boolean[]> {
    const unchanged: boolean[] = [];
    for (const directory of directories) {
      await this.world.step();
      const node = this.findKept(kept, directory);
      unchanged.push(
        node !== undefined && BigInt(node.changedAt) === kept.mark(directory) && node.id === kept.id(directory),
      );
    }
    return unchanged;
  }

  protected find(tree: DirectoryTree, directory: number): Node | undefined {
    return this.world.at(tree.path(directory));
  }

  protected findKept(kept: DirectoryTree, directory: number): Node | undefined {
    return this.world.at(kept.path(directory));
  }

  /** A mount's listing has no inode numbers. */
  protected idOf(_child: Node): bigint | undefined {
    return undefined;
  }

  protected handleOf(_node: Node): Buffer | undefined {
    return undefined;
  }

  private isFile(tree: DirectoryTree, directory: number): boolean {
    const parent = this.find(tree, tree.parent(directory));
    return parent?.files.has(tree.name(directory)) ?? false;
  }
}

/** As NFS shows it: what is kept is found by handle, and what is new by its name in a handle. */
export class HandleDirectories extends PathDirectories {
  protected override find(tree: DirectoryTree, directory: number): Node | undefined {
    if (directory === ROOT) return this.world.at("");
    return this.findKept(tree, tree.parent(directory))?.directories.get(tree.name(directory));
  }

  protected override findKept(kept: DirectoryTree, directory: number): Node | undefined {
    return this.world.byHandle(kept.handle(directory)?.readUInt32BE() ?? 0);
  }

  protected override idOf(child: Node): bigint {
    return child.id;
  }

  protected override handleOf({ handle }: Node): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(handle);
    return bytes;
  }
}

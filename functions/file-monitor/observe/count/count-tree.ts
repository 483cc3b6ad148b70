/**
 * How many files there are below a directory.
 *
 * Counted is every entry that is not a directory: regular files, symbolic links (not followed), sockets, and so on,
 * as `find DIRECTORY ! -type d | wc -l` does. The temporary files of atomic writes (`.nfs-tmp-…`) count too: they are
 * entries like any other while they are there, there are never more than in-flight writes, and orphaned ones are a load
 * that should show. A directory of such a name in the root is the routers' own, and neither counted nor looked at.
 *
 * A count keeps a tree of what it saw. The next one asks for the mark of each directory in it, and reads only those that
 * are new, or whose mark is another one. Whatever changes while it counts, the tree stays right, since
 *
 * - a directory's mark is asked for before the directory is read: a change after that gives it another mark. Changes at
 *   about the same time may have the same mark: a directory that last changed shortly before it was read is not settled,
 *   and is read by the next count, too;
 * - which directory has which name is what its parent was seen to contain, and is read again when the parent has changed.
 *
 * So a count of a tree at rest gives the number of its files, whatever went on during those before.
 */
import { TEMPORARY_PREFIX } from "nfs-client";
import { toText } from "./byte-strings.ts";
import {
  codeOf,
  type Directories,
  type FoundDirectory,
  type KeptContents,
  type Listing,
  type Reading,
} from "./directories.ts";
import { DirectoryTree, ROOT } from "./directory-tree.ts";

export interface CountOptions {
  /** How many directories are read at once. */
  readonly concurrency: number;
  /** When it aborts, the count ends with what was counted so far. */
  readonly signal: AbortSignal;
  /** The tree of the last count. */
  readonly kept?: KeptTree | undefined;
  /**
   * Read every directory, and compare those that have not changed with the tree of the last count. Default false.
   *
   * A count that runs out of time before leaves the rest to the next one with `readAll`. For what it leaves, the number
   * is that of the last count where the directory has not changed.
   */
  readonly readAll?: boolean;
  /**
   * A directory is settled when it last changed so many milliseconds before it was read. Default: two minutes.
   *
   * It covers the tick of the file system's clock, a second at most; how far that clock may be behind ours; and the minute
   * for which Linux keeps the attributes of a directory on NFS (nfs(5), acdirmax).
   */
  readonly settlingTime?: number;
}

export interface KeptTree {
  readonly tree: DirectoryTree;
  /** When the count of it began, in milliseconds since 1970. */
  readonly startedAt: number;
  /** When the last count that read everything, or the rest of it, began, in milliseconds since 1970; 0 for never. */
  readonly readAllAt: number;
}

export interface Count {
  /** A lower bound when not `complete`. */
  readonly files: number;
  /** False when the signal aborted before all directories were read. */
  readonly complete: boolean;
  /** The directory that holds most files directly; "" is the root, others start with "/". */
  readonly largestDirectory: { readonly path: string; readonly files: number };
  readonly skipped: Skipped;
}

/** What could not be read: directories, and entries whose type could not be determined. */
export interface Skipped {
  readonly count: number;
  /** The first few, with the error code of each. */
  readonly examples: readonly { readonly path: string; readonly code: string }[];
}

export interface TreeCount {
  readonly count: Count;
  /**
   * For the next count; also where this one is not complete, which then goes on with the rest. Empty, so that the next
   * count reads everything, when `clockIsBehind`.
   */
  readonly kept: KeptTree;
  readonly directoriesRead: number;
  /** Directories of which the last count's tree said something else, though they have not changed since. */
  readonly wrongDirectories: WrongDirectories;
  /** Directories in which names have changed since the last count, as byte strings. Undefined where that is not known. */
  readonly changedDirectories: readonly string[] | undefined;
  /** The file system's clock is so far behind ours that a change may go unnoticed: the trees must not be used. */
  readonly clockIsBehind: boolean;
}

export interface WrongDirectories {
  readonly count: number;
  /** The paths of the first few. */
  readonly examples: readonly string[];
}

/** The directory to count can't be read at all. */
export class CountError extends Error {
  override readonly name = "CountError";
}

/**
 * Counts the files. What vanishes while it counts is not an error.
 *
 * @throws {CountError} when the root is missing, can't be read, or was not opened before the signal aborted, and nothing
 * below it was found as the last count left it.
 */
export async function countTree(directories: Directories, options: CountOptions): Promise<TreeCount> {
  const walk = new Walk(directories, options);
  const isOver = new AbortController();
  const timeIsUp = aborted(options.signal, isOver.signal);
  try {
    await Promise.race([walk.findUnchanged(), timeIsUp]);
    const rootRead = walk.readRoot().catch((cause: Error) => {
      throw new CountError(`${directories.name} can't be read: ${cause.message}`, { cause });
    });
    await Promise.race([rootRead, timeIsUp]);
    if (!walk.found) throw new CountError(`${directories.name} was not opened in the time for counting`);
    await Promise.race([walk.readAllPending().then(() => walk.compareSuspects()), timeIsUp]);
    return walk.finish();
  } finally {
    isOver.abort();
  }
}

const MAX_EXAMPLES = 20;
/** Directories; of more it is only said that there are. */
const MAX_CHANGED = 10_000;
const DEFAULT_SETTLING_TIME = 120_000;

class Walk {
  /** Whether the root, or a directory below it, was there: what was counted is a lower bound. */
  found = false;
  readonly #directories: Directories;
  readonly #concurrency: number;
  readonly #signal: AbortSignal;
  readonly #settlingTime: number;
  readonly #readAll: boolean;
  readonly #kept: KeptTree | undefined;
  /** By directory of the tree of the last count: 1 for one that has not changed since. */
  readonly #unchanged: Uint8Array;
  readonly #tree = new DirectoryTree();
  readonly #pending = new PendingDirectories();
  readonly #reading = new Map<number, Reading>();
  readonly #examples: { path: string; code: string }[] = [];
  readonly #startedAt = Date.now();
  /** Directories of which the last count's tree says something else, with their numbers in it. */
  readonly #suspects: { readonly directory: number; readonly before: number }[] = [];
  readonly #changed: number[] = [];
  readonly #wrong: string[] = [];
  #wrongCount = 0;
  #clockIsBehind = false;
  #files = 0;
  #directoriesRead = 0;
  #skipped = 0;
  #largest = { path: "", files: 0 };
  #finished = false;

  constructor(directories: Directories, options: CountOptions) {
    const { concurrency, signal, kept, readAll = false, settlingTime = DEFAULT_SETTLING_TIME } = options;
    this.#directories = directories;
    this.#concurrency = concurrency;
    this.#signal = signal;
    this.#settlingTime = settlingTime;
    this.#readAll = readAll;
    this.#kept = kept;
    this.#unchanged = new Uint8Array(kept?.tree.size ?? 0);
    if (kept !== undefined) this.#tree.setBefore(ROOT, ROOT);
  }

  /** Looks at every directory of the last count's tree, many at once. */
  async findUnchanged(): Promise<void> {
    const { tree } = this.#kept ?? {};
    if (tree === undefined) return;
    let next = 0;
    const takeBatch = () => {
      const batch: number[] = [];
      // It may become less between two of them.
      const size = this.#directories.batch;
      for (; next < tree.size && batch.length < size; next++) {
        if (tree.isSettled(next)) batch.push(next);
      }
      return batch;
    };
    const lookAtBatches = async () => {
      for (let batch = takeBatch(); batch.length > 0 && !this.#isOver; batch = takeBatch()) {
        const unchanged = await this.#directories.areUnchanged(tree, batch);
        for (const [index, directory] of batch.entries()) {
          if (unchanged[index] !== true) continue;
          this.#unchanged[directory] = 1;
          this.found = true;
        }
      }
    };
    await Promise.all(Array.from({ length: this.#concurrency }, lookAtBatches));
  }

  async readRoot(): Promise<void> {
    if (!this.#takeOver(ROOT)) await this.#read(ROOT);
  }

  /** Reads directories, several at once, until none is left. */
  readAllPending(): Promise<void> {
    return new Promise((resolve, reject) => {
      const readMore = () => {
        while (!this.#isOver && this.#reading.size < this.#concurrency) {
          const directory = this.#pending.pop();
          if (directory === undefined) break;
          if (!this.#takeOver(directory)) this.#read(directory).then(readMore, reject);
        }
        if (this.#reading.size === 0) resolve();
      };
      readMore();
    });
  }

  /** The result; what is still being read counts as far as it got, and the next count reads it. */
  finish(): TreeCount {
    const complete = this.#reading.size === 0 && this.#pending.isEmpty;
    this.#finished = true;
    for (const [directory, { files }] of this.#reading) this.#leaveToNextCount(directory, files);
    for (let left = this.#pending.pop(); left !== undefined; left = this.#pending.pop())
      this.#leaveToNextCount(left, 0);
    return {
      count: {
        files: this.#files,
        complete,
        largestDirectory: { path: toText(this.#largest.path), files: this.#largest.files },
        skipped: { count: this.#skipped, examples: this.#examples },
      },
      kept: this.#keep(complete),
      directoriesRead: this.#directoriesRead,
      changedDirectories: this.#changedDirectories(),
      wrongDirectories: { count: this.#wrongCount, examples: this.#wrong },
      clockIsBehind: this.#clockIsBehind,
    };
  }

  #changedDirectories(): string[] | undefined {
    const isKnown = this.#kept !== undefined && this.#kept.tree.size > 0 && !this.#clockIsBehind;
    if (!isKnown || this.#changed.length > MAX_CHANGED) return undefined;
    return this.#changed.map((directory) => this.#tree.path(directory));
  }

  #keep(complete: boolean): KeptTree {
    if (this.#clockIsBehind) return { tree: new DirectoryTree(), startedAt: this.#startedAt, readAllAt: 0 };
    if (complete) this.#tree.uncheckAll();
    return {
      tree: this.#tree,
      // Not all that this count left has been looked at since the last one began.
      startedAt: complete ? this.#startedAt : (this.#kept?.startedAt ?? this.#startedAt),
      readAllAt: complete && this.#readAll ? this.#startedAt : (this.#kept?.readAllAt ?? 0),
    };
  }

  get #isOver(): boolean {
    return this.#finished || this.#signal.aborted;
  }

  /** Takes a directory over from the last count, where it has not changed, and need not be read for a full count. */
  #takeOver(directory: number): boolean {
    const before = this.#tree.before(directory);
    if (this.#kept === undefined || before === undefined || this.#unchanged[before] !== 1) return false;
    if (this.#readAll && !this.#kept.tree.isChecked(before)) return false;
    this.#adopt(directory, this.#kept.tree, before);
    this.#add(directory, this.#tree.files(directory));
    return true;
  }

  /** What the last count knew of a directory that this one did not get to stays, and counts where it has not changed. */
  #leaveToNextCount(directory: number, filesRead: number): void {
    const before = this.#tree.before(directory);
    if (this.#kept === undefined || before === undefined) {
      this.#add(directory, filesRead);
      return;
    }
    this.#adopt(directory, this.#kept.tree, before);
    this.#add(directory, this.#unchanged[before] === 1 ? this.#tree.files(directory) : filesRead);
  }

  #adopt(directory: number, kept: DirectoryTree, before: number): void {
    this.#tree.adopt(directory, kept, before);
    this.#pending.push(this.#tree.firstChild(directory), this.#tree.childCount(directory));
  }

  /** Reads one directory: its files are counted, its directories wait to be read. */
  async #read(directory: number): Promise<void> {
    const reading: Reading = { opened: false, files: 0 };
    this.#reading.set(directory, reading);
    try {
      const listing = await this.#directories.list(this.#tree, directory, reading, this.#keptContents(directory));
      if (directory === ROOT) this.found = true;
      // What was being read when the time was up may have been read in part.
      if (this.#isOver) return;
      this.#directoriesRead += 1;
      if (listing === "file") this.#add(directory, 1);
      else if (listing !== "vanished") this.#take(directory, listing, reading.files);
    } catch (error) {
      if (directory === ROOT) throw error;
      this.#skip(this.#tree.path(directory), codeOf(error));
    } finally {
      if (directory === ROOT && reading.opened) this.found = true;
      if (!this.#isOver) this.#reading.delete(directory);
    }
  }

  #keptContents(directory: number): KeptContents | undefined {
    const before = this.#tree.before(directory);
    if (this.#kept === undefined || before === undefined) return undefined;
    return { files: this.#kept.tree.files(before), directories: this.#kept.tree.childCount(before) };
  }

  #take(directory: number, listing: Listing, files: number): void {
    const { mark, id, handle, markedAt, changedAt, skipped } = listing;
    const directories =
      directory === ROOT
        ? listing.directories.filter(({ name }) => !name.startsWith(TEMPORARY_PREFIX))
        : listing.directories;
    const settled = skipped.length === 0 && markedAt - changedAt >= this.#settlingTime;
    const before = this.#tree.before(directory);
    this.#tree.set(directory, { files, mark, id, handle, settled, checked: this.#readAll });
    const first = directories.length === 0 ? 0 : this.#tree.addChildren(directory, directories.map(nameOf));
    this.#add(directory, files);
    this.#pending.push(first, directories.length);
    for (const { name, code } of skipped) this.#skip(`${this.#tree.path(directory)}/${name}`, code);
    if (this.#kept === undefined || before === undefined) return;
    const { tree: kept, startedAt } = this.#kept;
    const keptNames = matchChildren(kept, before, this.#tree, first, directories);
    if (kept.id(before) !== id) return;
    const isChanged = kept.mark(before) !== mark;
    if (isChanged) this.#changed.push(directory);
    if (!kept.isSettled(before)) return;
    if (isChanged) {
      if (changedAt < startedAt - this.#settlingTime) this.#clockIsBehind = true;
      return;
    }
    const agrees =
      kept.files(before) === files && keptNames === directories.length && keptNames === kept.childCount(before);
    if (this.#readAll && settled && !agrees) this.#suspects.push({ directory, before });
  }

  /** Nothing is wrong with a directory that has changed while it was read. */
  async compareSuspects(): Promise<void> {
    for (const { directory, before } of this.#suspects) {
      if (this.#kept === undefined || this.#isOver) return;
      const [unchanged] = await this.#directories.areUnchanged(this.#kept.tree, [before]);
      if (unchanged !== true) continue;
      this.#wrongCount += 1;
      if (this.#wrong.length < MAX_EXAMPLES) this.#wrong.push(toText(this.#tree.path(directory)));
    }
  }

  #add(directory: number, files: number): void {
    this.#files += files;
    const { path: largest, files: most } = this.#largest;
    if (files === 0 || files < most) return;
    const path = this.#tree.path(directory);
    if (files > most || path < largest) this.#largest = { path, files };
  }

  #skip(path: string, code: string): void {
    if (this.#isOver) return;
    this.#skipped += 1;
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push({ path: toText(path), code });
  }
}

/** Finds the directories of a listing in the tree of the last count. @returns how many names were in it. */
function matchChildren(
  kept: DirectoryTree,
  before: number,
  tree: DirectoryTree,
  first: number,
  found: readonly FoundDirectory[],
): number {
  if (found.length === 0) return 0;
  const keptFirst = kept.firstChild(before);
  const keptByName = new Map<string, number>();
  for (let child = keptFirst; child < keptFirst + kept.childCount(before); child++)
    keptByName.set(kept.name(child), child);
  let names = 0;
  for (const [index, { name, id }] of found.entries()) {
    const child = keptByName.get(name);
    if (child === undefined) continue;
    names += 1;
    if (id === undefined || id === kept.id(child)) tree.setBefore(first + index, child);
  }
  return names;
}

/**
 * The directories found but not read yet, last in, first out: taking the newest first walks the tree depth-first, so
 * what waits is the siblings along the paths being read, not a whole level of the tree.
 */
class PendingDirectories {
  readonly #siblings: { next: number; readonly end: number }[] = [];

  get isEmpty(): boolean {
    return this.#siblings.length === 0;
  }

  push(first: number, count: number): void {
    if (count > 0) this.#siblings.push({ next: first, end: first + count });
  }

  pop(): number | undefined {
    const siblings = this.#siblings.at(-1);
    if (siblings === undefined) return undefined;
    if (siblings.next + 1 === siblings.end) this.#siblings.pop();
    return siblings.next++;
  }
}

function nameOf({ name }: FoundDirectory): string {
  return name;
}

/** Resolves when `signal` aborts, unless `stopListening` does so first. */
function aborted(signal: AbortSignal, stopListening: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true, signal: stopListening });
  });
}

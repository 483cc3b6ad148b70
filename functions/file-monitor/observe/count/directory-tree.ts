/**
 * All directories below the one that is counted, with what a count has seen in each: what one count keeps for the next.
 *
 * There can be millions, so they are records of 48 bytes in one buffer, beside their names and handles. A directory is
 * the number of its record. Those in the same directory follow each other, and a directory comes before all below it.
 */

/** The directory that is counted. */
export const ROOT = 0;

/** What a count has seen of a directory. */
export interface SeenDirectory {
  /** Entries that are no directories. */
  readonly files: number;
  /** Differs after every change to the entries, but for changes at about the time when it was read. */
  readonly mark: bigint;
  /** The inode number. */
  readonly id: bigint;
  /** The file handle, over NFS. */
  readonly handle?: Buffer | undefined;
  /** Whether any later change gives another mark. Otherwise the directory counts as changed. */
  readonly settled: boolean;
  /** Whether a full count that is not complete yet has read it: the next one goes on with the others. Default false. */
  readonly checked?: boolean;
}

/** Where in a record, in words of 32 bits. */
const PARENT = 0;
const FIRST_CHILD = 1;
const CHILD_COUNT = 2;
const FILES = 3;
/** Bits: {@link SETTLED} and {@link CHECKED}. */
const FLAGS = 4;
/** Where the name begins among the names; it ends where the next directory's begins. */
const NAME = 5;
/** Two words, as is ID. */
const MARK = 6;
const ID = 8;
/** Where the handle is among the handles, with its length in the byte before; 0 for none. */
const HANDLE = 10;
/** The same directory in the tree of the last count, plus one; 0 for none. */
const BEFORE = 11;

const WORDS = 12;

const SETTLED = 1;
const CHECKED = 2;

export class DirectoryTree {
  #size = 0;
  #words = new Uint32Array(64 * WORDS);
  /** The same bytes. */
  #longs = new BigUint64Array(this.#words.buffer);
  readonly #names = new Bytes();
  readonly #handles = new Bytes();

  /** A tree whose root has not been seen. */
  constructor() {
    this.#handles.add(Buffer.of(0));
    this.#allocate(1);
  }

  get size(): number {
    return this.#size;
  }

  parent(directory: number): number {
    return this.#word(directory, PARENT);
  }

  firstChild(directory: number): number {
    return this.#word(directory, FIRST_CHILD);
  }

  childCount(directory: number): number {
    return this.#word(directory, CHILD_COUNT);
  }

  files(directory: number): number {
    return this.#word(directory, FILES);
  }

  isSettled(directory: number): boolean {
    return (this.#word(directory, FLAGS) & SETTLED) !== 0;
  }

  isChecked(directory: number): boolean {
    return (this.#word(directory, FLAGS) & CHECKED) !== 0;
  }

  mark(directory: number): bigint {
    return this.#longs[(directory * WORDS + MARK) / 2] ?? 0n;
  }

  id(directory: number): bigint {
    return this.#longs[(directory * WORDS + ID) / 2] ?? 0n;
  }

  handle(directory: number): Buffer | undefined {
    const at = this.#word(directory, HANDLE);
    if (at === 0) return undefined;
    return this.#handles.slice(at, at + (this.#handles.slice(at - 1, at)[0] ?? 0));
  }

  /** The same directory in the tree of the last count. */
  before(directory: number): number | undefined {
    const before = this.#word(directory, BEFORE);
    return before === 0 ? undefined : before - 1;
  }

  /** A byte string; "" is the root's. */
  name(directory: number): string {
    return this.nameBytes(directory).toString("latin1");
  }

  nameBytes(directory: number): Buffer {
    return this.#names.slice(this.#nameStart(directory), this.#nameStart(directory + 1));
  }

  /** A byte string: "" is the root's, others begin with "/". */
  path(directory: number): string {
    let path = "";
    for (let at = directory; at !== ROOT; at = this.parent(at)) path = `/${this.name(at)}${path}`;
    return path;
  }

  /** Puts down what was seen of a directory, but for the directories in it. */
  set(directory: number, { files, mark, id, handle, settled, checked = false }: SeenDirectory): void {
    const at = directory * WORDS;
    this.#words[at + FILES] = files;
    this.#words[at + FLAGS] = (settled ? SETTLED : 0) | (checked ? CHECKED : 0);
    this.#longs[(at + MARK) / 2] = mark;
    this.#longs[(at + ID) / 2] = id;
    if (handle === undefined) return;
    this.#words[at + HANDLE] = this.#handles.add(Buffer.of(handle.length)) + 1;
    this.#handles.add(handle);
  }

  /** The full count is complete: the next one checks every directory again. */
  uncheckAll(): void {
    for (let at = FLAGS; at < this.#size * WORDS; at += WORDS) this.#words[at] = (this.#words[at] ?? 0) & ~CHECKED;
  }

  setBefore(directory: number, before: number): void {
    this.#words[directory * WORDS + BEFORE] = before + 1;
  }

  /** Adds the directories that are in one that has none yet, in this order. @returns the first of them. */
  addChildren(parent: number, names: readonly string[]): number {
    const first = this.#allocateIn(parent, names.length);
    for (const [index, name] of names.entries()) {
      this.#words[(first + index) * WORDS + NAME] = this.#names.add(Buffer.from(name, "latin1"));
    }
    return first;
  }

  /** Takes a directory over as it is in the tree of the last count, with the names of those in it. */
  adopt(directory: number, kept: DirectoryTree, before: number): void {
    const handle = kept.handle(before);
    const [files, mark, id] = [kept.files(before), kept.mark(before), kept.id(before)];
    const [settled, checked] = [kept.isSettled(before), kept.isChecked(before)];
    this.set(directory, { files, mark, id, handle, settled, checked });
    const [keptFirst, count] = [kept.firstChild(before), kept.childCount(before)];
    if (count === 0) return;
    const first = this.#allocateIn(directory, count);
    const keptNames = kept.#nameStart(keptFirst);
    const names = this.#names.add(kept.#names.slice(keptNames, kept.#nameStart(keptFirst + count)));
    for (let index = 0; index < count; index++) {
      this.#words[(first + index) * WORDS + NAME] = names + kept.#nameStart(keptFirst + index) - keptNames;
      this.setBefore(first + index, keptFirst + index);
    }
  }

  #allocateIn(parent: number, count: number): number {
    const first = this.#allocate(count);
    this.#words[parent * WORDS + FIRST_CHILD] = first;
    this.#words[parent * WORDS + CHILD_COUNT] = count;
    for (let child = first; child < first + count; child++) this.#words[child * WORDS + PARENT] = parent;
    return first;
  }

  #allocate(count: number): number {
    const first = this.#size;
    this.#size += count;
    if (this.#size * WORDS > this.#words.length) {
      const larger = new Uint32Array(Math.max(this.#size, Math.ceil((this.#words.length / WORDS) * GROWTH)) * WORDS);
      larger.set(this.#words);
      this.#words = larger;
      this.#longs = new BigUint64Array(larger.buffer);
    }
    return first;
  }

  #nameStart(directory: number): number {
    return directory < this.#size ? this.#word(directory, NAME) : this.#names.length;
  }

  #word(directory: number, word: number): number {
    return this.#words[directory * WORDS + word] ?? 0;
  }
}

const GROWTH = 1.5;

/** Bytes that others are added behind. */
class Bytes {
  length = 0;
  #buffer = Buffer.allocUnsafeSlow(256);

  /** @returns where they begin. */
  add(bytes: Uint8Array): number {
    const at = this.length;
    this.length += bytes.length;
    if (this.length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.length, Math.ceil(this.#buffer.length * GROWTH)));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, at);
    return at;
  }

  /** A view: what was added stays as it is. */
  slice(start: number, end: number): Buffer {
    return this.#buffer.subarray(start, end);
  }
}

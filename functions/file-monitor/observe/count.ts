/**
 * How many files there are below a directory.
 *
 * Counted is every entry that is not a directory: regular files, symbolic links (not followed), sockets, and so on,
 * as `find DIRECTORY ! -type d | wc -l` does. The temporary files of atomic writes (`.nfs-tmp-…`) count too: they are
 * entries like any other while they are there, there are never more than in-flight writes, and orphaned ones are a load
 * that should show.
 *
 * Memory does not grow with the number of files: a large directory is read in batches, and only the names of
 * directories are kept (see pending-directories.ts). Names need not be UTF-8: paths are byte strings (byte-strings.ts).
 */
import * as fs from "node:fs";
import { lstat, opendir, readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { toByteString, toText } from "./byte-strings.ts";
import { DirectoryNames, PendingDirectories } from "./pending-directories.ts";

export interface CountOptions {
  /** How many directories are read at once. */
  readonly concurrency: number;
  /** When it aborts, the count ends with what was counted so far. */
  readonly signal: AbortSignal;
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

/** The directory to count can't be read at all. */
export class CountError extends Error {
  override readonly name = "CountError";
}

/**
 * Counts the files below `root`. What vanishes while it counts is not an error.
 *
 * @throws {CountError} when `root` itself is missing, can't be read, or was not opened before the signal aborted.
 */
export async function countFiles(root: string, options: CountOptions): Promise<Count> {
  const walk = new Walk(toByteString(root), options);
  const isOver = new AbortController();
  const timeIsUp = aborted(options.signal, isOver.signal);
  try {
    const rootRead = walk.readRoot().catch((cause: Error) => {
      throw new CountError(`${root} can't be read: ${cause.message}`, { cause });
    });
    await Promise.race([rootRead, timeIsUp]);
    if (!walk.rootOpened) throw new CountError(`${root} was not opened in the time for counting`);
    await Promise.race([walk.readAllPending(), timeIsUp]);
    return walk.finish();
  } finally {
    isOver.abort();
  }
}

/** Called for every directory; that of node:fs/promises costs more. */
const stat = promisify(fs.stat);

/**
 * The largest directory that is read at once, in its own bytes, which most file systems report: Amazon EFS as the
 * space used ("Metering: how Amazon EFS reports file system and object sizes"), ext4, XFS and tmpfs as the size.
 */
const MAX_BYTES_READ_AT_ONCE = 32 * 1024;
/** An entry takes at least 12 bytes on ext4, 16 on XFS, 20 on tmpfs: more entries than this cannot be in so few bytes. */
const MAX_ENTRIES_READ_AT_ONCE = 8192;
/** What `blocks` of a stat counts in. */
const BLOCK_BYTES = 512;

const ENTRIES_IN_A_BATCH = 256;
const MAX_EXAMPLES = 20;

/** Errors that mean an entry went away after its name was read. */
const VANISHED = new Set(["ENOENT", "ENOTDIR"]);
/**
 * The error of a listing with types where the file system did not give them all. It need not: over NFS, some pages of a
 * large directory come without. Node.js then stats each entry during the read, which fails for a path in bytes.
 */
const TYPE_MISSING = "ERR_INVALID_ARG_TYPE";

/** A directory being read; its path is relative to the root, "" or with a leading "/". */
interface Reading {
  readonly path: string;
  files: number;
}

class Walk {
  rootOpened = false;
  readonly #root: string;
  readonly #concurrency: number;
  readonly #pending = new PendingDirectories();
  readonly #reading = new Set<Reading>();
  readonly #examples: { path: string; code: string }[] = [];
  #files = 0;
  #skipped = 0;
  #largest: Reading = { path: "", files: 0 };
  #finished = false;
  /** False once a small size belonged to a directory with many entries: its size says nothing on this file system. */
  #sizesAreReliable = true;

  constructor(root: string, { concurrency }: CountOptions) {
    this.#root = root;
    this.#concurrency = concurrency;
  }

  /** Reads directories, several at once, until none is left. */
  readAllPending(): Promise<void> {
    return new Promise((resolve) => {
      const readMore = () => {
        while (!this.#finished && this.#reading.size < this.#concurrency) {
          const path = this.#pending.pop();
          if (path === undefined) break;
          this.#read(path, (error) => this.#giveUp(path, error)).then(readMore);
        }
        if (this.#reading.size === 0) resolve();
      };
      readMore();
    });
  }

  readRoot(): Promise<void> {
    return this.#read("", (error) => Promise.reject(error));
  }

  /** Reads one directory: its files are counted, its directories wait to be read. */
  async #read(path: string, giveUp: (error: unknown) => Promise<void>): Promise<void> {
    const reading: Reading = { path, files: 0 };
    this.#reading.add(reading);
    try {
      this.#pending.push(path, await this.#list(reading));
      this.#add(reading);
    } catch (error) {
      reading.files = 0;
      await giveUp(error);
    } finally {
      this.#reading.delete(reading);
    }
  }

  /** The result; what is still being read counts as far as it got. */
  finish(): Count {
    const complete = this.#reading.size === 0 && this.#pending.isEmpty;
    for (const reading of this.#reading) this.#add(reading);
    this.#finished = true;
    return {
      files: this.#files,
      complete,
      largestDirectory: { path: toText(this.#largest.path), files: this.#largest.files },
      skipped: { count: this.#skipped, examples: this.#examples },
    };
  }

  #add(reading: Reading): void {
    if (this.#finished) return;
    this.#files += reading.files;
    const isLarger =
      reading.files > this.#largest.files ||
      (reading.files === this.#largest.files && reading.path < this.#largest.path);
    if (isLarger) this.#largest = { ...reading };
  }

  /** A directory that can't be read has become a file, or vanished, or is skipped. */
  async #giveUp(path: string, error: unknown): Promise<void> {
    const isFile = codeOf(error) === "ENOTDIR" && (await this.#exists(path));
    if (!isFile) this.#skip(path, error);
    else if (!this.#finished) this.#files += 1;
  }

  async #exists(path: string): Promise<boolean> {
    try {
      await lstat(this.#bytes(path));
      return true;
    } catch {
      return false;
    }
  }

  #skip(path: string, error: unknown): void {
    const code = codeOf(error);
    if (this.#finished || VANISHED.has(code)) return;
    this.#skipped += 1;
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push({ path: toText(path), code });
  }

  async #list(reading: Reading): Promise<DirectoryNames> {
    const path = this.#bytes(reading.path);
    return (await this.#isSmall(path))
      ? await this.#listAtOnce(path, reading)
      : await this.#listInBatches(path, reading);
  }

  /** On NFS this rarely costs a round trip: Linux asks for the attributes together with the names. */
  async #isSmall(path: Buffer): Promise<boolean> {
    if (!this.#sizesAreReliable) return false;
    const { size, blocks } = await stat(path);
    const bytes = Math.max(size, blocks * BLOCK_BYTES);
    return bytes > 0 && bytes <= MAX_BYTES_READ_AT_ONCE;
  }

  /**
   * For a small directory, about half the work of {@link #listInBatches}. The entries are counted in the callback:
   * with a promise of them they stay in memory for longer, a fifth more at the peak.
   */
  #listAtOnce(path: Buffer, reading: Reading): Promise<DirectoryNames> {
    return new Promise((resolve, reject) => {
      fs.readdir(path, { encoding: "latin1", withFileTypes: true }, (error, entries) => {
        if (error === null) resolve(this.#take(entries, reading));
        else if (codeOf(error) === TYPE_MISSING) resolve(this.#listByName(path, reading));
        else reject(error);
      });
    });
  }

  #take(entries: readonly fs.Dirent[], reading: Reading): DirectoryNames {
    this.rootOpened = true;
    if (entries.length > MAX_ENTRIES_READ_AT_ONCE) this.#sizesAreReliable = false;
    const directories = new DirectoryNames();
    for (const entry of entries) {
      if (entry.isDirectory()) directories.add(entry.name);
      else reading.files += 1;
    }
    return directories;
  }

  async #listInBatches(path: Buffer, reading: Reading): Promise<DirectoryNames> {
    const directory = await opendir(path, { encoding: "latin1", bufferSize: ENTRIES_IN_A_BATCH });
    this.rootOpened = true;
    try {
      return await this.#listByType(directory, reading);
    } catch {
      // A type was missing, as a rule. Any other error occurs again.
      reading.files = 0;
      return await this.#listByName(path, reading);
    } finally {
      directory.closeSync();
    }
  }

  /**
   * Waits for a batch at a time: what readSync returns is in memory already. Only where the directory ends before the
   * batch is full does readSync ask the system, which then knows that it has ended.
   */
  async #listByType(directory: fs.Dir, reading: Reading): Promise<DirectoryNames> {
    const directories = new DirectoryNames();
    while (!this.#finished) {
      let entry = await directory.read();
      for (let read = 1; entry !== null; read++) {
        if (entry.isDirectory()) directories.add(entry.name);
        else reading.files += 1;
        if (read === ENTRIES_IN_A_BATCH) break;
        entry = directory.readSync();
      }
      if (entry === null) break;
    }
    return directories;
  }

  async #listByName(path: Buffer, reading: Reading): Promise<DirectoryNames> {
    const directories = new DirectoryNames();
    const names = (await readdir(path, { encoding: "latin1" })).values();
    this.rootOpened = true;
    const statEach = async () => {
      for (const name of names) {
        if (this.#finished) return;
        const entry = `${reading.path}/${name}`;
        try {
          if ((await lstat(this.#bytes(entry))).isDirectory()) directories.add(name);
          else reading.files += 1;
        } catch (error) {
          this.#skip(entry, error);
        }
      }
    };
    await Promise.all(Array.from({ length: this.#concurrency }, statEach));
    return directories;
  }

  #bytes(path: string): Buffer {
    return Buffer.from(this.#root + path, "latin1");
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
}

/** Resolves when `signal` aborts, unless `stopListening` does so first. */
function aborted(signal: AbortSignal, stopListening: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true, signal: stopListening });
  });
}

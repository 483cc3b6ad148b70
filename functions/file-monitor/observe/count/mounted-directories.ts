/**
 * Directories through a mount.
 *
 * Memory does not grow with the number of files: a large directory is read in batches, and only the names of directories
 * are kept. Names need not be UTF-8: paths are byte strings (byte-strings.ts).
 *
 * The mark of a directory is its ctime, which moves whenever the mtime does, and which no program can set.
 */
import * as fs from "node:fs";
import { lstat, opendir, readdir } from "node:fs/promises";
import { toByteString } from "./byte-strings.ts";
import { codeOf, type Directories, type Listing, type Reading, type SkippedEntry } from "./directories.ts";
import { type DirectoryTree, ROOT } from "./directory-tree.ts";

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

/** How many directories are looked at in one go: as a promise for each would cost more than the look itself. */
const LOOKS_IN_A_BATCH = 32;

/** Errors that mean an entry went away after its name was read. */
const VANISHED = new Set(["ENOENT", "ENOTDIR"]);
/**
 * The error of a listing with types where the file system did not give them all. It need not: over NFS, some pages of a
 * large directory come without. Node.js then stats each entry during the read, which fails for a path in bytes.
 */
const TYPE_MISSING = "ERR_INVALID_ARG_TYPE";

/** The names and the skipped entries of a directory; its files are in the {@link Reading}. */
interface Names {
  readonly directories: { readonly name: string }[];
  readonly skipped: SkippedEntry[];
}

export class MountedDirectories implements Directories {
  readonly name: string;
  readonly batch = LOOKS_IN_A_BATCH;
  /** A byte string. */
  readonly #root: string;
  /** Entries of unknown type that are looked at at once. */
  readonly #concurrency: number;
  /** Ends what is being read. */
  readonly #signal: AbortSignal;
  /** False once a small size belonged to a directory with many entries: its size says nothing on this file system. */
  #sizesAreReliable = true;

  constructor(root: string, { concurrency, signal }: { readonly concurrency: number; readonly signal: AbortSignal }) {
    this.name = root;
    this.#root = toByteString(root);
    this.#concurrency = concurrency;
    this.#signal = signal;
  }

  async list(tree: DirectoryTree, directory: number, reading: Reading): Promise<Listing | "vanished" | "file"> {
    const path = this.#root + tree.path(directory);
    try {
      const bytes = bytesOf(path);
      const markedAt = Date.now();
      const stats = await look(bytes);
      const { directories, skipped } = this.#isSmall(stats)
        ? await this.#listAtOnce(path, reading)
        : await this.#listInBatches(path, reading);
      return { ...marked(stats), markedAt, changedAt: stats.ctimeMs, directories, skipped };
    } catch (error) {
      if (directory === ROOT) throw error;
      if (codeOf(error) === "ENOTDIR" && (await exists(path))) return "file";
      if (VANISHED.has(codeOf(error))) return "vanished";
      throw error;
    }
  }

  areUnchanged(kept: DirectoryTree, directories: readonly number[]): Promise<boolean[]> {
    return new Promise((resolve) => {
      const unchanged = directories.map(() => false);
      let waiting = directories.length;
      for (const [index, directory] of directories.entries()) {
        fs.stat(bytesOf(this.#root + kept.path(directory)), (error, stats) => {
          if (error === null) {
            const { mark, id } = marked(stats);
            unchanged[index] = mark === kept.mark(directory) && id === kept.id(directory);
          }
          waiting -= 1;
          if (waiting === 0) resolve(unchanged);
        });
      }
    });
  }

  /** On NFS the look rarely costs a round trip: Linux asks for the attributes together with the names. */
  #isSmall({ size, blocks }: fs.Stats): boolean {
    const bytes = Math.max(size, blocks * BLOCK_BYTES);
    return this.#sizesAreReliable && bytes > 0 && bytes <= MAX_BYTES_READ_AT_ONCE;
  }

  /**
   * For a small directory, about half the work of {@link #listInBatches}. The entries are counted in the callback:
   * with a promise of them they stay in memory for longer, a fifth more at the peak.
   */
  #listAtOnce(path: string, reading: Reading): Promise<Names> {
    return new Promise((resolve, reject) => {
      fs.readdir(bytesOf(path), { encoding: "latin1", withFileTypes: true }, (error, entries) => {
        if (error === null) resolve(this.#take(entries, reading));
        else if (codeOf(error) === TYPE_MISSING) resolve(this.#listByName(path, reading));
        else reject(error);
      });
    });
  }

  #take(entries: readonly fs.Dirent[], reading: Reading): Names {
    reading.opened = true;
    if (entries.length > MAX_ENTRIES_READ_AT_ONCE) this.#sizesAreReliable = false;
    const directories: Names["directories"] = [];
    for (const entry of entries) {
      if (entry.isDirectory()) directories.push({ name: entry.name });
      else reading.files += 1;
    }
    return { directories, skipped: [] };
  }

  async #listInBatches(path: string, reading: Reading): Promise<Names> {
    const directory = await opendir(bytesOf(path), { encoding: "latin1", bufferSize: ENTRIES_IN_A_BATCH });
    reading.opened = true;
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
  async #listByType(directory: fs.Dir, reading: Reading): Promise<Names> {
    const directories: Names["directories"] = [];
    while (!this.#signal.aborted) {
      let entry = await directory.read();
      for (let read = 1; entry !== null; read++) {
        if (entry.isDirectory()) directories.push({ name: entry.name });
        else reading.files += 1;
        if (read === ENTRIES_IN_A_BATCH) break;
        entry = directory.readSync();
      }
      if (entry === null) break;
    }
    return { directories, skipped: [] };
  }

  async #listByName(path: string, reading: Reading): Promise<Names> {
    const found: Names = { directories: [], skipped: [] };
    const names = (await readdir(bytesOf(path), { encoding: "latin1" })).values();
    reading.opened = true;
    const lookAtEach = async () => {
      for (const name of names) {
        if (this.#signal.aborted) return;
        try {
          if ((await lstat(bytesOf(`${path}/${name}`))).isDirectory()) found.directories.push({ name });
          else reading.files += 1;
        } catch (error) {
          if (!VANISHED.has(codeOf(error))) found.skipped.push({ name, code: codeOf(error) });
        }
      }
    };
    await Promise.all(Array.from({ length: this.#concurrency }, lookAtEach));
    return found;
  }
}

const MICROSECONDS = 1000;

function marked({ ctimeMs, ino }: fs.Stats) {
  return { mark: BigInt(Math.round(ctimeMs * MICROSECONDS)), id: BigInt(ino) };
}

/** Called for every directory; that of node:fs/promises costs more. */
function look(path: Buffer): Promise<fs.Stats> {
  return new Promise((resolve, reject) => {
    fs.stat(path, (error, stats) => (error === null ? resolve(stats) : reject(error)));
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(bytesOf(path));
    return true;
  } catch {
    return false;
  }
}

function bytesOf(path: string): Buffer {
  return Buffer.from(path, "latin1");
}

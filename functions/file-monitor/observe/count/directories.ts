import type { DirectoryTree, SeenDirectory } from "./directory-tree.ts";

/** Where directories are read: through a mount, or over NFS. */
export interface Directories {
  /** The directory to count, as people know it. */
  readonly name: string;
  /** How many directories {@link areUnchanged} takes at once. */
  readonly batch: number;
  /**
   * Reads a directory of `tree`.
   *
   * @param reading grows while it is read.
   * @param kept what was in the same directory at the last count.
   * @throws {Error} with a `code`, when it can't be read; for the root also when it is missing or a file.
   */
  list(
    tree: DirectoryTree,
    directory: number,
    reading: Reading,
    kept: KeptContents | undefined,
  ): Promise<Listing | "vanished" | "file">;
  /** Whether directories of the tree of the last count are the same and have the same marks. */
  areUnchanged(kept: DirectoryTree, directories: readonly number[]): Promise<boolean[]>;
}

export interface KeptContents {
  readonly files: number;
  readonly directories: number;
}

/** How far a directory has been read. */
export interface Reading {
  opened: boolean;
  files: number;
}

/** What is in a directory. Its files are in the {@link Reading}. */
export interface Listing extends Pick<SeenDirectory, "mark" | "id" | "handle"> {
  /** When the mark was asked for, by our clock, in milliseconds since 1970. */
  readonly markedAt: number;
  /** When the directory last changed before that, by the file system's clock, in milliseconds since 1970. */
  readonly changedAt: number;
  readonly directories: readonly FoundDirectory[];
  /** Entries that could not be looked at. */
  readonly skipped: readonly SkippedEntry[];
}

export interface FoundDirectory {
  /** A byte string. */
  readonly name: string;
  /** The inode number, where it came with the name. */
  readonly id?: bigint | undefined;
}

export interface SkippedEntry {
  readonly name: string;
  readonly code: string;
}

/** Why a directory could not be read. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
}

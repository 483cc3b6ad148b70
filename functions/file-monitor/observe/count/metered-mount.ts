/**
 * What Amazon EFS meters of directories that are read through a mount.
 *
 * The kernel sends the COMPOUNDs, and nobody here sees them. So they are taken to be those of Linux's NFSv4.1 client: for
 * a look GETATTR, with a LOOKUP where the kernel has forgotten the name; for a listing READDIR, perhaps after ACCESS and
 * GETATTR.
 */
import { type MeteredBounds, meteredBytes, NOTHING } from "@efs-mount-autoscaling/metering";
import type { Directories, KeptContents, Listing, Reading } from "./directories.ts";
import type { DirectoryTree } from "./directory-tree.ts";

/** Bytes of an entry in a reply to READDIR, with the attributes that Linux asks for and a file handle of 128 bytes. */
const ENTRY_BYTES = 256;

/** What is metered of an operation that brings little. */
const OPERATION = meteredBytes("metadata-read", 0);

export class MeteredMount implements Directories {
  readonly #directories: Directories;
  #looks = 0;
  #listings = 0;
  /** As READDIR is metered. */
  #listedBytes = 0;

  constructor(directories: Directories) {
    this.#directories = directories;
  }

  get name(): string {
    return this.#directories.name;
  }

  get batch(): number {
    return this.#directories.batch;
  }

  /** So far. */
  get metered(): MeteredBounds {
    const lower = this.#looks * OPERATION + this.#listedBytes;
    const upper = lower + (this.#looks + 2 * this.#listings) * OPERATION;
    return { lower: { ...NOTHING, "metadata-read": lower }, upper: { ...NOTHING, "metadata-read": upper } };
  }

  async list(
    tree: DirectoryTree,
    directory: number,
    reading: Reading,
    kept: KeptContents | undefined,
  ): Promise<Listing | "vanished" | "file"> {
    this.#looks += 1;
    const listing = await this.#directories.list(tree, directory, reading, kept);
    if (typeof listing === "string") return listing;
    this.#listings += 1;
    this.#listedBytes += meteredBytes("metadata-read", (reading.files + listing.directories.length) * ENTRY_BYTES);
    return listing;
  }

  areUnchanged(kept: DirectoryTree, directories: readonly number[]): Promise<boolean[]> {
    this.#looks += directories.length;
    return this.#directories.areUnchanged(kept, directories);
  }
}

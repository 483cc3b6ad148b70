import type { Readable } from "node:stream";
import type { FileError } from "../errors.ts";
import type { Files, OperationOptions } from "../files.ts";

/** What the routers of a service do beyond {@link Files}. */
export interface RemoteFiles extends Files {
  /**
   * What changes, through whichever router, as it happens; from the time on at which the iteration begins, or after a
   * change that is known. Each change comes at least once, and those of one path in their order. Where the connection is
   * lost, it goes on over another one. It ends when the caller leaves the loop, or aborts.
   *
   * Rejects with `ENOENT` where the service has its change feed off.
   */
  changes(options?: ChangesOptions): AsyncIterable<Change>;

  /** A directory with all that is below it, as an archive, which is made while it is read. */
  createArchiveStream(path: string, options?: ArchiveOptions): Readable;

  /**
   * Writes the files of an archive below a directory, which is made where it is missing. Each is written as
   * `writeFile` does; what failed is in `failures`, and all else was written.
   */
  extract(path: string, archive: Uint8Array | AsyncIterable<Uint8Array>, options?: ExtractOptions): Promise<Extracted>;
}

export interface ChangesOptions extends Pick<OperationOptions, "signal"> {
  /** Only paths that begin with it, for example `logs/2026/`. Default: all. */
  readonly prefix?: string | undefined;
  /** The `id` to go on after. The service knows those of the last 15 minutes, unless it is configured otherwise. */
  readonly after?: string | undefined;
  /** Milliseconds without a sign of the service, which sends one every 15 seconds. Default 120,000. */
  readonly timeout?: number | undefined;
}

interface At {
  /** Where to go on. */
  readonly id: string;
}

interface ChangeOfPath extends At {
  readonly path: string;
  /** A later change of the path came before. */
  readonly superseded: boolean;
}

export type Change =
  | (ChangeOfPath & {
      readonly kind: "write" | "append";
      readonly etag: string;
      readonly size: number;
      readonly mtimeMs: number;
    })
  /** `uncertain`: it was perhaps changed; look at it. */
  | (ChangeOfPath & { readonly kind: "delete" | "uncertain" })
  /** The file monitor found other names in the directory, or with `recursive` below it, whoever changed them. */
  | (ChangeOfPath & { readonly kind: "directory-changed"; readonly recursive: boolean; readonly foundAtMs: number })
  /** What happened before is not known any more: list what you follow anew. */
  | (At & { readonly kind: "reset" })
  /** Nothing has changed. It comes first, and every 15 seconds without a change. */
  | (At & { readonly kind: "position" });

export interface ArchiveOptions extends OperationOptions {
  /** Default `tar`. */
  readonly format?: "tar" | "tar.gz" | "zip" | undefined;
}

export interface ExtractOptions extends OperationOptions {
  /** Default `tar`. */
  readonly format?: "tar" | "tar.gz" | undefined;
}

export interface Extracted {
  /** Written. */
  readonly files: number;
  /** Of the archive; they are there. */
  readonly directories: number;
  /** Of the files that were written. */
  readonly bytes: number;
  readonly failures: readonly { readonly name: string; readonly error: FileError }[];
}

/** What an operation did to a path, for those who follow the changes. */
import type { Changed, FileAttributes } from "nfs-client";

export type PathChange =
  | {
      readonly kind: "write" | "append";
      readonly path: string;
      /** The change attribute of the directory of `path`: see {@link Changed}. */
      readonly directoryChange: bigint;
      readonly fileId: bigint;
      /** The change attribute of the file. */
      readonly change: bigint;
      readonly size: number;
      readonly modifiedAt: number;
    }
  | { readonly kind: "delete"; readonly path: string; readonly directoryChange: bigint }
  /** The path was perhaps changed, and nobody knows how: whoever wants to know must look. */
  | { readonly kind: "uncertain"; readonly path: string };

/** Changes are recorded here. */
export interface PathChangeRecorder {
  /** Resolves when it is durable. Fails when it may not be recorded. */
  record(change: PathChange): Promise<void>;
}

/** A write or an append; `uncertain` where its place among the other changes of the path is not known. */
export function changeOf(
  kind: "write" | "append",
  path: string,
  { fileId, change, size, modifiedAt }: FileAttributes,
  { directoryChange }: Changed,
): PathChange {
  if (directoryChange === undefined) return { kind: "uncertain", path };
  return { kind, path, directoryChange, fileId, change, size, modifiedAt };
}

/** As {@link changeOf}. */
export function deletionOf(path: string, { directoryChange }: Changed): PathChange {
  return directoryChange === undefined ? { kind: "uncertain", path } : { kind: "delete", path, directoryChange };
}

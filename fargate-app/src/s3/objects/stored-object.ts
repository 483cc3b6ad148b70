/** An object as it is there. */
import { etagOf, type FileAttributes } from "nfs-client";
import type { ObjectPlace } from "../keys.ts";
import type { Description } from "./records.ts";

export interface StoredObject {
  readonly place: ObjectPlace;
  /** Of its file or directory. */
  readonly attributes: FileAttributes;
  /** Undefined for a file that was written by other means. */
  readonly description: Description | undefined;
}

/** Without its quotes. That of a file that was written by other means changes with every change of the file. */
export function etagOfObject({ attributes, description }: Pick<StoredObject, "attributes" | "description">): string {
  return description?.etag ?? etagOf(attributes);
}

/** Directories have no bytes. */
export function sizeOfObject({ attributes }: Pick<StoredObject, "attributes">): number {
  return attributes.type === "directory" ? 0 : attributes.size;
}

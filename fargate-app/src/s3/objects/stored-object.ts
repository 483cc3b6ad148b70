/** An object as it is stored. */
import { etagOf } from "nfs-client";
import type { ObjectPlace } from "../keys.ts";
import type { Described } from "./records.ts";

export interface StoredObject extends Described {
  readonly place: ObjectPlace;
}

/** Without its quotes. That of a file that was written by other means changes with every change of the file. */
export function etagOfObject({ attributes, description }: Pick<StoredObject, "attributes" | "description">): string {
  return description?.etag ?? etagOf(attributes);
}

/** Directories have no bytes. */
export function sizeOfObject({ attributes }: Pick<StoredObject, "attributes">): number {
  return attributes.type === "directory" ? 0 : attributes.size;
}

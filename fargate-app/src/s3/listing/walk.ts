/** The keys of a bucket in order, out of a tree of directories. */
import {
  type DirectoryPath,
  entryPath,
  type FilePath,
  PathError,
  type RoutedFiles,
} from "@efs-mount-autoscaling/routed-files";
import type { FileAttributes } from "nfs-client";
import { S3Error } from "../errors.ts";
import { bucketPath, compareKeys, placeOf } from "../keys.ts";
import type { Description, Records } from "../objects/records.ts";
import { isGone, statIfThere } from "../shared-files.ts";
import { Selection } from "./selection.ts";

/** What a listing sees: an object, or a directory that it need not enter, of whose keys each begins with `key`. */
export interface ListedKey {
  readonly key: string;
  readonly path: FilePath;
  readonly attributes: FileAttributes;
  /** Of a directory that is an object. */
  readonly description?: Description | undefined;
}

export interface WalkOptions {
  readonly bucket: string;
  /** What the keys are to begin with. */
  readonly prefix: string;
  /** The keys are to come after this one. */
  readonly after: string;
  /** Names that are read of a directory at once; more, when so many were not enough. */
  readonly atOnce: number;
  /** Whether the keys in a directory need not be seen, which each begin with this. */
  readonly isClosed: (directoryKey: string) => boolean;
}

interface Child extends Pick<ListedKey, "key" | "attributes"> {
  readonly name: string;
}

/**
 * The keys above `after`, in order. Each directory is read whole, once for each `atOnce` of its names that are wanted:
 * READDIR has no order. A directory sorts as its keys do: as its name with a `/`.
 */
export class KeyWalk {
  readonly #files: RoutedFiles;
  readonly #records: Records;
  readonly #options: WalkOptions;

  constructor(files: RoutedFiles, records: Records, options: WalkOptions) {
    this.#files = files;
    this.#records = records;
    this.#options = options;
  }

  async *keys(): AsyncGenerator<ListedKey> {
    const { bucket, prefix } = this.#options;
    const directoryKey = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    if (directoryKey === "") {
      yield* this.#children(bucketPath(bucket), "");
      return;
    }
    const path = pathOfDirectory(bucket, directoryKey);
    const attributes = path && (await statIfThere(this.#files, path));
    if (path === undefined || attributes?.type !== "directory") return;
    yield* this.#directory({ key: directoryKey, name: "", attributes }, path);
  }

  /** The key of the directory itself, where it is an object, and those in it. */
  async *#directory({ key, attributes }: Child, path: FilePath): AsyncGenerator<ListedKey> {
    const { prefix, after } = this.#options;
    const description = await this.#records.of(path, attributes);
    const isWanted = key.startsWith(prefix) && compareKeys(key, after) > 0;
    if (description !== undefined && isWanted) yield { key, path, attributes, description };
    yield* this.#children(path, key);
  }

  async *#children(path: DirectoryPath, directoryKey: string): AsyncGenerator<ListedKey> {
    const { atOnce, isClosed } = this.#options;
    for (let after = ""; ; ) {
      const items = await this.#select(path, directoryKey, after);
      for (const child of items) {
        const childPath = entryPath(path, child.name);
        if (child.attributes.type === "file" || isClosed(child.key)) yield { ...child, path: childPath };
        else yield* this.#directory(child, childPath);
      }
      const last = items.at(-1);
      if (last === undefined || items.length < atOnce) return;
      after = last.key;
    }
  }

  async #select(path: DirectoryPath, directoryKey: string, after: string): Promise<readonly Child[]> {
    const selection = new Selection<Child>(this.#options.atOnce, after);
    try {
      for await (const { name, attributes } of this.#files.list(path)) {
        const { type } = attributes;
        if (type !== "file" && type !== "directory") continue;
        const key = `${directoryKey}${name}${type === "directory" ? "/" : ""}`;
        if (this.#mayBeWanted(key, type)) selection.offer({ key, name, attributes });
      }
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    return selection.items;
  }

  #mayBeWanted(key: string, type: "file" | "directory"): boolean {
    const { prefix, after } = this.#options;
    if (!key.startsWith(prefix) && !(type === "directory" && prefix.startsWith(key))) return false;
    return compareKeys(key, after) > 0 || (type === "directory" && after.startsWith(key));
  }
}

/** Undefined for what no directory can be named. */
function pathOfDirectory(bucket: string, key: string): FilePath | undefined {
  try {
    return placeOf(bucket, key).path;
  } catch (error) {
    if (error instanceof PathError || error instanceof S3Error) return undefined;
    throw error;
  }
}

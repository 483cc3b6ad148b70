/**
 * What S3 keeps of an object besides its bytes. EFS has no extended attributes, so it is in a file of its own, in a
 * directory that no client is shown, named by the number of the object's file (its inode).
 *
 * The record is written before the object's file gets its name, so that both appear in one step; and it holds for one
 * file at one path with one size and time of modification, so that a file that others have replaced, changed or moved has
 * none. Records that are about nothing any more are removed with what they were about, or by the sweep.
 */
import {
  entryPath,
  type FilePath,
  filePath,
  ownFilePath,
  type RoutedFiles,
  type Sharing,
} from "@efs-mount-autoscaling/routed-files";
import { etagOf, type FileAttributes, isMissing, messageOf } from "nfs-client";
import type { Logger } from "pino";
import * as z from "zod";
import { ALGORITHM_NAMES } from "../checksums.ts";
import { readJson, readJsonOfMany, statIfThere } from "../shared-files.ts";

/** What HTTP allows for names and values of headers (RFC 9110 §5.1, §5.5): anything else could not be sent. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
export const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export const headersSchema = z.record(z.string().regex(HEADER_NAME), z.string().regex(HEADER_VALUE));

const description = z.object({
  /** Without its quotes: the MD5 of the bytes, or of the parts' MD5s with their number, as S3 has it. */
  etag: z.string(),
  /** What the sender said of the object: Content-Type, Cache-Control, …, by lower-case name. */
  headers: headersSchema.default({}),
  /** User metadata, by lower-case name without `x-amz-meta-`. */
  metadata: headersSchema.default({}),
  checksum: z
    .object({
      algorithm: z.enum(ALGORITHM_NAMES),
      value: z.string(),
      type: z.enum(["FULL_OBJECT", "COMPOSITE"]),
    })
    .optional(),
  /** The parts that the object was uploaded in; undefined where it was uploaded as one. */
  parts: z
    .object({
      /** In ascending order; undefined where they are 1, 2, 3, …. */
      numbers: z.array(z.number()).optional(),
      /** Bytes. */
      sizes: z.array(z.number()),
      /** Of each part, by the algorithm of the object's checksum, where it has one. */
      checksums: z.array(z.string()).optional(),
    })
    .optional(),
  /** The multipart upload that the object was made by. */
  uploadId: z.string().optional(),
});

export type Description = z.output<typeof description>;

const record = z.object({
  path: z.custom<FilePath>(isStoredPath),
  size: z.number(),
  modifiedAt: z.number(),
  description,
});

type StoredRecord = z.output<typeof record>;

export interface Described {
  readonly attributes: FileAttributes;
  /** Undefined for a file that was written by other means. */
  readonly description: Description | undefined;
}

/** How often a file may be replaced while its record is looked for. */
const ROUNDS = 3;

/** A record as the sweep sees it. */
export interface ListedRecord {
  readonly place: FilePath;
  /** Of the record. */
  readonly attributes: FileAttributes;
  /** What it is about; undefined where it cannot be read. */
  readonly path: FilePath | undefined;
}

/** What the S3 API keeps, in the served directory. */
export const STATE_DIRECTORY = ownFilePath("s3");

const RECORDS_DIRECTORY = entryPath(STATE_DIRECTORY, "records");

/** Directories that records are spread over. */
const SHARDS = 256;

/** Records that are read at once, many in a request to the mount target. */
export const RECORDS_AT_ONCE = 256;

/** Records that are removed in the background at once. */
const MAX_REMOVALS = 256;

export class Records {
  readonly #files: RoutedFiles;
  readonly #log: Logger;
  /** In the background. */
  readonly #removals = new Set<Promise<void>>();

  constructor(files: RoutedFiles, log: Logger) {
    this.#files = files;
    this.#log = log;
  }

  /** What is known of the file that has these attributes now. */
  async of(path: FilePath, attributes: FileAttributes, sharing: Sharing = {}): Promise<Description | undefined> {
    const kept = await this.#read(recordPath(attributes), sharing);
    return kept !== undefined && isAbout(kept, path, attributes) ? kept.description : undefined;
  }

  /**
   * What is at a path, with what is known of it: whoever replaces a file removes the record of the one before, so where
   * there is no record, it takes another look to tell that from a file that never had one.
   *
   * @param attributes Of what was there a moment ago.
   * @param files As whoever asks: they may look where the router may not.
   * @returns undefined where there is nothing any more.
   */
  async describe(
    path: FilePath,
    attributes: FileAttributes,
    files: RoutedFiles,
    sharing: Sharing = {},
  ): Promise<Described | undefined> {
    let found = attributes;
    for (let round = 0; ; round++) {
      const description = await this.of(path, found, sharing);
      if (description !== undefined || round === ROUNDS) return { attributes: found, description };
      const now = await statIfThere(files, path, sharing);
      if (now === undefined) return undefined;
      if (etagOf(now) === etagOf(found)) return { attributes: now, description };
      found = now;
    }
  }

  async write(path: FilePath, attributes: FileAttributes, description: Description): Promise<void> {
    const { size, modifiedAt } = attributes;
    const kept: StoredRecord = { path, size, modifiedAt, description };
    await this.#files.writeFile(recordPath(attributes), Buffer.from(JSON.stringify(kept)), undefined, {
      learnCreated: false,
    });
  }

  /** For files that are gone. What is left, the sweep removes. */
  remove(attributes: FileAttributes): Promise<void> {
    return this.removeAt(recordPath(attributes));
  }

  /** As {@link remove}, which nobody waits for, unless very many are being removed. */
  async removeInBackground(attributes: FileAttributes): Promise<void> {
    const removal: Promise<void> = this.remove(attributes).finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
    if (this.#removals.size > MAX_REMOVALS) await removal;
  }

  async removeAt(path: FilePath): Promise<void> {
    try {
      await this.#files.deleteFile(path);
    } catch (error) {
      if (!isMissing(error)) this.#log.debug({ err: error }, `A record of S3 stays: ${messageOf(error)}`);
    }
  }

  /** All there are, from one of the directories on that is chosen at random: who is interrupted begins elsewhere then. */
  async *all(): AsyncGenerator<ListedRecord> {
    const first = Math.floor(Math.random() * SHARDS);
    for (let index = 0; index < SHARDS; index++) yield* this.#inShard((first + index) % SHARDS);
  }

  async *#inShard(shard: number): AsyncGenerator<ListedRecord> {
    try {
      for await (const { name, attributes } of this.#files.list(shardPath(shard))) {
        const place = entryPath(shardPath(shard), name);
        yield { place, attributes, path: (await this.#read(place))?.path };
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  async #read(path: FilePath, { together = false }: Sharing = {}): Promise<StoredRecord | undefined> {
    if (together) return readJsonOfMany(this.#files, path, record);
    return (await readJson(this.#files, path, record))?.content;
  }
}

/** In its one spelling, of an object or of a part of an upload: whoever can write to the file system can write anything. */
function isStoredPath(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const own = `${STATE_DIRECTORY}/`;
  const path = value.startsWith(own) ? value.slice(own.length) : value;
  try {
    return filePath(path) === path;
  } catch {
    return false;
  }
}

/** The size and the time of a directory change with its entries. */
function isAbout(kept: StoredRecord, path: FilePath, { type, size, modifiedAt }: FileAttributes): boolean {
  if (kept.path !== path) return false;
  return type === "directory" || (kept.size === size && kept.modifiedAt === modifiedAt);
}

/**
 * Servers give the number of a file that is gone to another one, perhaps at once: with its time and size, the name of a
 * record is never that of another file's.
 */
export function recordPath({ type, fileId, size, modifiedAt }: FileAttributes): FilePath {
  const version = type === "directory" ? type : `${Math.round(modifiedAt * 1_000).toString(16)}-${size.toString(16)}`;
  return entryPath(shardPath(Number(fileId % BigInt(SHARDS))), `${fileId.toString(16)}-${version}`);
}

function shardPath(shard: number): FilePath {
  return entryPath(RECORDS_DIRECTORY, shard.toString(16).padStart(2, "0"));
}

/** Objects as files: what S3 does to an object, done to a file and its record. */
import {
  entryPath,
  type FilePath,
  type ReadRange,
  type RoutedFiles,
  type WriteCondition,
} from "@efs-mount-autoscaling/routed-files";
import { etagOf, type FileAttributes, type Identity, isStatus, type ReadableFile, type Unchanged } from "nfs-client";
import { inMemoryIfSmall } from "../../http/routes/files/request-body.ts";
import { isKeyConflict, S3Error } from "../errors.ts";
import { bucketPath, directoriesAbove, type ObjectPlace } from "../keys.ts";
import { isGone, statIfThere } from "../shared-files.ts";
import type { ObjectCondition } from "./conditions.ts";
import { withMd5 } from "./observed.ts";
import type { Description, Records } from "./records.ts";
import { etagOfObject, type StoredObject, sizeOfObject } from "./stored-object.ts";

/** Bytes of an object, or a part of them, as they are read. */
export interface OpenedObject extends StoredObject {
  readonly body: AsyncIterable<Buffer>;
}

export type ObjectData = Buffer | AsyncIterable<Buffer>;

interface ObjectWrite {
  readonly when?: WriteCondition;
  /** What is there, where `when` says that it still must be. */
  readonly existing?: FileAttributes | undefined;
  /** Default true. */
  readonly createParents?: boolean;
}

/** How often an object may be replaced while it is opened, or removed while it is put. */
const ROUNDS = 5;

export class Objects {
  readonly files: RoutedFiles;
  readonly records: Records;

  /** For whom the files are; undefined: the router, as whom the records are always kept. */
  readonly #user: Identity | undefined;

  constructor(files: RoutedFiles, records: Records, user?: Identity) {
    this.files = files;
    this.records = records;
    this.#user = user;
  }

  /** What a user of the file system may see and change of the objects. */
  as(user: Identity): Objects {
    return new Objects(this.files.as(user), this.records, user);
  }

  /** @throws {S3Error} NoSuchBucket, NoSuchKey */
  async head(place: ObjectPlace): Promise<StoredObject> {
    const before = await this.#find(place);
    if (before?.type === "file") await this.#requireReadable(place.path);
    const described = before && (await this.records.describe(place.path, before, this.files));
    if (described?.attributes.type !== place.kind) throw await this.missing(place.bucket);
    if (place.kind === "directory" && described.description === undefined) throw new S3Error("NoSuchKey");
    return { place, ...described };
  }

  /** As {@link head}; undefined where there is none. */
  async find(place: ObjectPlace): Promise<StoredObject | undefined> {
    try {
      return await this.head(place);
    } catch (error) {
      if (error instanceof S3Error && error.code === "NoSuchKey") return undefined;
      throw error;
    }
  }

  /** @throws {S3Error} NoSuchBucket, NoSuchKey */
  async open(place: ObjectPlace, range: ReadRange): Promise<OpenedObject> {
    if (place.kind === "directory") return { ...(await this.head(place)), body: nothing() };
    for (let round = 0; round < ROUNDS; round++) {
      const { attributes, body } = await this.#openFile(place, range);
      const described = await this.records.describe(place.path, attributes, this.files);
      if (described === undefined) throw await this.missing(place.bucket);
      if (etagOf(described.attributes) === etagOf(attributes)) return { place, ...described, body };
      // It was replaced before its record was read, perhaps by a file that has the number of the one that was read.
    }
    throw new S3Error("SlowDown", "The object is replaced faster than it can be read");
  }

  /**
   * Writes an object: others see it whole with its description, or not at all.
   *
   * @param describe Called when all of the data was read.
   * @throws {S3Error} NoSuchBucket, NoSuchKey, PreconditionFailed, KeyConflict; of a directory also InvalidRequest where
   *   there are data, and NotImplemented where there is a condition.
   */
  async put(
    place: ObjectPlace,
    data: ObjectData,
    describe: () => Description,
    condition?: ObjectCondition,
  ): Promise<StoredObject> {
    if (place.kind === "file" && condition === undefined && Buffer.isBuffer(data)) {
      const written = await this.#putBesideOthers(place, data, describe);
      if (written !== undefined) return written;
    }
    const [existing] = await Promise.all([statIfThere(this.files, place.path), this.requireBucket(place.bucket)]);
    if (place.kind === "directory") {
      if (condition !== undefined) throw new S3Error("NotImplemented", "A key that ends in / takes no condition");
      await requireNoBytes(data);
      return this.#putDirectory(place, describe());
    }
    const when = await this.#writeCondition(place, existing, condition);
    if (existing?.type === "directory") throw new S3Error("KeyConflict");
    const written = await this.write(place.path, data, describe, { when, existing });
    return { place, ...written };
  }

  /**
   * Writes a file with its record, and removes the record of the file that it replaces.
   *
   * @throws {S3Error} KeyConflict where there is a directory.
   */
  async write(
    path: FilePath,
    data: ObjectData,
    describe: () => Description,
    { when, existing, createParents = true }: ObjectWrite = {},
  ): Promise<Pick<StoredObject, "attributes" | "description">> {
    let description: Description | undefined;
    let replaced = existing;
    const beforePublishing = async (file: FileAttributes, found: FileAttributes | undefined) => {
      if (found?.type === "directory") throw new S3Error("KeyConflict");
      if (when === undefined) replaced = found;
      description = describe();
      await this.records.write(path, file, description);
    };
    const manner = { beforePublishing, createParents, learnCreated: false };
    const { attributes } = await this.files.writeFile(path, data, when, manner);
    if (replaced !== undefined && replaced.fileId !== attributes.fileId) {
      await this.records.removeInBackground(replaced);
    }
    return { attributes, description };
  }

  /** Puts an object where its directory is there, and so its bucket, without a look before; undefined where it is not. */
  async #putBesideOthers(
    place: ObjectPlace,
    data: Buffer,
    describe: () => Description,
  ): Promise<StoredObject | undefined> {
    try {
      return { place, ...(await this.write(place.path, data, describe, { createParents: false })) };
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /**
   * Copies the bytes. NFSv4.1 has no copy on the server's side (NFSv4.2 has, RFC 7862 §15.2), so they pass through here.
   *
   * @param describe Called with the MD5 of the bytes, in hexadecimal digits.
   */
  async copy(
    source: OpenedObject,
    target: ObjectPlace,
    describe: (md5: string) => Description,
    condition?: ObjectCondition,
  ): Promise<StoredObject> {
    const { data, md5 } = withMd5(source.body);
    const put = (bytes: ObjectData) => this.put(target, bytes, () => describe(md5()), condition);
    return inMemoryIfSmall(data, sizeOfObject(source), this.files.memory, put);
  }

  /** Replaces what its sender said of an object. What is known of its bytes stays. */
  async redescribe(object: StoredObject, said: Pick<Description, "headers" | "metadata">): Promise<StoredObject> {
    const { checksum, parts } = object.description ?? {};
    const { headers, metadata } = said;
    // Whether a user may change an object, only its file says: the record is the router's.
    if (this.#user !== undefined) {
      const source = await this.open(object.place, {});
      const kept = { ...source.description, etag: etagOfObject(source), headers, metadata };
      return this.copy(source, object.place, () => kept);
    }
    const description = { etag: etagOfObject(object), headers, metadata, checksum, parts };
    await this.records.write(object.place.path, object.attributes, description);
    return { ...object, description };
  }

  /**
   * Removes an object, and the directories that are empty without it. One that is not there counts as removed.
   *
   * @throws {S3Error} NoSuchBucket, PreconditionFailed
   */
  async delete(place: ObjectPlace, condition?: { readonly etag: string }): Promise<void> {
    const attributes = await this.#find(place);
    if (attributes === undefined) {
      await this.requireBucket(place.bucket);
      if (condition !== undefined) throw new S3Error("NoSuchKey");
      // A router that ended after it had removed the object has left them, and its client retries.
      await this.#removeEmptyDirectories(place);
      return;
    }
    const when = await this.#unchanged({ place, attributes }, condition);
    // Whether the user may remove it, the file system says. A directory with entries stays, but as no object.
    const isRemoved = await this.#remove(place, when);
    await Promise.all([
      isRemoved || place.kind === "directory" ? this.records.remove(attributes) : undefined,
      isRemoved ? this.#removeEmptyDirectories(place) : undefined,
    ]);
  }

  /**
   * Removes a bucket, with directories that are no objects.
   *
   * @throws {S3Error} NoSuchBucket, BucketNotEmpty
   */
  async deleteBucket(bucket: string): Promise<void> {
    await this.requireBucket(bucket);
    // To the end, before anything is removed: a bucket that is not empty keeps its directories.
    for await (const _directory of this.#withoutObjects(bucketPath(bucket)));
    for await (const path of this.#withoutObjects(bucketPath(bucket))) {
      if (!(await this.#remove({ path, kind: "directory" }, undefined))) throw new S3Error("BucketNotEmpty");
    }
  }

  /** @throws {S3Error} InvalidBucketName, NoSuchBucket */
  async requireBucket(bucket: string): Promise<FileAttributes> {
    // Every write looks, and it is no file that clients would ask for.
    const attributes = await statIfThere(this.files, bucketPath(bucket), { isAsked: false });
    if (attributes?.type !== "directory") throw new S3Error("NoSuchBucket");
    return attributes;
  }

  /** What to say of an object that is not there. */
  async missing(bucket: string): Promise<S3Error> {
    await this.requireBucket(bucket);
    return new S3Error("NoSuchKey");
  }

  async #openFile(place: ObjectPlace, range: ReadRange): Promise<ReadableFile> {
    try {
      return await this.files.openFile(place.path, range);
    } catch (error) {
      // What a server says of a directory that is read differs from one to the other; its type does not.
      if (isGone(error) || (await this.#isOther(place))) throw await this.missing(place.bucket);
      throw error;
    }
  }

  async #putDirectory(place: ObjectPlace, description: Description): Promise<StoredObject> {
    for (let round = 0; round < ROUNDS; round++) {
      await this.files.makeDirectory(place.path);
      const attributes = await statIfThere(this.files, place.path);
      if (attributes === undefined) continue;
      if (attributes.type !== "directory") throw new S3Error("KeyConflict");
      await this.records.write(place.path, attributes, description);
      // It was empty and no object until now, so that a DELETE in it may have removed it.
      const now = await statIfThere(this.files, place.path);
      if (now?.fileId === attributes.fileId) return { place, attributes, description };
    }
    throw new S3Error("SlowDown", "The directory is removed as often as it is made");
  }

  async #writeCondition(
    place: ObjectPlace,
    existing: FileAttributes | undefined,
    condition: ObjectCondition | undefined,
  ): Promise<WriteCondition> {
    if (condition === undefined) return undefined;
    if (condition === "absent") {
      if (existing !== undefined && existing.type !== "directory") throw new S3Error("PreconditionFailed");
      return "absent";
    }
    if (existing?.type !== "file") throw new S3Error("NoSuchKey");
    return this.#unchanged({ place, attributes: existing }, condition);
  }

  /** That the file is still the one that has the ETag. */
  async #unchanged(
    { place, attributes }: Pick<StoredObject, "place" | "attributes">,
    condition: { readonly etag: string } | undefined,
  ): Promise<Unchanged | undefined> {
    if (condition === undefined) return undefined;
    if (condition.etag !== "*") {
      const description = await this.records.of(place.path, attributes);
      if (etagOfObject({ attributes, description }) !== condition.etag) throw new S3Error("PreconditionFailed");
    }
    return { etag: etagOf(attributes) };
  }

  /** Whether it is gone: a directory may have entries. */
  async #remove({ path, kind }: Pick<ObjectPlace, "path" | "kind">, when: Unchanged | undefined): Promise<boolean> {
    try {
      await this.files.deleteFile(path, kind === "file" ? when : undefined);
      return true;
    } catch (error) {
      if (isGone(error)) return true;
      if (isStatus(error, "NFS4ERR_NOTEMPTY", "NFS4ERR_EXIST")) return false;
      throw error;
    }
  }

  /** Those above the object, as S3 has no directories: but for those that somebody has put as objects. */
  async #removeEmptyDirectories(place: ObjectPlace): Promise<void> {
    try {
      for (const path of directoriesAbove(place)) {
        if (!(await this.#isEmpty(path))) return;
        const attributes = await statIfThere(this.files, path);
        if (attributes === undefined) continue;
        if (attributes.type !== "directory") return;
        if ((await this.records.of(path, attributes)) !== undefined) return;
        if (!(await this.#remove({ path, kind: "directory" }, undefined))) return;
      }
    } catch (error) {
      // Who may remove an object need not be allowed to remove its directory.
      if (!isStatus(error, "NFS4ERR_ACCESS", "NFS4ERR_PERM")) throw error;
    }
  }

  /** A directory and those in it, the innermost first. @throws {S3Error} BucketNotEmpty where there is an object. */
  async *#withoutObjects(directory: FilePath): AsyncGenerator<FilePath> {
    try {
      for await (const { name, attributes } of this.files.list(directory)) {
        const path = entryPath(directory, name);
        const isObject = attributes.type !== "directory" || (await this.records.of(path, attributes)) !== undefined;
        if (isObject) throw new S3Error("BucketNotEmpty");
        yield* this.#withoutObjects(path);
      }
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    yield directory;
  }

  /** S3 tells of an object to those who may read it; a file system, to those who may enter its directory. */
  async #requireReadable(path: FilePath): Promise<void> {
    if (this.#user === undefined) return;
    try {
      await this.files.openFile(path, { length: 1 });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  async #find({ path, kind }: ObjectPlace): Promise<FileAttributes | undefined> {
    const attributes = await statIfThere(this.files, path);
    return attributes?.type === kind ? attributes : undefined;
  }

  async #isOther({ path, kind }: ObjectPlace): Promise<boolean> {
    const attributes = await statIfThere(this.files, path);
    return attributes !== undefined && attributes.type !== kind;
  }

  /** Also where it is no longer there. */
  async #isEmpty(path: FilePath): Promise<boolean> {
    try {
      for await (const _entry of this.files.list(path)) return false;
      return true;
    } catch (error) {
      if (isGone(error) || isKeyConflict(error)) return true;
      throw error;
    }
  }
}

/** Reads all there are. @throws {S3Error} InvalidRequest */
async function requireNoBytes(data: ObjectData): Promise<void> {
  for await (const { length } of Buffer.isBuffer(data) ? [data] : data) {
    if (length > 0) throw new S3Error("InvalidRequest", "A key that ends in / is a directory, which has no bytes");
  }
}

async function* nothing(): AsyncGenerator<Buffer> {}

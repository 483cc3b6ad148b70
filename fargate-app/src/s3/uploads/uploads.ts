/** Multipart uploads: their parts are files, in a directory of the upload's own, until they are put together. */
import { randomBytes } from "node:crypto";
import { entryPath, type FilePath } from "@efs-mount-autoscaling/routed-files";
import { etagOf, isMissing, isStatus } from "nfs-client";
import * as z from "zod";
import { ALGORITHM_NAMES, CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, type ChecksumType } from "../checksums.ts";
import { S3Error } from "../errors.ts";
import { inGroups } from "../in-groups.ts";
import { Selection } from "../listing/selection.ts";
import type { ObjectData, Objects } from "../objects/objects.ts";
import { type Description, headersSchema, RECORDS_AT_ONCE, STATE_DIRECTORY } from "../objects/records.ts";
import type { StoredObject } from "../objects/stored-object.ts";
import { isGone, readJson } from "../shared-files.ts";

const uploadSchema = z.object({
  bucket: z.string(),
  key: z.string(),
  /** Who has begun it: see {@link isFor}. */
  user: z.string().optional(),
  headers: headersSchema,
  metadata: headersSchema,
  checksum: z.object({ algorithm: z.enum(ALGORITHM_NAMES), type: z.enum(["FULL_OBJECT", "COMPOSITE"]) }).optional(),
});

export type UploadSettings = z.output<typeof uploadSchema>;

export interface Upload extends UploadSettings {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

type UploadMarker = Pick<Upload, "key" | "id">;

interface UploadListOptions {
  readonly bucket: string;
  /** What their keys begin with. */
  readonly prefix: string;
  /** See {@link isFor}. */
  readonly user: string | undefined;
  readonly after: UploadMarker;
  readonly max: number;
}

export interface Part {
  readonly number: number;
  readonly path: FilePath;
  readonly object: Pick<StoredObject, "attributes" | "description">;
}

/** S3 user guide, "Amazon S3 multipart upload limits". */
export const MAX_PART_NUMBER = 10_000;

const UPLOADS_DIRECTORY = entryPath(STATE_DIRECTORY, "uploads");

/** No id is greater. */
export const LAST_ID = "f".repeat(32);

/** The file in an upload's directory that says what it is. */
const SETTINGS_NAME = "upload";

const PART_NAME = /^part-(\d{5})$/;

/** Uploads that are read, and parts that are removed, at once. */
const AT_ONCE = 16;

export class Uploads {
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  async create(settings: UploadSettings): Promise<Upload> {
    const id = newId();
    const { attributes } = await this.#objects.files.writeFile(
      settingsPath(id),
      Buffer.from(JSON.stringify(settings)),
      undefined,
      { learnCreated: false },
    );
    return { ...settings, id, createdAt: attributes.modifiedAt };
  }

  /** @throws {S3Error} NoSuchUpload, also where it is somebody else's. */
  async find(
    id: string,
    { bucket, key }: { readonly bucket: string; readonly key: string },
    user: string | undefined,
  ): Promise<Upload> {
    const upload = await this.read(id);
    if (upload?.bucket === bucket && upload.key === key && isFor(upload, user)) return upload;
    throw new S3Error("NoSuchUpload");
  }

  /** Undefined where there is none. */
  async read(id: string): Promise<Upload | undefined> {
    if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
    const found = await readJson(this.#objects.files, settingsPath(id), uploadSchema);
    return found && { ...found.content, id, createdAt: found.attributes.modifiedAt };
  }

  /** Replaces the part, where there is one of that number. */
  async putPart(upload: Upload, number: number, data: ObjectData, describe: () => Description): Promise<Part> {
    const path = partPath(upload.id, number);
    const object = await this.#objects.write(path, data, describe);
    // Whoever has aborted the upload meanwhile must not leave a part of it.
    if ((await this.read(upload.id)) === undefined) {
      await this.abort(upload.id);
      throw new S3Error("NoSuchUpload");
    }
    return { number, path, object };
  }

  /** In the order of their numbers. */
  async parts({ id }: Upload): Promise<Part[]> {
    const found: Part[] = [];
    for await (const { name, attributes } of this.#entries(uploadPath(id))) {
      const [, number] = PART_NAME.exec(name) ?? [];
      if (number === undefined) continue;
      found.push({
        number: Number(number),
        path: partPath(id, Number(number)),
        object: { attributes, description: undefined },
      });
    }
    found.sort((a, b) => a.number - b.number);
    return inGroups(found, RECORDS_AT_ONCE, async ({ number, path, object: { attributes } }) => {
      const description = await this.#objects.records.of(path, attributes, { together: true });
      return { number, path, object: { attributes, description } };
    });
  }

  /** The bytes of the parts, one after the other. */
  async *bytesOf(parts: readonly Part[]): AsyncGenerator<Buffer> {
    for (const { path, object } of parts) {
      const { attributes, body } = await this.#objects.files.openFile(path);
      if (etagOf(attributes) !== etagOf(object.attributes)) throw new S3Error("InvalidPart");
      yield* body;
    }
  }

  /**
   * The first uploads behind a marker, in the order of their keys, and where they are of one key, from the oldest on. All
   * uploads are read, and twice as many as are asked for are held.
   */
  async list({ bucket, prefix, user, after, max }: UploadListOptions): Promise<readonly Upload[]> {
    const selection = new Selection<{ key: string; upload: Upload }>(max, orderOf(after));
    for await (const upload of this.#all()) {
      const isWanted = upload.bucket === bucket && upload.key.startsWith(prefix) && isFor(upload, user);
      if (isWanted) selection.offer({ key: orderOf(upload), upload });
    }
    return selection.items.map(({ upload }) => upload);
  }

  async *#all(): AsyncGenerator<Upload> {
    const readAll = async (names: readonly string[]) =>
      (await Promise.all(names.map((name) => this.read(name)))).filter((upload) => upload !== undefined);
    let names: string[] = [];
    for await (const { name } of this.#entries(UPLOADS_DIRECTORY)) {
      names.push(name);
      if (names.length < AT_ONCE) continue;
      yield* await readAll(names);
      names = [];
    }
    yield* await readAll(names);
  }

  /** The directories of uploads, also of those that are damaged: their ids, and when they last had a new part. */
  async *directories(): AsyncGenerator<{ readonly id: string; readonly modifiedAt: number }> {
    for await (const { name, attributes } of this.#entries(UPLOADS_DIRECTORY)) {
      if (attributes.type === "directory") yield { id: name, modifiedAt: attributes.modifiedAt };
    }
  }

  /** Removes an upload with its parts, whatever is left of it. */
  async abort(id: string): Promise<void> {
    const { files, records } = this.#objects;
    // From here on, it is no upload any more.
    await ignoreMissing(files.deleteFile(settingsPath(id)));
    const entries: { path: FilePath; attributes: StoredObject["attributes"] }[] = [];
    for await (const { name, attributes } of this.#entries(uploadPath(id))) {
      entries.push({ path: entryPath(uploadPath(id), name), attributes });
    }
    await inGroups(entries, AT_ONCE, async ({ path, attributes }) => {
      await Promise.all([ignoreMissing(files.deleteFile(path)), records.remove(attributes)]);
    });
    try {
      await ignoreMissing(files.deleteFile(uploadPath(id)));
    } catch (error) {
      // A part that is being written: whoever writes it finds out.
      if (!isStatus(error, "NFS4ERR_NOTEMPTY", "NFS4ERR_EXIST")) throw error;
    }
  }

  async *#entries(path: FilePath): ReturnType<Objects["files"]["list"]> {
    try {
      yield* this.#objects.files.list(path);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

/** Later ones are greater, so that a list goes on behind an upload also when that is gone. */
function newId(): string {
  return Date.now().toString(16).padStart(12, "0") + randomBytes(10).toString("hex");
}

/** Uploads are the router's files: nobody but this keeps a user from those of others. The router sees all. */
export function isFor(upload: UploadSettings, user: string | undefined): boolean {
  return user === undefined || upload.user === user;
}

/** What lists are in the order of. No key has a NUL, which comes before all that a longer key may go on with. */
function orderOf({ key, id }: UploadMarker): string {
  return `${key}\0${id}`;
}

/** What the checksum of the whole is made of, where the upload does not say. */
export function checksumTypeOf(algorithm: ChecksumAlgorithm): ChecksumType {
  return CHECKSUM_ALGORITHMS[algorithm].isWholeByDefault ? "FULL_OBJECT" : "COMPOSITE";
}

async function ignoreMissing(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function uploadPath(id: string): FilePath {
  return entryPath(UPLOADS_DIRECTORY, id);
}

function settingsPath(id: string): FilePath {
  return entryPath(uploadPath(id), SETTINGS_NAME);
}

function partPath(id: string, number: number): FilePath {
  return entryPath(uploadPath(id), `part-${String(number).padStart(5, "0")}`);
}

/**
 * Buckets as folders and objects as files, so that a user sees with `ls` and `zcat` what was stored.
 *
 * Rules: S3 user guide, "Uploading and copying objects using multipart upload".
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AwsError } from "../control-plane/aws-error.ts";

/** An object in a listing. */
interface StoredObject {
  readonly key: string;
  readonly size: number;
  readonly lastModified: Date;
}

/** A part as CompleteMultipartUpload names it. */
interface PartReference {
  readonly partNumber: number;
  readonly etag: string;
}

interface Part {
  readonly etag: string;
  readonly size: number;
  readonly path: string;
}

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly folder: string;
  readonly parts: Map<number, Part>;
}

/** Every part but the last has at least this many bytes. */
export const MIN_PART_SIZE = 5 * 1024 * 1024;

const MAX_PART_NUMBER = 10_000;

export class ObjectStore {
  readonly #directory: string;
  readonly #staging: string;
  readonly #uploads = new Map<string, Upload>();

  /** @param directory holds one folder a bucket. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#staging = join(directory, ".staging");
  }

  /** Makes a bucket; one that is there stays as it is. */
  async createBucket(bucket: string): Promise<void> {
    await mkdir(this.#staging, { recursive: true });
    await mkdir(join(this.#directory, bucket), { recursive: true });
  }

  /** Stores a whole body or nothing. Returns its ETag, without quotes. */
  async putObject(bucket: string, key: string, body: Readable): Promise<string> {
    const path = await this.#objectPath(bucket, key);
    const staged = join(this.#staging, randomUUID());
    const { etag } = await save(body, staged);
    await mkdir(dirname(path), { recursive: true });
    await rename(staged, path);
    return etag;
  }

  /** Of the object's bytes as they are, without quotes; undefined where there is no such object. */
  async etagOf(bucket: string, key: string): Promise<string | undefined> {
    const bytes = await readFile(await this.#objectPath(bucket, key)).catch(() => undefined);
    return bytes && md5Of(bytes);
  }

  async getObject(bucket: string, key: string): Promise<Buffer> {
    const path = await this.#objectPath(bucket, key);
    try {
      return await readFile(path);
    } catch (cause) {
      throw new AwsError("NoSuchKey", 404, "The specified key does not exist.", { cause });
    }
  }

  /** The objects below a prefix, in the order of their keys. */
  async listObjects(bucket: string, prefix: string): Promise<StoredObject[]> {
    const root = await this.#bucketPath(bucket);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const found = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
      .filter((key) => key.startsWith(prefix))
      .sort();
    return Promise.all(
      found.map(async (key) => {
        const { size, mtime } = await stat(join(root, key));
        return { key, size, lastModified: mtime };
      }),
    );
  }

  /** Returns the upload's id. */
  async createMultipartUpload(bucket: string, key: string): Promise<string> {
    await this.#objectPath(bucket, key);
    const uploadId = randomUUID();
    const folder = join(this.#staging, uploadId);
    await mkdir(folder);
    this.#uploads.set(uploadId, { bucket, key, folder, parts: new Map() });
    return uploadId;
  }

  /** Stores a part; one sent again replaces the earlier. Returns its ETag, without quotes. */
  async uploadPart(uploadId: string, partNumber: number, body: Readable): Promise<string> {
    const upload = this.#upload(uploadId);
    if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > MAX_PART_NUMBER) {
      throw new AwsError("InvalidArgument", 400, "Part number must be an integer between 1 and 10000, inclusive");
    }
    const path = join(upload.folder, randomUUID());
    const saved = await save(body, path);
    upload.parts.set(partNumber, { ...saved, path });
    return saved.etag;
  }

  /** Makes one object of the parts that are named. Returns its ETag, without quotes. */
  async completeMultipartUpload(uploadId: string, named: readonly PartReference[]): Promise<string> {
    const upload = this.#upload(uploadId);
    if (named.length === 0) throw new AwsError("MalformedXML", 400, "The upload names no part");
    if (named.some(({ partNumber }, index) => partNumber <= (named[index - 1]?.partNumber ?? 0))) {
      throw new AwsError("InvalidPartOrder", 400, "The list of parts was not in ascending order.");
    }
    const parts = named.map(({ partNumber, etag }) => {
      const part = upload.parts.get(partNumber);
      if (part?.etag === etag) return part;
      throw new AwsError("InvalidPart", 400, `Part ${partNumber} was not found, or its ETag is another`);
    });
    if (parts.slice(0, -1).some(({ size }) => size < MIN_PART_SIZE)) {
      throw new AwsError("EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size");
    }
    await this.putObject(upload.bucket, upload.key, Readable.from(concatenate(parts.map(({ path }) => path))));
    await this.#forget(uploadId, upload);
    const digests = Buffer.from(parts.map(({ etag }) => etag).join(""), "hex");
    return `${createHash("md5").update(digests).digest("hex")}-${parts.length}`;
  }

  async abortMultipartUpload(uploadId: string): Promise<void> {
    await this.#forget(uploadId, this.#upload(uploadId));
  }

  async #forget(uploadId: string, upload: Upload): Promise<void> {
    this.#uploads.delete(uploadId);
    await rm(upload.folder, { recursive: true });
  }

  #upload(uploadId: string): Upload {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined) throw new AwsError("NoSuchUpload", 404, "The specified upload does not exist.");
    return upload;
  }

  async #bucketPath(bucket: string): Promise<string> {
    const path = join(this.#directory, bucket);
    const valid = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket);
    if (valid && (await stat(path).catch(() => undefined))?.isDirectory()) return path;
    throw new AwsError("NoSuchBucket", 404, "The specified bucket does not exist");
  }

  async #objectPath(bucket: string, key: string): Promise<string> {
    const path = await this.#bucketPath(bucket);
    const components = key.split("/");
    if (components.some((name) => name === "" || name === "." || name === ".." || name.includes("\0"))) {
      throw new AwsError("InvalidArgument", 400, `The key ${JSON.stringify(key)} is no path of a file`);
    }
    return join(path, ...components);
  }
}

async function* concatenate(paths: readonly string[]): AsyncGenerator<Buffer> {
  for (const path of paths) yield* createReadStream(path);
}

/** Writes a stream to a file that stays only if the stream came to its end. */
async function save(body: Readable, path: string): Promise<{ etag: string; size: number }> {
  const hash = createHash("md5");
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  try {
    await pipeline(body, measure, createWriteStream(path));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return { etag: hash.digest("hex"), size };
}

/** The ETag of an object with these bytes, without quotes. */
export function md5Of(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}

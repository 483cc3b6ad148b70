/** Clients of the S3 API that put, get, copy, delete and list objects, and check all they get: the AWS SDK, with its own retries. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";

export interface S3LoadOptions {
  readonly bucket: string;
  readonly clients: number;
  readonly random: () => number;
}

export interface S3LoadCounts {
  /** Operations, with those that are several requests. */
  readonly operations: number;
  /** Those that failed after the SDK's own retries. */
  readonly failed: readonly string[];
  /** Objects that are torn, lost, stale or back again, or have the ETag or metadata of others. */
  readonly wrong: readonly string[];
  /** Requests that the SDK sent again. */
  readonly retries: number;
  /** Milliseconds of the slowest operation. */
  readonly slowest: number;
}

/** What was put as one. */
interface Version {
  /** In the object's metadata, too. */
  readonly id: string;
  readonly content: Buffer;
  /** With its quotes. */
  readonly etag: string;
}

/** S3's minimum for each part but the last, in bytes. */
const PART_BYTES = 5 * 2 ** 20;

/** Objects of each client, and those that all of them share. */
const OBJECTS = 4;

/** Those who do nothing but read shared objects, as fast as they can, while others replace them. */
const READERS = 3;

/** Those who do nothing but replace shared objects. */
const WRITERS = 2;

/** Milliseconds from one operation of a client to its next, on average. */
const MEAN_PAUSE = 60;

/** How often each is done. */
const WEIGHTS = {
  put: 6,
  get: 6,
  head: 2,
  copy: 3,
  delete: 2,
  list: 2,
  upload: 1,
  putShared: 3,
  getShared: 4,
  copyShared: 2,
} as const;

type Kind = keyof typeof WEIGHTS;

const KINDS = (Object.keys(WEIGHTS) as Kind[]).flatMap((kind) => Array<Kind>(WEIGHTS[kind]).fill(kind));

export class S3Load {
  readonly #s3: S3Client;
  readonly #options: S3LoadOptions;
  readonly #running: Promise<unknown>;
  /** All that was ever put or copied. */
  readonly #known = new Set<string>();
  readonly #failed: string[] = [];
  readonly #wrong: string[] = [];
  #operations = 0;
  #retries = 0;
  #slowest = 0;
  #stopping = false;

  constructor(s3: S3Client, options: S3LoadOptions) {
    this.#s3 = s3;
    this.#options = options;
    const start = (count: number, task: (id: number) => Promise<void>) =>
      Array.from({ length: count }, (_, id) => task(id));
    this.#running = Promise.all([
      ...start(options.clients, (id) => this.#client(id)),
      ...start(READERS, (id) => this.#reader(id)),
      ...start(WRITERS, (id) => this.#writer(id)),
    ]);
  }

  /** Operations done so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Ends the load, after every object was read once more. */
  async stop(): Promise<S3LoadCounts> {
    this.#stopping = true;
    await this.#running;
    return {
      operations: this.#operations,
      failed: this.#failed,
      wrong: this.#wrong,
      retries: this.#retries,
      slowest: Math.round(this.#slowest),
    };
  }

  async #client(id: number): Promise<void> {
    const { bucket: Bucket } = this.#options;
    const prefix = `client-${id}/`;
    const ownKey = () => `${prefix}${this.#below(OBJECTS)}`;
    /** What must be there. */
    const own = new Map<string, Version>();
    let round = 0;

    const check = async (Key: string) => {
      const found = await this.#get(Key);
      const expected = own.get(Key);
      if (found?.id !== expected?.id || found?.etag !== expected?.etag) {
        this.#wrong.push(`${Key} is ${nameOf(found)}, not ${nameOf(expected)}`);
      }
    };
    const tasks: Record<Kind, () => Promise<void>> = {
      put: async () => {
        const key = ownKey();
        own.set(key, await this.#put(key, `${id}-${++round}`));
      },
      get: () => check(ownKey()),
      head: async () => {
        const [Key, expected] = this.#oneOf(own) ?? [];
        if (Key === undefined || expected === undefined) return;
        const { Metadata, ETag, ContentLength } = await this.#retried(
          this.#s3.send(new HeadObjectCommand({ Bucket, Key })),
        );
        this.#requireEtag(Key, expected, ETag);
        if (Metadata?.version !== expected.id || ContentLength !== expected.content.length) {
          this.#wrong.push(`${Key} has the metadata of ${Metadata?.version}, and ${ContentLength} bytes`);
        }
      },
      copy: async () => {
        const [from, version] = this.#oneOf(own) ?? [];
        const Key = ownKey();
        if (from === undefined || version === undefined || from === Key) return;
        const { CopyObjectResult } = await this.#retried(
          this.#s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${from}` })),
        );
        const copied = this.#know({ ...version, etag: etagOf(version.content) });
        this.#requireEtag(Key, copied, CopyObjectResult?.ETag);
        own.set(Key, copied);
      },
      delete: async () => {
        const keys = [...new Set([ownKey(), ownKey()])];
        const [Key] = keys;
        if (keys.length === 1) await this.#retried(this.#s3.send(new DeleteObjectCommand({ Bucket, Key })));
        else {
          const Objects = keys.map((each) => ({ Key: each }));
          const { Errors = [] } = await this.#retried(
            this.#s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } })),
          );
          if (Errors.length > 0) throw new Error(JSON.stringify(Errors));
        }
        for (const key of keys) own.delete(key);
      },
      list: async () => {
        const { Contents = [] } = await this.#retried(
          this.#s3.send(new ListObjectsV2Command({ Bucket, Prefix: prefix })),
        );
        const listed = Contents.map(({ Key = "", ETag, Size }) => `${Key} ${ETag} ${Size}`);
        const expected = [...own].map(([key, { etag, content }]) => `${key} ${etag} ${content.length}`).sort();
        if (listed.join() !== expected.join()) this.#wrong.push(`${prefix} lists ${listed}, not ${expected}`);
      },
      upload: async () => {
        const Key = ownKey();
        own.set(Key, await this.#upload(Key, `${id}-${++round}`));
      },
      putShared: async () => {
        await this.#put(this.#sharedKey(), `${id}-${++round}`);
      },
      getShared: async () => {
        await this.#get(this.#sharedKey());
      },
      copyShared: async () => {
        const Key = ownKey();
        try {
          await this.#retried(
            this.#s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${this.#sharedKey()}` })),
          );
        } catch (error) {
          if (isMissing(error)) return;
          throw error;
        }
        // Which of its versions it was, only the copy says.
        const copied = await this.#get(Key);
        if (copied === undefined) this.#wrong.push(`${Key} is not there after it was copied`);
        else own.set(Key, copied);
      },
    };

    while (!this.#stopping) {
      const kind = KINDS[this.#below(KINDS.length)] ?? "get";
      await this.#timed(`${kind} of client ${id}`, tasks[kind]);
      await sleep(this.#options.random() * 2 * MEAN_PAUSE);
    }
    for (let object = 0; object < OBJECTS; object++) {
      await this.#timed(`last get of client ${id}`, () => check(`${prefix}${object}`));
    }
  }

  async #reader(id: number): Promise<void> {
    while (!this.#stopping) await this.#timed(`get of reader ${id}`, () => this.#get(this.#sharedKey()));
  }

  async #writer(id: number): Promise<void> {
    const { bucket: Bucket } = this.#options;
    for (let round = 0; !this.#stopping; round++) {
      const Key = this.#sharedKey();
      if (this.#below(10) > 0) await this.#timed(`put of writer ${id}`, () => this.#put(Key, `writer-${id}-${round}`));
      else
        await this.#timed(`delete of writer ${id}`, () =>
          this.#retried(this.#s3.send(new DeleteObjectCommand({ Bucket, Key }))),
        );
    }
  }

  #sharedKey(): string {
    return `shared/${this.#below(OBJECTS)}`;
  }

  async #put(Key: string, id: string): Promise<Version> {
    const { bucket: Bucket } = this.#options;
    const version = this.#newVersion(id, this.#below(50) === 0 ? 1_500_000 : 8_000);
    const { ETag } = await this.#retried(
      this.#s3.send(new PutObjectCommand({ Bucket, Key, Body: version.content, Metadata: { version: id } })),
    );
    this.#requireEtag(Key, version, ETag);
    return version;
  }

  /** An object, checked in itself; undefined where there is none. */
  async #get(Key: string): Promise<Version | undefined> {
    try {
      const { Body, ETag, Metadata } = await this.#retried(
        this.#s3.send(new GetObjectCommand({ Bucket: this.#options.bucket, Key })),
      );
      const content = Buffer.from((await Body?.transformToByteArray()) ?? []);
      const version = { id: Metadata?.version ?? "", content, etag: ETag ?? "" };
      if (!this.#known.has(fingerprintOf(version))) {
        const [id] = content.toString("latin1", 0, 40).split("\n");
        this.#wrong.push(`${Key} was never put like that: ${nameOf(version)} with ${content.length} bytes of ${id}`);
      }
      return version;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #upload(Key: string, id: string): Promise<Version> {
    const { bucket: Bucket } = this.#options;
    const last = this.#newContent(id, 8_000);
    // Two parts take a part of S3's smallest size.
    const parts = this.#below(4) === 0 ? [Buffer.alloc(PART_BYTES, `${id}\n`), last] : [last];
    const digests = parts.map((part) => createHash("md5").update(part).digest());
    const etag = `"${createHash("md5").update(Buffer.concat(digests)).digest("hex")}-${parts.length}"`;
    const version = this.#know({ id, content: Buffer.concat(parts), etag });
    const { UploadId } = await this.#retried(
      this.#s3.send(new CreateMultipartUploadCommand({ Bucket, Key, Metadata: { version: id } })),
    );
    const Parts = await Promise.all(
      parts.map(async (Body, index) => {
        const part = { Bucket, Key, UploadId, PartNumber: index + 1, Body };
        const { ETag } = await this.#retried(this.#s3.send(new UploadPartCommand(part)));
        return { ETag, PartNumber: index + 1 };
      }),
    );
    const { ETag } = await this.#retried(
      this.#s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } })),
    );
    this.#requireEtag(Key, version, ETag);
    return version;
  }

  #newVersion(id: string, maxBytes: number): Version {
    const content = this.#newContent(id, maxBytes);
    return this.#know({ id, content, etag: etagOf(content) });
  }

  /** Every part of it says what it is of. */
  #newContent(id: string, maxBytes: number): Buffer {
    return Buffer.alloc(this.#below(maxBytes), `${id}\n`);
  }

  #know(version: Version): Version {
    this.#known.add(fingerprintOf(version));
    return version;
  }

  #requireEtag(key: string, { etag }: Version, given: string | undefined): void {
    if (given !== etag) this.#wrong.push(`${key} has the ETag ${given}, not ${etag}`);
  }

  #below(limit: number): number {
    return Math.floor(this.#options.random() * limit);
  }

  #oneOf<Key, Value>(map: ReadonlyMap<Key, Value>): [Key, Value] | undefined {
    return [...map][this.#below(map.size)];
  }

  async #retried<Output extends { readonly $metadata: { readonly attempts?: number | undefined } }>(
    response: Promise<Output>,
  ): Promise<Output> {
    const output = await response;
    this.#retries += (output.$metadata.attempts ?? 1) - 1;
    return output;
  }

  async #timed(what: string, task: () => Promise<unknown>): Promise<void> {
    const begin = performance.now();
    this.#operations += 1;
    try {
      await task();
    } catch (error) {
      this.#failed.push(`${what}: ${error}`);
    }
    this.#slowest = Math.max(this.#slowest, performance.now() - begin);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error.name === "NoSuchKey" || error.name === "NotFound");
}

function etagOf(content: Buffer): string {
  return `"${createHash("md5").update(content).digest("hex")}"`;
}

function fingerprintOf({ id, content, etag }: Version): string {
  return `${id} ${etag} ${createHash("md5").update(content).digest("hex")}`;
}

function nameOf(version: Version | undefined): string {
  return version === undefined ? "missing" : `${version.id} ${version.etag}`;
}

/** The files of a tar archive, written below a directory: many small ones at once, each of them durably and atomically. */
import { once } from "node:events";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import {
  collect,
  type DirectoryPath,
  type FilePath,
  filePath,
  MAX_PATH_BYTES,
  PathError,
  ROOT,
  type RoutedFiles,
  TooManyFailuresError,
} from "@efs-mount-autoscaling/routed-files";
import { NfsStatusError, OutcomeUnknownError } from "nfs-client";
import { type Extract, type Header, extract as makeExtract } from "tar-stream";
import { OMISSIONS_NAME } from "./omissions.ts";

export interface ExtractFailure {
  /** As the archive has it, or the beginning of one that is too long for a path. */
  readonly name: string;
  readonly error: Error;
}

export interface ExtractCounts {
  /** Written, and there. */
  readonly files: number;
  readonly directories: number;
  /** Of the files. */
  readonly bytes: number;
}

export interface ExtractReport extends ExtractCounts {
  readonly failures: readonly ExtractFailure[];
}

export interface ExtractOptions {
  readonly files: RoutedFiles;
  readonly gzip: boolean;
  /** Bytes of the archive, once it is unpacked. */
  readonly maxBytes: number;
  /** Makes a change, where changes may be made: it fails where they may not. */
  readonly change: <Result>(change: () => Promise<Result>) => Promise<Result>;
  /** Called with what there is so far, whenever there is more. */
  readonly onProgress?: (counts: ExtractCounts) => void;
}

/** The archive is none, or is more than an archive may be: what was written before stays. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
  /** It is too much, and not malformed. */
  readonly isTooLarge: boolean;

  constructor(message: string, { isTooLarge = false, ...options }: ErrorOptions & { isTooLarge?: boolean } = {}) {
    super(message, options);
    this.isTooLarge = isTooLarge;
  }
}

/** An entry is of a kind that is not extracted. */
export class NotExtractableError extends Error {
  override readonly name = "NotExtractableError";
}

/** Entries of an archive. */
const MAX_ENTRIES = 1_000_000;

/** After so many failures, the rest is not extracted. */
const MAX_FAILURES = 1_000;

/** Characters of a name in a failure that is too long for a path. */
const MAX_SHOWN_NAME = 200;

/** How many times larger than its compressed form an archive may be. Text comes to about 20, repeated lines to 100. */
const MAX_RATIO = 200;

/** Bytes from which on the ratio is looked at. */
const RATIO_FROM = 16 * 2 ** 20;

/** Bytes of a file that is written while others are; larger ones are written as they come. */
const MAX_WHOLE = 2 ** 20;

/** Files that are written at the same time. */
const AT_ONCE = 256;

/** Directories that are known to be there. */
const MAX_KNOWN_DIRECTORIES = 10_000;

/**
 * @throws {ArchiveError} when it is no archive, or too large.
 * @throws {TooManyFailuresError} after {@link MAX_FAILURES}.
 * @throws what ends the archive, or says that no mount target can be reached: names alone are failures in the report.
 */
export async function extractTar(
  archive: AsyncIterable<Buffer>,
  directory: DirectoryPath,
  options: ExtractOptions,
): Promise<ExtractReport> {
  const extraction = new Extraction(directory, options);
  const tar = makeExtract();
  const feeding = feed(tar, unpacked(archive, options));
  // It is awaited at the end; until then its failure must not count as unhandled.
  feeding.catch(() => {});
  let entries = 0;
  try {
    for await (const entry of tar) {
      entries += 1;
      if (entries > MAX_ENTRIES) throw tooLarge(`more than ${MAX_ENTRIES} entries`);
      await extraction.take(entry.header, contentOf(entry));
    }
    await feeding;
    return await extraction.finish();
  } catch (error) {
    tar.destroy();
    await extraction.settle();
    // What ended the archive is the reason for what the library says.
    await feeding;
    throw error instanceof Error && error.constructor === Error ? malformed(error) : error;
  }
}

/** Gives the bytes to the library, which says what is wrong with them, or is destroyed with what ended them. */
async function feed(tar: Extract, bytes: AsyncIterable<Buffer>): Promise<void> {
  const closed = new Promise<void>((resolve) => tar.once("close", () => resolve()));
  try {
    for await (const chunk of bytes) {
      if (tar.destroyed) return;
      if (!tar.write(chunk)) await Promise.race([once(tar, "drain").catch(() => {}), closed]);
    }
    tar.end(null);
  } catch (error) {
    tar.destroy(error instanceof Error ? error : undefined);
    throw error;
  }
}

/** @throws {ArchiveError} when there are too many bytes, or too many for what they were packed into. */
async function* unpacked(archive: AsyncIterable<Buffer>, { gzip, maxBytes }: ExtractOptions): AsyncGenerator<Buffer> {
  let packed = 0;
  async function* counted() {
    for await (const chunk of archive) {
      packed += chunk.length;
      yield chunk;
    }
  }
  let bytes = 0;
  try {
    for await (const chunk of gzip ? gunzipped(counted()) : counted()) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(`more than ${maxBytes} bytes`);
      if (bytes > RATIO_FROM && bytes > MAX_RATIO * packed)
        throw tooLarge(`more than ${MAX_RATIO} times its packed size`);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("Z_")) throw malformed(error);
    throw error;
  }
}

function gunzipped(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // The iterator of the last stream has the error.
  return pipeline(Readable.from(bytes, { objectMode: false }), createGunzip(), () => {});
}

/** The content of an entry. Whoever stops reading it leaves the rest to others, and does not end the archive. */
function contentOf(entry: AsyncIterable<unknown>): AsyncIterable<Buffer> {
  const iterator = entry[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<Buffer>> => {
    const { done, value } = await iterator.next();
    if (done) return { done, value: undefined };
    if (!Buffer.isBuffer(value)) throw new TypeError("The tar library made something else than bytes");
    return { done: false, value };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

function tooLarge(what: string): ArchiveError {
  return new ArchiveError(`The archive has ${what}`, { isTooLarge: true });
}

function malformed(cause: Error): ArchiveError {
  return new ArchiveError(`The archive is malformed: ${cause.message}`, { cause });
}

class Extraction {
  readonly #directory: DirectoryPath;
  readonly #options: ExtractOptions;
  readonly #failures: ExtractFailure[] = [];
  /** By path: two entries of one name are written one after the other. */
  readonly #writing = new Map<FilePath, Promise<void>>();
  readonly #knownDirectories = new Map<FilePath, Promise<void>>();
  #counts: ExtractCounts = { files: 0, directories: 0, bytes: 0 };
  /** What ends it all. */
  #error: unknown;
  /** Called when there is room for more to be written at the same time. */
  #goOn: () => void = () => {};

  constructor(directory: DirectoryPath, options: ExtractOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** Takes an entry, and all of its content. */
  async take(header: Header, content: AsyncIterable<Buffer>): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    try {
      const path = this.#pathOf(header);
      if (path !== undefined) await this.#takeAt(path, header, content);
    } catch (error) {
      this.#note(header.name, error);
    }
    for await (const _ of content);
  }

  /** Waits for what is being written. Never fails. */
  async settle(): Promise<void> {
    await Promise.all(this.#writing.values());
  }

  async finish(): Promise<ExtractReport> {
    await this.settle();
    if (this.#error !== undefined) throw this.#error;
    return { ...this.#counts, failures: this.#failures };
  }

  /** Undefined for what is to be passed over: the directory itself, and the list of what an archive does not have. */
  #pathOf({ name, type }: Header): FilePath | undefined {
    // Before anything is made of it that would keep all of it in memory.
    if (name.length > MAX_PATH_BYTES) throw new PathError(`The name is longer than ${MAX_PATH_BYTES} bytes`);
    if (name.startsWith("/"))
      throw new PathError("The name begins with a slash: only names below the directory are allowed");
    if (name.includes("\u{FFFD}")) throw new PathError("The name is not UTF-8");
    if (name === OMISSIONS_NAME) return undefined;
    if (/^(\.?\/)*\.?$/.test(name) && type === "directory") return undefined;
    if (type !== "file" && type !== "contiguous-file" && type !== "directory") {
      throw new NotExtractableError(
        `It is ${type === null ? "of an unknown type" : `a ${type}`}: only files and directories are extracted`,
      );
    }
    return filePath(this.#directory === ROOT ? name : `${this.#directory}/${filePath(name)}`);
  }

  async #takeAt(path: FilePath, { name, type, size }: Header, content: AsyncIterable<Buffer>): Promise<void> {
    await this.#writing.get(path);
    if (type === "directory") {
      await this.#begin(path, name, 0, async () => {
        await this.#makeDirectory(path);
        this.#count({ directories: 1 });
      });
    } else if (size <= MAX_WHOLE && (await this.#hasRoom(size))) {
      const data = await collect(content).catch((error: unknown) => {
        this.#options.files.memory.release(size);
        throw error;
      });
      await this.#begin(path, name, size, () => this.#write(path, data));
    } else await this.#write(path, content);
  }

  /** Leases memory for a file, if there is some, or will be when those before are written. */
  async #hasRoom(size: number): Promise<boolean> {
    const { memory } = this.#options.files;
    while (!memory.tryReserveSpare(size)) {
      const [first] = this.#writing.values();
      if (first === undefined) return false;
      await first;
    }
    return true;
  }

  /** Begins work that others go on beside. @param held Bytes of memory that are leased for it. */
  async #begin(path: FilePath, name: string, held: number, work: () => Promise<void>): Promise<void> {
    const working = work()
      .catch((error: unknown) => this.#note(name, error))
      .finally(() => {
        this.#options.files.memory.release(held);
        this.#writing.delete(path);
        if (this.#writing.size <= AT_ONCE / 2) this.#goOn();
      });
    this.#writing.set(path, working);
    if (this.#writing.size < AT_ONCE) return;
    // Many begin together then, and share requests.
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
  }

  async #write(path: FilePath, data: Buffer | AsyncIterable<Buffer>): Promise<void> {
    const { files, change } = this.#options;
    const slash = path.lastIndexOf("/");
    if (slash > 0) await this.#makeDirectory(path.slice(0, slash) as FilePath);
    const how = { together: true, learnCreated: false };
    const { attributes } = await change(() => files.writeFile(path, data, undefined, how));
    this.#count({ files: 1, bytes: attributes.size });
  }

  #count({ files = 0, directories = 0, bytes = 0 }: Partial<ExtractCounts>): void {
    const before = this.#counts;
    this.#counts = {
      files: before.files + files,
      directories: before.directories + directories,
      bytes: before.bytes + bytes,
    };
    this.#options.onProgress?.(this.#counts);
  }

  /** Once for all the files in it. */
  #makeDirectory(path: FilePath): Promise<void> {
    const { files, change } = this.#options;
    const known = this.#knownDirectories.get(path);
    if (known !== undefined) return known;
    if (this.#knownDirectories.size >= MAX_KNOWN_DIRECTORIES) this.#knownDirectories.clear();
    const making = change(() => files.makeDirectory(path));
    this.#knownDirectories.set(path, making);
    making.catch(() => this.#knownDirectories.delete(path));
    return making;
  }

  /** Notes the failure of one name; any other one ends it all. */
  #note(name: string, error: unknown): void {
    if (!isOfOneName(error)) {
      this.#error ??= error;
      return;
    }
    this.#failures.push({ name: beginningOf(name), error });
    if (this.#failures.length >= MAX_FAILURES) this.#error ??= new TooManyFailuresError(MAX_FAILURES, error);
  }
}

/** Archives have names of up to 4 MiB. A copy: a part of a string keeps all of it in memory. */
function beginningOf(name: string): string {
  return name.length > MAX_PATH_BYTES ? `${Buffer.from(name.slice(0, MAX_SHOWN_NAME))}…` : name;
}

function isOfOneName(error: unknown): error is Error {
  return (
    error instanceof PathError ||
    error instanceof NotExtractableError ||
    error instanceof NfsStatusError ||
    error instanceof OutcomeUnknownError
  );
}

/**
 * The logs of all processes, as this one sees them grow. They are read once for all who subscribe here, and only while
 * somebody does.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { OwnFile, OwnFiles } from "@efs-mount-autoscaling/routed-files";
import { type LogEntry, parseEntry } from "./change.ts";
import { MAX_LINE_BYTES, parseSegmentName, type Segment, segmentName } from "./segment.ts";

/** Milliseconds from one listing to the next. */
const POLL_INTERVAL = 250;

/**
 * Of it, the part after which a listing follows that has seen logs grow. A change is delivered after two listings: the
 * second one need not be later than it can. The one after these two comes later in turn, so that they are no more.
 */
const SECOND_LOOK = 0.2;

/** Bytes of one READ. */
const READ_BYTES = 256 * 1024;

/** Bytes of what was read last, for those who read the same. */
const MAX_CACHED_BYTES = 8 * 2 ** 20;

/** All logs, at one time. */
export interface Listing {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** By writer: its segments by number, in ascending order. */
  readonly logs: ReadonlyMap<string, ReadonlyMap<number, Omit<OwnFile, "name">>>;
}

/** A line of a log, and where it is. */
export interface Located {
  readonly entry: LogEntry;
  /** Bytes from the beginning of the segment. */
  readonly start: number;
}

/** What was read at once. */
export interface Chunk {
  /** Without lines that are none. */
  readonly lines: readonly Located[];
  /** Where the next chunk begins. */
  readonly end: number;
}

interface CachedChunk {
  /** The READ began after it. */
  readonly since: Listing;
  readonly chunk: Promise<Chunk>;
  /** Of its lines; 0 while it is being read. */
  bytes: number;
}

export class LogTail {
  readonly #files: Pick<OwnFiles, "list" | "read">;
  readonly #pollInterval: number;
  /** By segment and offset, those that were asked for last at the end. */
  readonly #chunks = new Map<string, CachedChunk>();
  #cachedBytes = 0;
  /** The listing that begins next. */
  #next: Promise<Listing> | undefined;
  #lastStart = 0;
  #nextStart = 0;
  /** Of all logs, at the last listing. */
  #lastBytes = 0;

  constructor(files: Pick<OwnFiles, "list" | "read">, { pollInterval = POLL_INTERVAL } = {}) {
    this.#files = files;
    this.#pollInterval = pollInterval;
  }

  /** A listing that begins after this call. */
  listing(): Promise<Listing> {
    this.#next ??= this.#listNext();
    return this.#next;
  }

  async #listNext(): Promise<Listing> {
    await sleep(Math.max(0, this.#nextStart - performance.now()));
    const begin = performance.now();
    const isEarly = begin - this.#lastStart < this.#pollInterval / 2;
    this.#lastStart = begin;
    this.#nextStart = begin + this.#pollInterval;
    this.#next = undefined;
    const startedAt = Date.now();
    const files = await this.#files.list();
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    const intervals = isEarly ? 2 - SECOND_LOOK : bytes > this.#lastBytes ? SECOND_LOOK : 1;
    this.#lastBytes = bytes;
    this.#nextStart = begin + this.#pollInterval * intervals;
    return { startedAt, logs: logsOf(files) };
  }

  /**
   * The whole lines from `offset` on, as many as one READ has; none at the end.
   *
   * @param since What was there at that time is read.
   */
  async read(segment: Segment, offset: number, since: Listing): Promise<Chunk> {
    const key = `${segmentName(segment)} ${offset}`;
    const cached = this.#chunks.get(key);
    // One that is in flight since before may not see all that is there.
    if (cached !== undefined && (cached.bytes > 0 || cached.since === since)) {
      this.#chunks.delete(key);
      this.#chunks.set(key, cached);
      return cached.chunk;
    }
    const reading: CachedChunk = { since, chunk: this.#read(segment, offset), bytes: 0 };
    this.#chunks.set(key, reading);
    try {
      const chunk = await reading.chunk;
      if (this.#chunks.get(key) === reading) this.#keep(key, reading, chunk.end - offset);
      return chunk;
    } catch (error) {
      if (this.#chunks.get(key) === reading) this.#chunks.delete(key);
      throw error;
    }
  }

  /** The end of the last whole line within the first `size` bytes of a segment. */
  async lastLineEnd(segment: Segment, size: number): Promise<number> {
    const start = Math.max(0, size - 2 * MAX_LINE_BYTES);
    const data = await this.#files.read(segmentName(segment), start, size - start);
    return start + data.lastIndexOf(NEW_LINE) + 1;
  }

  async #read(segment: Segment, offset: number): Promise<Chunk> {
    const data = await this.#files.read(segmentName(segment), offset, READ_BYTES);
    return chunkOf(data, offset);
  }

  #keep(key: string, reading: CachedChunk, bytes: number): void {
    reading.bytes = bytes;
    this.#cachedBytes += bytes;
    // Where there was nothing, there may be more the next time.
    if (bytes === 0) this.#chunks.delete(key);
    for (const [oldestKey, { bytes: oldest }] of this.#chunks) {
      if (this.#cachedBytes <= MAX_CACHED_BYTES) return;
      this.#cachedBytes -= oldest;
      this.#chunks.delete(oldestKey);
    }
  }
}

const NEW_LINE = 10;

/** The whole lines in what was read at `offset`. */
export function chunkOf(data: Buffer, offset: number): Chunk {
  const lines: Located[] = [];
  let start = 0;
  for (let end = data.indexOf(NEW_LINE); end !== -1; end = data.indexOf(NEW_LINE, start)) {
    const entry = parseEntry(data.toString("utf8", start, end));
    if (entry !== undefined) lines.push({ entry, start: offset + start });
    start = end + 1;
  }
  return { lines, end: offset + start };
}

function logsOf(files: readonly OwnFile[]): Listing["logs"] {
  const segments = files
    .flatMap(({ name, size, modifiedAt }) => {
      const segment = parseSegmentName(name);
      return segment === undefined ? [] : [{ ...segment, size, modifiedAt }];
    })
    .sort((one, two) => one.number - two.number);
  const logs = new Map<string, Map<number, Omit<OwnFile, "name">>>();
  for (const { writer, number, size, modifiedAt } of segments) {
    const log = logs.get(writer) ?? new Map<number, Omit<OwnFile, "name">>();
    logs.set(writer, log.set(number, { size, modifiedAt }));
  }
  return logs;
}

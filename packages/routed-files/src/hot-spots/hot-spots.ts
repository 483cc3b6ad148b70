/** Which paths and directories get most of the requests and bytes of one router, in fixed memory. */
import { hash } from "node:crypto";
import type { Log } from "../log.ts";
import { type DirectoryPath, isHidden } from "../routing/path.ts";
import { DecayedCounts } from "./decayed-counts.ts";

/** Milliseconds in which what was counted fades to 1/e. */
export const HOT_SPOT_WINDOW = 60_000;

/**
 * Keys that each count holds, and so what there is to report at most. A share is exact to 1/128. With {@link MAX_KEY}
 * the four counts together stay below 256 KiB.
 */
export const HOT_SPOT_CAPACITY = 128;

/** Characters of a key; longer paths are counted under their beginning and a hash. */
const MAX_KEY = 128;

/** Requests of about a minute. With fewer, nothing is hot, whatever its share is. */
const MIN_REQUESTS = 300;

/** A path is no longer hot when its share has fallen to so much of the share that makes it hot. */
const OVER_AT = 0.8;

/** Milliseconds between two checks of what is no longer hot. */
const CHECK_INTERVAL = 1_000;

export interface HotSpotOptions {
  /** The share of the requests that makes a path hot; undefined where none is ever to be hot. */
  readonly share: number | undefined;
  readonly log: Pick<Log, "warn" | "info">;
  /** Milliseconds on a clock that does not go back. */
  readonly now?: () => number;
}

export interface HotSpot {
  readonly path: string;
  /** Of all requests or bytes, from 0 to 1; too high by at most `shareError`. */
  readonly share: number;
  readonly shareError: number;
  readonly perSecond: number;
}

export interface HotSpotReport {
  readonly hot: string[];
  readonly paths: HotSpotRanks;
  readonly directories: HotSpotRanks;
}

export interface HotSpotRanks {
  readonly byRequests: HotSpot[];
  readonly byBytes: HotSpot[];
}

interface HotPath {
  /** Bytes of the file when it was last read. */
  size: number | undefined;
}

/** Counts by requests and by bytes. */
interface Counts {
  readonly requests: DecayedCounts;
  readonly bytes: DecayedCounts;
}

export class HotSpots {
  readonly #share: number;
  readonly #log: HotSpotOptions["log"];
  readonly #now: () => number;
  readonly #paths = newCounts();
  readonly #directories = newCounts();
  readonly #hot = new Map<string, HotPath>();
  #lastCheck = 0;

  constructor({ share, log, now = () => performance.now() }: HotSpotOptions) {
    this.#share = share ?? Number.POSITIVE_INFINITY;
    this.#log = log;
    this.#now = now;
  }

  /** Counts a request for a path, and tells whether the path is hot. */
  note(path: DirectoryPath): boolean {
    const now = this.#now();
    if (now - this.#lastCheck >= CHECK_INTERVAL) this.#check(now);
    const key = keyOf(path);
    this.#directories.requests.add(keyOf(parentOf(path)), 1, now);
    const share = this.#paths.requests.add(key, 1, now);
    if (this.#hot.has(key)) return true;
    if (share <= this.#share || this.#paths.requests.total(now) < MIN_REQUESTS) return false;
    this.#hot.set(key, { size: undefined });
    if (!isHidden(path)) {
      this.#log.warn({ path: key, share }, `${key} is hot: it gets ${percent(share)} of the requests`);
    }
    return true;
  }

  isHot(path: DirectoryPath): boolean {
    return this.#hotPath(path) !== undefined;
  }

  /** Counts bytes that were read from a file or written to it. */
  noteBytes(path: DirectoryPath, bytes: number): void {
    if (bytes === 0) return;
    const now = this.#now();
    this.#paths.bytes.add(keyOf(path), bytes, now);
    this.#directories.bytes.add(keyOf(parentOf(path)), bytes, now);
  }

  /** Remembers how large a file is, if it is hot. */
  noteSize(path: DirectoryPath, size: number): void {
    const hot = this.#hotPath(path);
    if (hot !== undefined) hot.size = size;
  }

  /** Bytes of a file that is hot, when it was last read. */
  sizeOf(path: DirectoryPath): number | undefined {
    return this.#hotPath(path)?.size;
  }

  /** Most of the time none is, and no key need be made. */
  #hotPath(path: DirectoryPath): HotPath | undefined {
    return this.#hot.size === 0 ? undefined : this.#hot.get(keyOf(path));
  }

  /** Paths that are hot now, of those that clients can name. */
  hotPaths(): string[] {
    this.#check(this.#now());
    return [...this.#hot.keys()].filter((path) => !isHidden(path));
  }

  /** What is hot, and the `count` first of each kind. */
  report(count: number): HotSpotReport {
    const hot = this.hotPaths();
    const now = this.#now();
    const ranks = ({ requests, bytes }: Counts): HotSpotRanks => ({
      byRequests: ranked(requests, count, now),
      byBytes: ranked(bytes, count, now),
    });
    return { hot, paths: ranks(this.#paths), directories: ranks(this.#directories) };
  }

  #check(now: number): void {
    this.#lastCheck = now;
    const quiet = this.#paths.requests.total(now) < MIN_REQUESTS * OVER_AT;
    for (const path of this.#hot.keys()) {
      const share = this.#paths.requests.sureShare(path);
      if (!quiet && share > this.#share * OVER_AT) continue;
      this.#hot.delete(path);
      if (!isHidden(path)) this.#log.info({ path, share }, `${path} is no longer hot`);
    }
  }
}

function newCounts(): Counts {
  return {
    requests: new DecayedCounts(HOT_SPOT_CAPACITY, HOT_SPOT_WINDOW),
    bytes: new DecayedCounts(HOT_SPOT_CAPACITY, HOT_SPOT_WINDOW),
  };
}

function ranked(counts: DecayedCounts, most: number, now: number): HotSpot[] {
  const total = counts.total(now);
  const visible = counts.top(HOT_SPOT_CAPACITY, now).filter(({ key }) => !isHidden(key));
  return visible.slice(0, most).map(({ key, count, error }) => ({
    path: key,
    share: count / total,
    shareError: error / total,
    // What came evenly over the window has faded to so much of itself.
    perSecond: count / (HOT_SPOT_WINDOW / 1_000),
  }));
}

function parentOf(path: DirectoryPath): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function keyOf(path: string): string {
  if (path.length <= MAX_KEY) return path;
  return `${path.slice(0, MAX_KEY - 18)}… ${hash("sha256", path, "hex").slice(0, 16)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** The log of this process. All that is recorded while a WRITE is in flight goes into the next one. */
import { randomBytes } from "node:crypto";
import type { OwnFiles } from "@efs-mount-autoscaling/routed-files";
import { type Change, formatEntry } from "./change.ts";
import { type Segment, segmentName } from "./segment.ts";

/** Milliseconds, and bytes, after which the next segment is begun. */
const MAX_SEGMENT_AGE = 60_000;
const MAX_SEGMENT_BYTES = 4 * 2 ** 20;

/** Bytes of one WRITE. What is recorded beyond that waits for the next. */
const MAX_WRITE_BYTES = 256 * 1024;

interface Waiting {
  readonly line: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface OpenSegment extends Segment {
  readonly begunAt: number;
  size: number;
}

/** Changes are recorded here. */
export interface ChangeRecorder {
  /** Resolves when it is durable. Fails when it may not be in the log. */
  record(change: Change): Promise<void>;
}

export class ChangeLog implements ChangeRecorder {
  readonly #files: Pick<OwnFiles, "write">;
  readonly #maxSegmentBytes: number;
  readonly #writer = randomBytes(6).toString("base64url");
  /** As many as changes are in flight, at most. */
  #waiting: Waiting[] = [];
  #writing = false;
  #segment: OpenSegment | undefined;
  #segments = 0;
  #lastTime = 0;

  constructor(files: Pick<OwnFiles, "write">, { maxSegmentBytes = MAX_SEGMENT_BYTES } = {}) {
    this.#files = files;
    this.#maxSegmentBytes = maxSegmentBytes;
  }

  record(change: Change): Promise<void> {
    this.#lastTime = Math.max(this.#lastTime, Date.now());
    const line = Buffer.from(formatEntry({ ...change, time: this.#lastTime }));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      if (!this.#writing) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      const data = Buffer.concat(batch.map(({ line }) => line));
      const segment = this.#openSegment();
      try {
        await this.#files.write(segmentName(segment), segment.size, data);
        segment.size += data.length;
        for (const { resolve } of batch) resolve();
      } catch (error) {
        // Nobody knows what is there now: nothing more must be written behind it.
        this.#segment = undefined;
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = false;
  }

  #takeBatch(): readonly Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex(({ line }) => {
      bytes += line.length;
      return bytes > MAX_WRITE_BYTES;
    });
    const count = end === -1 ? this.#waiting.length : Math.max(1, end);
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }

  #openSegment(): OpenSegment {
    const now = performance.now();
    const segment = this.#segment;
    const goesOn =
      segment !== undefined && segment.size < this.#maxSegmentBytes && now - segment.begunAt < MAX_SEGMENT_AGE;
    if (goesOn) return segment;
    this.#segments += 1;
    this.#segment = { writer: this.#writer, number: this.#segments, begunAt: now, size: 0 };
    return this.#segment;
  }
}

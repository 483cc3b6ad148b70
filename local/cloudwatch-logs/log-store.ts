/**
 * Log groups as folders and log streams as files of JSON lines, so that a user sees with `tail -f` what arrived.
 *
 * Rules: CloudWatch Logs API reference, PutLogEvents.
 */
import { appendFileSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AwsError } from "../control-plane/aws-error.ts";

const eventSchema = z.object({ timestamp: z.int().min(0), message: z.string().min(1), ingestionTime: z.int() });

/** One event of a stream. Times are milliseconds since 1970. */
export type LogEvent = z.infer<typeof eventSchema>;

/** What PutLogEvents takes. */
type NewEvent = Omit<LogEvent, "ingestionTime">;

/** Indexes of the events that were left out, as PutLogEvents returns them. */
interface RejectedEvents {
  readonly tooNewLogEventStartIndex?: number;
  readonly tooOldLogEventEndIndex?: number;
}

const DAY = 24 * 60 * 60 * 1000;
const MAX_AHEAD = 2 * 60 * 60 * 1000;
const MAX_AGE = 14 * DAY;
const MAX_EVENTS = 10_000;
const MAX_BATCH_BYTES = 1_048_576;
const EVENT_OVERHEAD_BYTES = 26;

export class LogStore {
  readonly #directory: string;

  /** @param directory holds one folder a group. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async createGroup(group: string): Promise<void> {
    if (await exists(this.#groupPath(group))) throw alreadyExists("log group");
    await mkdir(this.#groupPath(group), { recursive: true });
  }

  async createStream(group: string, stream: string): Promise<void> {
    await this.#requireGroup(group);
    const path = this.#streamPath(group, stream);
    if (await exists(path)) throw alreadyExists("log stream");
    await appendFile(path, "");
  }

  /** The names of a group's streams, sorted. */
  async streams(group: string): Promise<string[]> {
    await this.#requireGroup(group);
    const files = await readdir(this.#groupPath(group));
    return files.map((file) => decodeURIComponent(file.replace(/\.jsonl$/, ""))).sort();
  }

  /** Appends a batch, all of it or, where CloudWatch Logs refuses it, none. */
  async putEvents(group: string, stream: string, events: readonly NewEvent[], now: number): Promise<RejectedEvents> {
    await this.#requireStream(group, stream);
    checkBatch(events);
    const tooNew = events.findIndex(({ timestamp }) => timestamp > now + MAX_AHEAD);
    const tooOldEnd = events.findLastIndex(({ timestamp }) => timestamp < now - MAX_AGE) + 1;
    const kept = events.slice(tooOldEnd, tooNew === -1 ? undefined : tooNew);
    const lines = kept.map((event) => `${JSON.stringify({ ...event, ingestionTime: now })}\n`);
    // An asynchronous append writes half a megabyte at a time, between which others could write.
    appendFileSync(this.#streamPath(group, stream), lines.join(""));
    return {
      ...(tooNew === -1 ? {} : { tooNewLogEventStartIndex: tooNew }),
      ...(tooOldEnd === 0 ? {} : { tooOldLogEventEndIndex: tooOldEnd }),
    };
  }

  /** A stream's events in the order of their arrival. */
  async events(group: string, stream: string): Promise<LogEvent[]> {
    await this.#requireStream(group, stream);
    const text = await readFile(this.#streamPath(group, stream), "utf8");
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => eventSchema.parse(JSON.parse(line)));
  }

  async #requireGroup(group: string): Promise<void> {
    if (!(await exists(this.#groupPath(group)))) throw notFound("log group");
  }

  async #requireStream(group: string, stream: string): Promise<void> {
    await this.#requireGroup(group);
    if (!(await exists(this.#streamPath(group, stream)))) throw notFound("log stream");
  }

  #groupPath(group: string): string {
    return join(this.#directory, encodeURIComponent(group));
  }

  #streamPath(group: string, stream: string): string {
    return join(this.#groupPath(group), `${encodeURIComponent(stream)}.jsonl`);
  }
}

function checkBatch(events: readonly NewEvent[]): void {
  const timestamps = events.map(({ timestamp }) => timestamp);
  if (timestamps.some((timestamp, index) => timestamp < (timestamps[index - 1] ?? 0))) {
    throw invalid("Log events in a single PutLogEvents request must be in chronological order.");
  }
  if ((timestamps.at(-1) ?? 0) - (timestamps[0] ?? 0) > DAY) {
    throw invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  }
  if (events.length > MAX_EVENTS) throw invalid(`A batch has at most ${MAX_EVENTS} log events`);
  const size = events.reduce((sum, { message }) => sum + Buffer.byteLength(message) + EVENT_OVERHEAD_BYTES, 0);
  if (size > MAX_BATCH_BYTES) throw invalid(`Upload too large: ${size} bytes exceeds limit of ${MAX_BATCH_BYTES}`);
}

function invalid(message: string): AwsError {
  return new AwsError("InvalidParameterException", 400, message);
}

function notFound(what: string): AwsError {
  return new AwsError("ResourceNotFoundException", 400, `The specified ${what} does not exist.`);
}

function alreadyExists(what: string): AwsError {
  return new AwsError("ResourceAlreadyExistsException", 400, `The specified ${what} already exists`);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

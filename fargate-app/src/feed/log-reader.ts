/**
 * Reads all logs from one place on. Each log comes in its order. A log that is far behind, because a subscriber comes back
 * after minutes, is read before the others go on: then all come in about the order in which they were written.
 */
import type { LogEntry } from "./change.ts";
import { type Cursor, MAX_POSITIONS, type Position } from "./cursor.ts";
import type { Listing, LogTail } from "./log-tail.ts";

/** An entry, and where it is. */
export interface Read {
  readonly entry: LogEntry;
  readonly writer: string;
  readonly position: Position;
}

/** What one pass over all logs has brought. */
export interface Pass {
  readonly reads: readonly Read[];
  /** Nothing that was recorded before comes in a later pass. Milliseconds since 1970. */
  readonly completeUntil: number;
  /** All logs were read to where they ended at the listing. */
  readonly atEnd: boolean;
}

/** Milliseconds by which the clocks of two routers may differ. */
export const MAX_CLOCK_DIFFERENCE = 2_000;

/**
 * Milliseconds before a cursor, in which a log that has no place in it was perhaps written to: for clocks that differ, and
 * for writes that take long.
 */
const WRITE_MARGIN = 60_000;

interface Log {
  readonly writer: string;
  segment: number;
  /** Up to where the segment is read. */
  offset: number;
  /** The last listing at which it was read to its end. */
  endOf: Listing | undefined;
  /** Read, and left to a later pass, since other logs are behind. */
  ahead: Read[];
  /** What was recorded before, by about this time, is read. */
  readUntil: number;
}

type Segments = NonNullable<ReturnType<Listing["logs"]["get"]>>;

type Tail = Pick<LogTail, "read" | "lastLineEnd">;

export class LogReader {
  readonly #tail: Tail;
  /** When the logs that are not known yet were written to, which are new. */
  #newSince: number;
  readonly #logs: Map<string, Log>;

  /** Reads what is behind a cursor. */
  constructor(tail: Tail, { time, positions }: Cursor) {
    this.#tail = tail;
    this.#newSince = positions.size < MAX_POSITIONS ? 0 : time - WRITE_MARGIN;
    this.#logs = new Map([...positions].map(([writer, position]) => [writer, logAt(writer, position)]));
  }

  /** Reads what is written after a listing. */
  static async fromEnd(tail: Tail, { startedAt, logs }: Listing): Promise<LogReader> {
    const ends = await Promise.all(
      [...logs].map(async ([writer, segments]): Promise<[string, Position]> => {
        const [segment, { size }] = [...segments].at(-1) ?? [1, { size: 0 }];
        return [writer, { segment, offset: await tail.lastLineEnd({ writer, number: segment }, size) }];
      }),
    );
    return new LogReader(tail, { time: startedAt, positions: new Map(ends) });
  }

  /** Everything before was in one of the passes. */
  positions({ logs }: Listing): Map<string, Position> {
    const writtenAt = ({ writer }: Log) => [...(logs.get(writer)?.values() ?? [])].at(-1)?.modifiedAt ?? 0;
    const recent = [...this.#logs.values()].sort((one, two) => writtenAt(two) - writtenAt(one));
    return new Map(
      recent
        .slice(0, MAX_POSITIONS)
        .map(({ writer, segment, offset, ahead: [next] }) => [writer, next?.position ?? { segment, offset }]),
    );
  }

  /** Reads some more of the logs that are behind. */
  async pass(listing: Listing): Promise<Pass> {
    this.#followWriters(listing);
    const logs = [...this.#logs.values()];
    const unread = () => logs.filter(({ endOf }) => endOf !== listing);
    const readUntil = () => Math.min(...unread().map((log) => log.readUntil));
    const slowest = readUntil();
    const behind = unread().filter((log) => log.readUntil <= slowest + MAX_CLOCK_DIFFERENCE);
    await Promise.all(behind.map((log) => this.#readSome(log, listing)));
    const atEnd = unread().length === 0;
    const until = atEnd ? Number.POSITIVE_INFINITY : readUntil() - MAX_CLOCK_DIFFERENCE;
    const reads = logs.flatMap((log) => take(log, until)).sort((one, two) => one.entry.time - two.entry.time);
    return { reads, completeUntil: atEnd ? listing.startedAt - MAX_CLOCK_DIFFERENCE : until, atEnd };
  }

  /** Begins with the logs that are new, and forgets those that are gone: nothing was written to them for long. */
  #followWriters({ logs }: Listing): void {
    for (const [writer, segments] of logs) {
      if (!this.#logs.has(writer)) this.#logs.set(writer, logAt(writer, beginningOf(segments, this.#newSince)));
    }
    this.#newSince = 0;
    for (const { writer, ahead } of this.#logs.values()) {
      if (ahead.length === 0 && !logs.has(writer)) this.#logs.delete(writer);
    }
  }

  async #readSome(log: Log, listing: Listing): Promise<void> {
    const { writer } = log;
    const segments = listing.logs.get(writer);
    const next = [...(segments?.keys() ?? [])].find((number) => number > log.segment);
    const size = segments?.get(log.segment)?.size ?? 0;
    if (next !== undefined || log.offset < size) {
      const { lines, end } = await this.#tail.read({ writer, number: log.segment }, log.offset, listing);
      for (const { entry, start } of lines) {
        log.ahead.push({ entry, writer, position: { segment: log.segment, offset: start } });
        log.readUntil = entry.time;
      }
      if (end > log.offset) {
        log.offset = end;
        if (next !== undefined || end < size) return;
      } else if (next !== undefined) {
        // The next segment was begun before this one was read to its end, so nothing comes any more.
        log.segment = next;
        log.offset = 0;
        return;
      }
    }
    log.endOf = listing;
    log.readUntil = Math.max(log.readUntil, listing.startedAt);
  }
}

/** Of what was written since then. */
function beginningOf(segments: Segments, since: number): Position {
  for (const [segment, { modifiedAt }] of segments) if (modifiedAt >= since) return { segment, offset: 0 };
  const [segment, { size }] = [...segments].at(-1) ?? [1, { size: 0 }];
  return { segment, offset: size };
}

function logAt(writer: string, { segment, offset }: Position): Log {
  return { writer, segment, offset, endOf: undefined, ahead: [], readUntil: 0 };
}

/** The entries that were recorded until then; the clock of a log never goes back. */
function take(log: Log, until: number): readonly Read[] {
  const end = log.ahead.findIndex(({ entry }) => entry.time > until);
  const taken = end === -1 ? log.ahead : log.ahead.slice(0, end);
  log.ahead = end === -1 ? [] : log.ahead.slice(end);
  return taken;
}

/** What one subscriber gets: the changes below a prefix, from a place in the logs on. */
import { type Cursor, formatCursor, type Position } from "./cursor.ts";
import { LogReader, MAX_CLOCK_DIFFERENCE, type Read } from "./log-reader.ts";
import type { Listing, LogTail } from "./log-tail.ts";
import { Delivered, dueOf, type Ordered } from "./order.ts";

/** `id` is where to go on after it: what comes again was perhaps delivered already, and nothing is left out. */
export type FeedEvent =
  | ({ readonly kind: "change"; readonly id: string } & Ordered)
  /** Nothing has happened. */
  | { readonly kind: "position"; readonly id: string }
  /** What happened before is not known any more. */
  | { readonly kind: "reset"; readonly id: string };

export interface SubscriptionOptions {
  /** Go on after it. Absent: from now on. */
  readonly after?: Cursor | undefined;
  /** Paths begin with it. */
  readonly prefix: string;
  /** Milliseconds for which logs are kept. */
  readonly retention: number;
  /** Milliseconds without an event, after which there is a `position`. */
  readonly keepAliveInterval: number;
  /** Ends it, after the next poll at the latest. */
  readonly signal: AbortSignal;
}

/** The events; it begins with a `position`, and has no end of its own. What is not taken from it waits in the logs. */
export async function* subscribe(tail: LogTail, options: SubscriptionOptions): AsyncGenerator<FeedEvent, void> {
  const { prefix, retention, keepAliveInterval, signal } = options;
  let listing = await tail.listing();
  let subscription = await startFrom(tail, listing, options.after);
  let lastEvent = Date.now();
  yield { kind: "position", id: subscription.id };
  while (!signal.aborted) {
    if (Date.now() - subscription.time > retention) {
      listing = await tail.listing();
      subscription = await startFrom(tail, listing, undefined);
      yield { kind: "reset", id: subscription.id };
    }
    const before = subscription.id;
    const { due, atEnd } = await subscription.advance(listing, prefix);
    for (const [index, ordered] of due.entries()) {
      const isLast = index === due.length - 1;
      yield { kind: "change", id: isLast ? subscription.id : before, ...ordered };
    }
    if (due.length > 0) lastEvent = Date.now();
    if (Date.now() - lastEvent >= keepAliveInterval) {
      lastEvent = Date.now();
      yield { kind: "position", id: subscription.id };
    }
    if (atEnd) listing = await tail.listing();
  }
}

async function startFrom(tail: LogTail, listing: Listing, after: Cursor | undefined): Promise<Subscription> {
  if (after !== undefined) return new Subscription(new LogReader(tail, after), after);
  const reader = await LogReader.fromEnd(tail, listing);
  const time = listing.startedAt - MAX_CLOCK_DIFFERENCE;
  return new Subscription(reader, { time, positions: reader.positions(listing) });
}

class Subscription {
  readonly #reader: LogReader;
  readonly #delivered = new Delivered();
  /** Due when it is known what comes before. */
  #pending: { readonly reads: readonly Read[]; readonly completeUntil: number };
  /** Read after them. */
  #later: readonly Read[] = [];
  #cursor: Cursor;

  constructor(reader: LogReader, cursor: Cursor) {
    this.#reader = reader;
    this.#pending = { reads: [], completeUntil: cursor.time };
    this.#cursor = cursor;
  }

  get id(): string {
    return formatCursor(this.#cursor);
  }

  /** Everything that was recorded before is delivered. */
  get time(): number {
    return this.#cursor.time;
  }

  /** Makes a pass over the logs. What was read before is due when all that may come before it has been read. */
  async advance(
    listing: Listing,
    prefix: string,
  ): Promise<{ readonly due: readonly Ordered[]; readonly atEnd: boolean }> {
    const { reads, completeUntil, atEnd } = await this.#reader.pass(listing);
    this.#later = [...this.#later, ...reads];
    const latest = this.#pending.reads.reduce((time, { entry }) => Math.max(time, entry.time), 0);
    if (!atEnd && completeUntil < latest + MAX_CLOCK_DIFFERENCE) return { due: [], atEnd };
    const { due, rest } = dueOf(this.#pending.reads, this.#later);
    const time = Math.max(this.#cursor.time, this.#pending.completeUntil);
    this.#pending = { reads: rest, completeUntil };
    this.#later = [];
    this.#cursor = { time, positions: before(rest, this.#reader.positions(listing)) };
    // Only of what is delivered need the versions be remembered.
    const wanted = due.filter(({ entry }) => concerns(prefix, entry));
    return { due: wanted.flatMap(({ entry }) => this.#delivered.next(entry) ?? []), atEnd };
  }
}

/** The positions, moved back to before `reads`, which have each log in its order. */
function before(reads: readonly Read[], positions: ReadonlyMap<string, Position>): ReadonlyMap<string, Position> {
  const first = new Map<string, Position>();
  for (const { writer, position } of reads) if (!first.has(writer)) first.set(writer, position);
  return new Map([...positions].map(([writer, position]) => [writer, first.get(writer) ?? position]));
}

/** Whether something with the prefix may have changed. */
function concerns(prefix: string, { kind, path }: Ordered["entry"]): boolean {
  if (kind !== "directory-changed") return path.startsWith(prefix);
  const directory = path === "" ? "" : `${path}/`;
  return directory.startsWith(prefix) || prefix.startsWith(directory);
}

import { setImmediate as nextTurn } from "node:timers/promises";
import type { OwnFile, OwnFiles } from "@efs-mount-autoscaling/routed-files";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import {
  type Change,
  compareVersions,
  formatEntry,
  isVersioned,
  type LogEntry,
  parseEntry,
  type VersionedEntry,
} from "../../fargate-app/src/feed/change.ts";
import { ChangeLog } from "../../fargate-app/src/feed/change-log.ts";
import { formatCursor, parseCursor } from "../../fargate-app/src/feed/cursor.ts";
import { chunkOf, LogTail } from "../../fargate-app/src/feed/log-tail.ts";
import { Delivered, dueOf, inVersionOrder } from "../../fargate-app/src/feed/order.ts";
import { type FeedEvent, subscribe } from "../../fargate-app/src/feed/subscription.ts";

const PATHS = ["a", "b/c", "d"];

/** One directory of a file system: what the server says of each change. */
class Directory {
  #change = 0n;
  #fileIds = 0n;
  readonly #files = new Map<string, { fileId: bigint; change: bigint; namedAt: bigint }>();

  /** @param staleness Of an append: how long before it its file was opened, as a share of the time since it got its name. */
  make(kind: "write" | "append" | "delete", path: string, staleness = 0): Change {
    const file = this.#files.get(path);
    if (kind === "append" && file !== undefined) {
      file.change += 1n;
      const waited = BigInt(Math.floor(Number(this.#change - file.namedAt) * staleness));
      return { kind, path, directoryChange: this.#change - waited, ...this.#attributesOf(file) };
    }
    this.#change += 1n;
    if (kind === "delete") {
      this.#files.delete(path);
      return { kind, path, directoryChange: this.#change };
    }
    const made = { fileId: ++this.#fileIds, change: 1n, namedAt: this.#change };
    this.#files.set(path, made);
    return { kind, path, directoryChange: this.#change, ...this.#attributesOf(made) };
  }

  #attributesOf({ fileId, change }: { fileId: bigint; change: bigint }) {
    return { fileId, change, size: 1, modifiedAt: 0 };
  }
}

const step = fc.record({
  kind: fc.constantFrom("write", "append", "delete"),
  path: fc.constantFrom(...PATHS),
  staleness: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** Changes in the order in which they were made. */
const history = fc.array(step, { maxLength: 40 }).map((steps) => {
  const directory = new Directory();
  return steps.map(({ kind, path, staleness }): VersionedEntry => {
    const entry: LogEntry = { ...directory.make(kind, path, staleness), time: 0 };
    if (!isVersioned(entry)) throw new Error("Every change has a version");
    return entry;
  });
});

const reads = (entries: readonly LogEntry[]) => entries.map((entry) => ({ entry }));
const ofPath = (path: string, entries: readonly { readonly entry: LogEntry }[]) =>
  entries.map(({ entry }) => entry).filter((entry) => entry.path === path);

describe("the order of the changes of a path", () => {
  test("is that in which they were made, in whatever order they are read in two passes", () => {
    const shuffled = history.chain((made) =>
      fc.record({
        made: fc.constant(made),
        read: fc.shuffledSubarray(made, { minLength: made.length }),
        cut: fc.nat(made.length),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ made, read, cut }) => {
        for (const path of PATHS) expect(ofPath(path, inVersionOrder(reads(read)))).toEqual(ofPath(path, reads(made)));
        const { due, rest } = dueOf(reads(read.slice(0, cut)), reads(read.slice(cut)));
        expect(new Set([...due, ...rest].map(({ entry }) => entry))).toEqual(new Set(made));
        const delivered = [...due, ...inVersionOrder(rest)];
        for (const path of PATHS) expect(ofPath(path, delivered)).toEqual(ofPath(path, reads(made)));
      }),
    );
  });

  test("never goes back: what is read later than two passes is marked", () => {
    const anyOrder = history.chain((made) => fc.shuffledSubarray(made, { minLength: made.length }));
    fc.assert(
      fc.property(anyOrder, (read) => {
        const delivered = new Delivered();
        const ordered = read.flatMap((entry) => delivered.next(entry) ?? []);
        expect(ordered.map(({ entry }) => entry)).toEqual(read);
        for (const path of PATHS) {
          const current = ofPath(
            path,
            ordered.filter(({ superseded }) => !superseded),
          ).filter(isVersioned);
          for (const [index, entry] of current.entries()) {
            const before = current[index - 1];
            if (before !== undefined) expect(compareVersions(entry, before)).toBeGreaterThanOrEqual(0);
          }
        }
      }),
    );
  });
});

describe("lines and cursors", () => {
  const anyPath = fc.string({ unit: "binary", maxLength: 50 });
  const big = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const entry: fc.Arbitrary<LogEntry> = fc.oneof(
    fc.record({
      kind: fc.constantFrom("write" as const, "append" as const),
      time: fc.nat(),
      path: anyPath,
      directoryChange: big,
      fileId: big,
      change: big,
      size: fc.nat(),
      modifiedAt: fc.nat(),
    }),
    fc.record({ kind: fc.constant("delete" as const), time: fc.nat(), path: anyPath, directoryChange: big }),
    fc.record({ kind: fc.constant("uncertain" as const), time: fc.nat(), path: anyPath }),
  );

  test("an entry is read as it was written", () => {
    fc.assert(
      fc.property(entry, (each) => {
        expect(parseEntry(formatEntry(each).trimEnd())).toEqual(each);
      }),
    );
    const halfAPair = { kind: "uncertain" as const, time: 0, path: "\udce9" };
    expect(parseEntry(formatEntry(halfAPair))).toEqual(halfAPair);
  });

  test("of a log that is cut off anywhere, the whole lines are read, and the rest when it is there", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 10 }), fc.nat(), (entries, at) => {
        const data = Buffer.from(entries.map(formatEntry).join(""));
        const first = chunkOf(data.subarray(0, at % (data.length + 1)), 0);
        const second = chunkOf(data.subarray(first.end), first.end);
        expect([...first.lines, ...second.lines].map((line) => line.entry)).toEqual(entries);
        expect(second.end).toBe(data.length);
      }),
    );
  });

  test("a line that is none is left out", () => {
    const { lines, end } = chunkOf(
      Buffer.from('{"kind":"of a later version"}\n\0\0\n{"kind":"uncertain","time":1,"path":"a"}\n'),
      0,
    );
    expect(lines.map(({ entry: { path } }) => path)).toEqual(["a"]);
    expect(end).toBe(74);
  });

  test("a cursor is read as it was written", () => {
    const position = fc.record({ segment: fc.nat(), offset: fc.nat() });
    const writer = fc.string({ unit: fc.constantFrom(..."abcXYZ019-_"), minLength: 8, maxLength: 8 });
    const positions = fc.array(fc.tuple(writer, position)).map((all) => new Map(all));
    fc.assert(
      fc.property(fc.nat(), positions, (time, each) => {
        expect(parseCursor(formatCursor({ time, positions: each }))).toEqual({ time, positions: each });
      }),
    );
  });
});

/** Logs in memory. Everything takes a while: files are listed one by one, and a half of a write is there before the rest. */
class SlowFiles implements OwnFiles {
  readonly #files = new Map<string, Buffer>();
  readonly #random: () => number;
  readonly #failures: number;
  readonly #maxRead: number;

  /**
   * @param failures Which share of the writes fails, and may be carried out later all the same.
   * @param maxRead Bytes that are read at once.
   */
  constructor(random: () => number, { failures, maxRead }: { failures: number; maxRead: number }) {
    this.#random = random;
    this.#failures = failures;
    this.#maxRead = maxRead;
  }

  async list(): Promise<readonly OwnFile[]> {
    const listed: OwnFile[] = [];
    await this.#wait();
    for (const name of [...this.#files.keys()]) {
      listed.push({ name, size: this.#files.get(name)?.length ?? 0, modifiedAt: Date.now() });
      await this.#wait();
    }
    return listed;
  }

  async read(name: string, start: number, length: number): Promise<Buffer> {
    await this.#wait();
    const data = Buffer.from(this.#files.get(name)?.subarray(start, start + Math.min(length, this.#maxRead)) ?? []);
    await this.#wait();
    return data;
  }

  async write(name: string, offset: number, data: Uint8Array): Promise<void> {
    await this.#wait();
    if (this.#random() < this.#failures) {
      if (this.#random() < 0.5) void this.#wait(20).then(() => this.#put(name, offset, data));
      throw new Error("The connection was lost");
    }
    const half = Math.floor(this.#random() * data.length);
    this.#put(name, offset, data.subarray(0, half));
    await this.#wait();
    this.#put(name, offset, data);
    await this.#wait();
  }

  async remove(name: string): Promise<void> {
    this.#files.delete(name);
  }

  #put(name: string, offset: number, data: Uint8Array): void {
    const before = this.#files.get(name) ?? Buffer.alloc(0);
    const after = Buffer.alloc(Math.max(before.length, offset + data.length));
    before.copy(after);
    after.set(data, offset);
    this.#files.set(name, after);
  }

  async #wait(most = 4): Promise<void> {
    for (let turns = Math.floor(this.#random() * most); turns > 0; turns--) await nextTurn();
  }
}

type ChangeEvent = Extract<FeedEvent, { kind: "change" }>;

/** Takes events until all changes of `wanted` have come. */
async function collect(
  tail: LogTail,
  after: string | undefined,
  wanted: () => readonly Change[],
): Promise<ChangeEvent[]> {
  const events: ChangeEvent[] = [];
  const cursor = after === undefined ? undefined : parseCursor(after);
  const options = {
    after: cursor,
    prefix: "",
    retention: 900_000,
    keepAliveInterval: 0,
    signal: new AbortController().signal,
  };
  for await (const event of subscribe(tail, options)) {
    if (event.kind === "reset") throw new Error("Nothing is too old");
    if (event.kind === "change") events.push(event);
    else if (contains(events, wanted())) break;
  }
  return events;
}

function isSame({ entry }: ChangeEvent, change: Change): boolean {
  return (
    isVersioned(entry) &&
    "directoryChange" in change &&
    entry.kind === change.kind &&
    compareVersions(entry, { ...change, time: 0 }) === 0
  );
}

function contains(events: readonly ChangeEvent[], changes: readonly Change[]): boolean {
  return changes.every((change) => events.some((event) => event.entry.path === change.path && isSame(event, change)));
}

/** The changes of one path, in the order of their events, each once. */
function eventsOf(path: string, events: readonly ChangeEvent[], changes: readonly Change[]): Change[] {
  const first = changes
    .filter((change) => change.path === path)
    .map((change) => ({ change, at: events.findIndex((event) => event.entry.path === path && isSame(event, change)) }))
    .filter(({ at }) => at !== -1);
  return first.sort((one, two) => one.at - two.at).map(({ change }) => change);
}

describe("a subscriber", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const run = fc.record({
    seed: fc.integer(),
    changes: fc.array(fc.tuple(step, fc.nat(2)), { minLength: 1, maxLength: 30 }),
    failures: fc.constantFrom(0, 0.1),
    maxRead: fc.constantFrom(300, 100_000),
    /** Of the clock, with every change. */
    tick: fc.constantFrom(0, 700),
    resumeAt: fc.nat(),
  });

  test("gets every acknowledged change, in order, also from the middle on", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(run, async ({ seed, changes, failures, maxRead, tick, resumeAt }) => {
        const files = new SlowFiles(seededRandom(seed), { failures, maxRead });
        let now = 1_000_000;
        vi.spyOn(Date, "now").mockImplementation(() => now);
        const logs = [0, 1, 2].map(() => new ChangeLog(files, { maxSegmentBytes: 500 }));
        const tail = new LogTail(files, { pollInterval: 0 });
        const directory = new Directory();
        const acknowledged: Change[] = [];
        let isDone = false;
        const begin = formatCursor({ time: now, positions: new Map() });
        const subscriber = collect(tail, begin, () => (isDone ? acknowledged : [{ kind: "uncertain", path: "never" }]));
        // The changes of one path follow each other; those of several paths are made at the same time.
        const writers = PATHS.map(async (path) => {
          for (const [{ kind, staleness, path: at }, writer] of changes) {
            if (at !== path) continue;
            now += tick;
            const change = directory.make(kind, path, staleness);
            await logs[writer]?.record(change).then(
              () => acknowledged.push(change),
              () => undefined,
            );
          }
        });
        await Promise.all(writers);
        isDone = true;
        const events = await subscriber;
        for (const path of PATHS) {
          expect(eventsOf(path, events, acknowledged)).toEqual(acknowledged.filter((change) => change.path === path));
        }
        if (failures === 0) expect(events.filter(({ superseded }) => superseded)).toEqual([]);

        const place = resumeAt % (events.length + 1);
        const rest = acknowledged.filter(
          (change) =>
            !events.slice(0, place).some((event) => event.entry.path === change.path && isSame(event, change)),
        );
        const again = await collect(tail, events[place - 1]?.id ?? begin, () => rest);
        for (const path of PATHS) {
          expect(eventsOf(path, again, rest)).toEqual(rest.filter((change) => change.path === path));
        }
      }),
      { numRuns: 100 },
    );
  });
});

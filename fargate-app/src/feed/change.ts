/** What happened to a path, as one line of a router's log. */
import * as z from "zod";

const hex = z.codec(z.string().regex(/^[0-9a-f]{1,16}$/), z.bigint(), {
  decode: (digits) => BigInt(`0x${digits}`),
  encode: (number) => number.toString(16),
});

/** When it was recorded, by the router's clock, in milliseconds since 1970. Never decreases within a log. */
const time = z.number();
/** As {@link FilePath}. */
const path = z.string();
/** The change attribute of the directory of `path`: see {@link Changed}. */
const directoryChange = hex;

const written = {
  time,
  path,
  directoryChange,
  fileId: hex,
  /** The change attribute of the file. */
  change: hex,
  size: z.number(),
  modifiedAt: z.number(),
};

const entrySchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("write"), ...written }),
  z.object({ kind: z.literal("append"), ...written }),
  z.object({ kind: z.literal("delete"), time, path, directoryChange }),
  /** The path was perhaps changed, and nobody knows how: whoever wants to know must look. */
  z.object({ kind: z.literal("uncertain"), time, path }),
  /** Names in a directory changed, or with `recursive` in those below it, by whomever. The file monitor found that. */
  z.object({ kind: z.literal("directory-changed"), time, path, recursive: z.boolean(), foundAt: z.number() }),
]);

export type LogEntry = z.infer<typeof entrySchema>;

type WithoutTime<Entry> = Entry extends LogEntry ? Omit<Entry, "time"> : never;

/** What is recorded; the log adds the time. */
export type Change = WithoutTime<LogEntry>;

/** Whose order is known. */
export type VersionedEntry = Extract<LogEntry, { directoryChange: bigint }>;

export function isVersioned(entry: LogEntry): entry is VersionedEntry {
  return "directoryChange" in entry;
}

/**
 * Which of two changes to the same path was the later one, by what the server says; negative when it was `two`.
 *
 * The directory's change attribute grows with every name that is given or removed. That of an append is from when its file
 * was opened: after the file got its name, and before the name was given to another. Appends to one file are made under a
 * lock, and the file's own change attribute grows with each.
 */
export function compareVersions(one: VersionedEntry, two: VersionedEntry): number {
  if (one.kind === "append" && two.kind === "append" && one.fileId === two.fileId) {
    return compare(one.change, two.change);
  }
  return (
    compare(one.directoryChange, two.directoryChange) || Number(one.kind === "append") - Number(two.kind === "append")
  );
}

function compare(one: bigint, two: bigint): number {
  return Number(one > two) - Number(one < two);
}

/** One line, with its end. */
export function formatEntry(entry: LogEntry): string {
  return `${JSON.stringify(z.encode(entrySchema, entry))}\n`;
}

/** Undefined where the line is none: it was cut off, or is of another version of this program. */
export function parseEntry(line: string): LogEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return entrySchema.safeParse(value).data;
}

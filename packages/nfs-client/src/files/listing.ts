/** Listing a directory page by page, from the start or from a cursor. */
import { setImmediate } from "node:timers/promises";
import { InvalidCursorError, ProtocolError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { DirectoryEntry, DirectoryOptions } from "../types.ts";
import type { Operation } from "../wire/compound.ts";
import type { FileAttributes } from "../wire/operations/attributes.ts";
import {
  DIRECTORY_START,
  type DirectoryPage,
  type DirectoryPosition,
  type ListedEntry,
  readDirectory,
} from "../wire/operations/directories.ts";
import { getFileHandle, putFileHandle } from "../wire/operations/file-handles.ts";
import { type FileContext, runOptions } from "./context.ts";
import { parsePath, walkTo } from "./paths.ts";

export async function* listDirectory(
  context: FileContext,
  path: string,
  options: DirectoryOptions = {},
): AsyncGenerator<DirectoryEntry> {
  for await (const { entries, verifier } of pagesOf(context, path, options)) {
    for (const entry of entries) yield new Entry(entry, verifier);
  }
}

/** From the second page on, the next page is fetched while the consumer has this one: it is likely to want them all. */
async function* pagesOf(context: FileContext, path: string, options: DirectoryOptions): AsyncGenerator<DirectoryPage> {
  const read = async (start: readonly Operation<unknown>[], from: DirectoryPosition, run: RunOptions) => {
    const page = readDirectory(from, context.channel.capabilities.maximumDirectoryPage);
    const reply = (await context.channel.run([...start, page], run)).orThrow(path);
    return { reply, page: reply.of(page) };
  };
  const start = options.after === undefined ? DIRECTORY_START : parseCursor(options.after);
  const run = runOptions(context, options);
  const handle = getFileHandle();
  const first = await read([...(await walkTo(context, parsePath(path), run, 2)), handle], start, run);
  const directory = [putFileHandle(first.reply.of(handle))];
  let { page } = first;
  const endWatch = context.channel.watch();
  try {
    for (let before = start, ahead = false; ; ahead = true) {
      const position = positionAfter(page, before);
      const readNext = (from: DirectoryPosition) => read(directory, from, runOptions(context, options));
      const next = ahead && position ? readNext(position) : undefined;
      // It may never be awaited: its failure must not count as unhandled then.
      next?.catch(() => {});
      // The consumer may keep this thread busy with the entries it has: the request must leave first.
      if (next !== undefined) await setImmediate();
      yield page;
      if (position === undefined) return;
      ({ page } = await (next ?? readNext(position)));
      before = position;
    }
  } finally {
    endWatch();
  }
}

/** Where the next page begins; `undefined` after the last one. */
function positionAfter(page: DirectoryPage, before: DirectoryPosition): DirectoryPosition | undefined {
  if (page.endOfDirectory) return undefined;
  const cookie = page.entries.at(-1)?.cookie;
  if (cookie === undefined || cookie === before.cookie) {
    throw new ProtocolError("The server sent a page of a directory that leads no further");
  }
  return { cookie, verifier: page.verifier };
}

/** An entry whose cursor is made only when it is read. */
class Entry implements DirectoryEntry {
  readonly name: string;
  readonly attributes: FileAttributes;
  readonly #cookie: bigint;
  readonly #verifier: Buffer;

  constructor({ name, attributes, cookie }: ListedEntry, verifier: Buffer) {
    this.name = name;
    this.attributes = attributes;
    this.#cookie = cookie;
    this.#verifier = verifier;
  }

  get cursor(): string {
    return `${this.#cookie.toString(16)}-${this.#verifier.toString("hex")}`;
  }
}

function parseCursor(cursor: string): DirectoryPosition {
  const [, cookie, verifier] = /^([0-9a-f]{1,16})-([0-9a-f]{16})$/.exec(cursor) ?? [];
  if (cookie === undefined || verifier === undefined) {
    throw new InvalidCursorError(`${JSON.stringify(cursor)} is not the cursor of a directory entry`);
  }
  return { cookie: BigInt(`0x${cookie}`), verifier: Buffer.from(verifier, "hex") };
}

/** Listing a directory page by page, from any place in it. */
import { InvalidCursorError, ProtocolError } from "../errors.ts";
import { getFileHandle, putFileHandle } from "../operations/handles.ts";
import { DIRECTORY_START, type DirectoryPosition, type ListedEntry, readDirectory } from "../operations/names.ts";
import type { Operation } from "../operations/operation.ts";
import { parsePath } from "../paths.ts";
import type { DirectoryEntry, DirectoryOptions } from "../types.ts";
import { type FileContext, runOptions } from "./context.ts";
import { walkTo } from "./walk.ts";

export async function* listDirectory(
  context: FileContext,
  path: string,
  options: DirectoryOptions = {},
): AsyncGenerator<DirectoryEntry> {
  const handle = getFileHandle();
  let position = options.after === undefined ? DIRECTORY_START : parseCursor(options.after);
  let run = runOptions(context, options);
  let start: Operation<unknown>[] = [...(await walkTo(context, parsePath(path), run)), handle];
  for (;;) {
    const read = readDirectory(position, context.channel.limits.maximumDirectoryPage);
    const reply = (await context.channel.run([...start, read], run)).orThrow(path);
    const { entries, verifier, endOfDirectory } = reply.of(read);
    for (const entry of entries) yield withCursor(entry, verifier);
    if (endOfDirectory) return;
    const last = entries.at(-1);
    if (last === undefined || last.cookie === position.cookie) {
      throw new ProtocolError("The server sent a page of a directory that leads no further");
    }
    position = { cookie: last.cookie, verifier };
    if (start.includes(handle)) start = [putFileHandle(reply.of(handle))];
    run = runOptions(context, options);
  }
}

function withCursor({ name, attributes, cookie }: ListedEntry, verifier: Buffer): DirectoryEntry {
  return {
    name,
    attributes,
    get cursor() {
      return `${cookie.toString(16)}-${verifier.toString("hex")}`;
    },
  };
}

function parseCursor(cursor: string): DirectoryPosition {
  const [, cookie, verifier] = /^([0-9a-f]{1,16})-([0-9a-f]{16})$/.exec(cursor) ?? [];
  if (cookie === undefined || verifier === undefined) {
    throw new InvalidCursorError(`${JSON.stringify(cursor)} is not the cursor of a directory entry`);
  }
  return { cookie: BigInt(`0x${cookie}`), verifier: Buffer.from(verifier, "hex") };
}

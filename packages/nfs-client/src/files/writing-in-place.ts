/** Writing into a file at an offset, in one COMPOUND for each part: whoever does that is the only one, or writes the same. */
import { ProtocolError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { WriteAtOptions } from "../types.ts";
import { CURRENT_STATEID } from "../wire/data-types.ts";
import { write } from "../wire/operations/data.ts";
import { creationMode, type FileContext, runOptions } from "./context.ts";
import { makingParents } from "./directories.ts";
import { closeQuietly, type Opening, onOpenFile, openAt, runWithinOpen } from "./open-files.ts";
import { type EntryPath, parseEntryPath } from "./paths.ts";
import { oneCompoundLimit } from "./writing.ts";

interface Part {
  readonly offset: number;
  readonly data: Uint8Array;
}

export async function writeInPlace(
  context: FileContext,
  path: string,
  { offset, data }: Part,
  options: WriteAtOptions = {},
): Promise<void> {
  const run = runOptions(context, options);
  const file = parseEntryPath(path);
  const limit = Math.max(1, oneCompoundLimit(context, file));
  let written = 0;
  const writeAll = async () => {
    do {
      const part = { offset: offset + written, data: data.subarray(written, written + limit) };
      written += await writePart(context, file, part, run);
    } while (written < data.length);
  };
  await (options.createParents === false ? writeAll() : makingParents(context, file.directory, run, writeAll));
}

/** Returns how many bytes were written: a server may write less than it was asked to. */
async function writePart(context: FileContext, file: EntryPath, part: Part, run: RunOptions): Promise<number> {
  const create = { how: "unchecked", mode: creationMode(context, context.fileMode) } as const;
  return context.openOwners.with(run.deadline, async (ownerName, busy) => {
    const opening: Opening = { access: "write", ownerName, create, busy };
    const count =
      (await writeWithinOpen(context, file, opening, part, run)) ??
      (await writeOpened(context, file, opening, part, run));
    if (count > part.data.length || (count === 0 && part.data.length > 0)) {
      throw new ProtocolError(`The server wrote ${count} of ${part.data.length} bytes`);
    }
    return count;
  });
}

async function writeWithinOpen(
  context: FileContext,
  file: EntryPath,
  opening: Opening,
  { offset, data }: Part,
  run: RunOptions,
): Promise<number | undefined> {
  const writing = write(CURRENT_STATEID, { offset, data: [data], durable: true });
  return (await runWithinOpen(context, file, opening, [writing], run))?.of(writing).count;
}

async function writeOpened(
  context: FileContext,
  file: EntryPath,
  opening: Opening,
  { offset, data }: Part,
  run: RunOptions,
): Promise<number> {
  const opened = await openAt(context, file, opening, run);
  try {
    const { count } = await onOpenFile(
      context,
      opened,
      (stateid) => write(stateid, { offset, data: [data], durable: true }),
      run,
    );
    return count;
  } finally {
    opening.busy?.(closeQuietly(context, opened));
  }
}

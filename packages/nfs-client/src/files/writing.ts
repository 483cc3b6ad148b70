/** Replacing a file: in one COMPOUND when the data fits, else by streaming it to a staged file. */
import { Backoff } from "../deadline.ts";
import { AbortedError, ConnectionError, OutcomeUnknownError } from "../errors.ts";
import { MemoryBudget, MemoryLease } from "../memory-budget.ts";
import type { RunOptions } from "../session/channel.ts";
import type { WriteOptions } from "../types.ts";
import { CURRENT_STATEID } from "../wire/data-types.ts";
import { getAttributes, verifySize } from "../wire/operations/attributes.ts";
import { write } from "../wire/operations/data.ts";
import { rename } from "../wire/operations/directories.ts";
import { lookup, restoreFileHandle, saveFileHandle } from "../wire/operations/file-handles.ts";
import { close, openByName } from "../wire/operations/opens-and-locks.ts";
import { allOf, Batches, type Beginning, begin, MAX_SOURCE_WAIT } from "./chunks.ts";
import { creationMode, type FileContext, runOptions, stateOwner } from "./context.ts";
import { makingParents, statIfThere } from "./directories.ts";
import { closeOpened } from "./open-files.ts";
import type { Busy } from "./owners.ts";
import { type EntryPath, parseEntryPath, sharing, walkTo } from "./paths.ts";
import {
  attributesAtName,
  type ChangedFile,
  closeStaged,
  discard,
  newTemporaryName,
  publish,
  RENAMING_OTHERS,
  removeTemporary,
  renameInPlace,
  type StagedFile,
  stageFile,
  writeAndClose,
  writeChunks,
} from "./staged-file.ts";

/** Bytes of a request that are left for all but the names and the data. */
const ENVELOPE = 1024;
const NAME_OVERHEAD = 16;

/** Data that the caller already holds in memory does not count. */
const CALLERS_MEMORY = new MemoryBudget(Number.POSITIVE_INFINITY);

export async function writeWhole(
  context: FileContext,
  path: string,
  data: Uint8Array | AsyncIterable<Uint8Array>,
  options: WriteOptions = {},
): Promise<ChangedFile> {
  const file = parseEntryPath(path);
  const isInMemory = data instanceof Uint8Array;
  const memory = new MemoryLease(isInMemory ? CALLERS_MEMORY : context.memory);
  const limit = oneCompoundLimit(context, file);
  try {
    const source = isInMemory ? allOf(data, limit) : await begin(data, limit, MAX_SOURCE_WAIT, memory);
    return await writeFrom(context, file, source, memory, options);
  } finally {
    memory.releaseAll();
  }
}

async function writeFrom(
  context: FileContext,
  file: EntryPath,
  source: Beginning,
  memory: MemoryLease,
  options: WriteOptions,
): Promise<ChangedFile> {
  try {
    const run = runOptions(context, options);
    const inDirectory = <T>(operation: () => Promise<T>) =>
      options.createParents === false ? operation() : makingParents(context, file.directory, run, operation);
    if (source.complete && options.when === undefined && context.channel.capabilities.currentStateid) {
      const shared = { ...run, ...sharing(options, file.directory, { dataSent: source.length }) };
      const written = await inDirectory(() => writeAtOnce(context, file, source, options, shared));
      if (written !== undefined) return written;
    }
    return await context.openOwners.with(run.deadline, async (ownerName, busy) => {
      const staged = await inDirectory(() => stageFile(context, file, { ownerName, busy }, run));
      return writeStaged(context, staged, source, memory, options, busy);
    });
  } finally {
    await source.end();
  }
}

/** Bytes of data that fit into a request with the names of the path, which occur twice in it. */
export function oneCompoundLimit({ channel }: FileContext, { directory, name }: EntryPath): number {
  const { maximumRequest, maximumWrite } = channel.capabilities;
  const names = [...directory, name].reduce((sum, each) => sum + Buffer.byteLength(each) + NAME_OVERHEAD, 0);
  return Math.max(0, Math.min(maximumWrite, maximumRequest - ENVELOPE - 2 * names));
}

/** They are open only within a COMPOUND, each another file, so that their opens can share one owner. */
const STAGING_OWNER = "staging";

/** Operations besides the walk: of a write in one COMPOUND, and of one that stages a file and looks at what it replaces. */
const WRITING_OTHERS = 10;
const LOOKING_OTHERS = 8;

/**
 * Creates, writes, closes and renames: in one COMPOUND where the server takes so many operations, and has VERIFY. Else
 * the name is given in a second one, when it is known that all was written. So it is where something is to be done
 * before, and for a write that must be resolvable, because a COMPOUND that begins with OPEN cannot be stopped by removing
 * the file. Returns `undefined` when the file must be staged instead: the server wrote only a part of it, or does not
 * support the current stateid, which is remembered.
 */
async function writeAtOnce(
  context: FileContext,
  file: EntryPath,
  { parts, length }: Pick<Beginning, "parts" | "length">,
  { resolvable = false, beforePublishing }: WriteOptions,
  run: RunOptions,
): Promise<ChangedFile | undefined> {
  const { channel } = context;
  const { verify, maximumOperations } = channel.capabilities;
  const inOne = !resolvable && beforePublishing === undefined && verify && WRITING_OTHERS < maximumOperations;
  const looks = beforePublishing !== undefined && LOOKING_OTHERS < maximumOperations;
  const backoff = new Backoff();
  const owner = await stateOwner(context, STAGING_OWNER, run);
  for (;;) {
    const temporaryName = newTemporaryName();
    const temporary = { target: file, temporaryName };
    const others = inOne ? WRITING_OTHERS : looks ? LOOKING_OTHERS : RENAMING_OTHERS;
    const walk = await walkTo(context, file.directory, run, others);
    const create = { how: "unchecked", mode: creationMode(context, context.fileMode) } as const;
    const open = openByName({ owner, access: "write", name: temporaryName, create });
    const writing = write(CURRENT_STATEID, { offset: 0, data: parts, durable: true });
    const own = getAttributes();
    const closing = close(CURRENT_STATEID);
    const renaming = rename(temporaryName, file.name);
    const looking = lookup(file.name);
    const there = getAttributes();
    // A server may write less than it was asked to: an incomplete file must not get the name.
    const staging = [open, writing, ...(inOne ? [verifySize(length)] : []), own, closing];
    const atName = [...(inOne ? [renaming] : []), looking, there];
    const operations =
      inOne || looks ? [...walk, saveFileHandle, ...staging, restoreFileHandle, ...atName] : [...walk, ...staging];
    const reply = await channel.run(operations, { ...run, visible: inOne });
    if (reply.reached(renaming)) {
      return { ...attributesAtName(reply.of(own), reply, there), directoryChange: reply.of(renaming) };
    }
    if (!reply.reached(open)) reply.orThrow(file.text);
    if (!reply.reached(closing)) await closeOpened(context, walk, temporaryName, reply, open);
    if (!inOne && reply.reached(closing) && reply.of(writing).count === length) {
      const closed = reply.of(own);
      const found = async () => {
        if (reply.reached(there)) return reply.of(there);
        const isAbsent = reply.failure?.operation === looking && reply.failedWith("NFS4ERR_NOENT");
        return isAbsent ? undefined : existingAt(context, file, run);
      };
      const naming = async () => {
        await beforePublishing?.(closed, await found());
        return renameInPlace(context, { ...temporary, fileId: closed.fileId, closed }, walk, run);
      };
      return await orCleanUp(naming(), resolvable, () => removeTemporary(context, temporary));
    }
    await removeTemporary(context, temporary);
    const isPart = reply.reached(writing) && reply.of(writing).count < length;
    if (isPart) return undefined;
    if (reply.failedWith("NFS4ERR_BAD_STATEID") && !reply.reached(closing)) {
      channel.noteRefusal("currentStateid");
      return undefined;
    }
    if (!reply.failedWith("NFS4ERR_DELAY", "NFS4ERR_GRACE")) reply.orThrow(file.text);
    await channel.waitAsAsked(operations, reply, backoff, run.deadline);
  }
}

function existingAt(context: FileContext, { directory, name }: EntryPath, run: RunOptions) {
  const { together: _, ...alone } = run;
  return statIfThere(context, [...directory, name], alone);
}

async function writeStaged(
  context: FileContext,
  file: StagedFile,
  source: Beginning,
  memory: MemoryLease,
  options: WriteOptions,
  busy: Busy,
): Promise<ChangedFile> {
  const run = () => runOptions(context, options);
  const writing = async () => {
    const { parts, length, complete } = source;
    const isWritten = complete && (await writeAndClose(context, file, { offset: 0, length, parts }, run()));
    if (!isWritten) await writeAhead(context, file, source, memory, options);
    if (options.beforePublishing !== undefined) {
      const closed = await closeStaged(context, file, run());
      const existing = options.when === undefined ? await existingAt(context, file.target, run()) : undefined;
      await options.beforePublishing(closed, existing);
    }
    return publish(context, file, options.when, run());
  };
  return orCleanUp(writing(), options.resolvable ?? false, () => {
    const discarding = discard(context, file);
    busy(discarding);
    return discarding;
  });
}

/**
 * Settles as `work` does; cleans up first where it fails, but for what is left to be resolved. `cleanUp` must not fail.
 */
async function orCleanUp<T>(work: Promise<T>, resolvable: boolean, cleanUp: () => Promise<void>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (resolvable && error instanceof OutcomeUnknownError) throw error;
    const cleaning = cleanUp();
    // The server no longer replies: do not keep the caller, who may do the same elsewhere.
    if (!(error instanceof ConnectionError || error instanceof AbortedError)) await cleaning;
    // Nobody else is to look for what was cleaned up.
    throw error instanceof OutcomeUnknownError ? new OutcomeUnknownError(error.message, { cause: error.cause }) : error;
  }
}

/** Writes a source of any length, a few batches ahead of the server, within the memory budget. */
async function writeAhead(
  context: FileContext,
  file: StagedFile,
  source: Beginning,
  memory: MemoryLease,
  options: WriteOptions,
): Promise<void> {
  const run = () => runOptions(context, options);
  const endWatch = context.channel.watch();
  const batches = new Batches(context.channel.capabilities.maximumWrite, async (chunks) => {
    try {
      await writeChunks(context, file, chunks, run);
    } finally {
      memory.release(chunks.reduce((sum, { length }) => sum + length, 0));
    }
  });
  try {
    for (const part of source.parts) await batches.add(part);
    for await (const part of source.rest()) {
      if (!memory.tryReserve(part.length)) {
        batches.send();
        await memory.reserve(part.length, run().deadline);
      }
      await batches.add(part);
    }
    await batches.finish();
  } finally {
    endWatch();
    await batches.stop();
  }
}

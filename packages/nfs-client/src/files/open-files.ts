/** Files that stay open over several COMPOUNDs, and are reopened when the server has lost the open. */
import { ignoreNfsError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { CompoundReply, Operation, Operations } from "../wire/compound.ts";
import { CURRENT_STATEID, type Stateid } from "../wire/data-types.ts";
import { type FileAttributes, getAttributes } from "../wire/operations/attributes.ts";
import { getFileHandle, lookup, putFileHandle } from "../wire/operations/file-handles.ts";
import {
  type CreateSpecification,
  close,
  type OpenAccess,
  openByHandle,
  openByName,
} from "../wire/operations/opens-and-locks.ts";
import { cleanupOptions, type FileContext, stateOwner } from "./context.ts";
import type { Busy } from "./owners.ts";
import { type EntryPath, walkTo } from "./paths.ts";

export interface OpenFile {
  readonly path: string;
  readonly access: OpenAccess;
  readonly ownerName: string;
  readonly handle: Buffer;
  /** The directory's change attribute when the file was opened. */
  readonly directoryChange: bigint;
  stateid: Stateid;
  /**
   * In flight. Requests that find the open lost share one new open: another one would outdate the first one's stateid.
   */
  reopening?: Promise<void> | undefined;
}

/** Statuses after the server restarted, or our lease expired: the file is still there, its open is gone. */
export const OPEN_LOST = [
  "NFS4ERR_BAD_STATEID",
  "NFS4ERR_STALE_STATEID",
  "NFS4ERR_EXPIRED",
  "NFS4ERR_ADMIN_REVOKED",
] as const;

export interface Opening {
  readonly access: OpenAccess;
  readonly ownerName: string;
  /** How the file is created where there is none; without it, that is NFS4ERR_NOENT. */
  readonly create?: CreateSpecification | undefined;
  /** Whether to ask for the handle of the directory, too. */
  readonly withDirectory?: boolean;
  /** Gets the work of closing what is opened when nobody waits for it any more. Default: the caller does that. */
  readonly busy?: Busy;
}

interface OpenedAt extends OpenFile {
  readonly attributes: FileAttributes;
  readonly directory?: Buffer;
}

/** Opens the file at a path. */
export async function openAt(
  context: FileContext,
  file: EntryPath,
  opening: Opening,
  run: RunOptions,
): Promise<OpenedAt> {
  const { access, ownerName, create, withDirectory = false, busy } = opening;
  const owner = await stateOwner(context, ownerName, run);
  const directory = getFileHandle();
  const asking = withDirectory ? [directory] : [];
  const walk = await walkTo(context, file.directory, run, asking.length + 3);
  const open = openByName({ owner, access, name: file.name, ...(create && { create }) });
  const handle = getFileHandle();
  const attributes = getAttributes();
  const reply = await context.channel.run([...walk, ...asking, open, handle, attributes], {
    ...run,
    once: create?.how === "guarded",
    ...(busy && { onAbandoned: (over) => busy(over.then(() => closeLate(context, file, opening))) }),
  });
  if (!reply.succeeded) await closeOpened(context, walk, file.name, reply, open);
  reply.orThrow(file.text);
  return {
    path: file.text,
    access,
    ownerName,
    handle: reply.of(handle),
    stateid: reply.of(open),
    directoryChange: reply.of(open).directoryChange,
    attributes: reply.of(attributes),
    ...(withDirectory && { directory: reply.of(directory) }),
  };
}

/**
 * Opens a file, runs `operations` on it with the current stateid, and closes it, in one COMPOUND. `undefined` when the
 * last of them must be retried with the real stateid.
 */
export async function runWithinOpen(
  context: FileContext,
  file: EntryPath,
  { access, ownerName, create }: Opening,
  operations: Operations,
  run: RunOptions,
): Promise<CompoundReply | undefined> {
  const { channel } = context;
  const { currentStateid, maximumOperations } = channel.capabilities;
  const others = operations.length + 2;
  if (!currentStateid || others >= maximumOperations) return undefined;
  const owner = await stateOwner(context, ownerName, run);
  const walk = await walkTo(context, file.directory, run, others);
  const open = openByName({ owner, access, name: file.name, ...(create && { create }) });
  const closing = close(CURRENT_STATEID);
  const reply = await channel.run([...walk, open, ...operations, closing], run);
  if (reply.succeeded) return reply;
  await closeOpened(context, walk, file.name, reply, open);
  if (reply.failure?.operation === closing) return reply;
  const isRefused = reply.reached(open) && reply.failedWith("NFS4ERR_BAD_STATEID");
  if (isRefused) channel.noteRefusal("currentStateid");
  if (!isRefused && !reply.failedWith("NFS4ERR_DELAY", "NFS4ERR_GRACE")) reply.orThrow(file.text);
  return undefined;
}

/** Closes what the owner may have open: opening it once more tells the stateid. A failure is ignored. */
async function closeLate(context: FileContext, file: EntryPath, { access, ownerName }: Opening): Promise<void> {
  try {
    await closeQuietly(context, await openAt(context, file, { access, ownerName }, cleanupOptions()));
  } catch (error) {
    ignoreNfsError(error);
  }
}

/** Closes what a COMPOUND opened that failed behind its OPEN of `name`, in the directory that `walk` leads to. */
export async function closeOpened(
  { channel }: FileContext,
  walk: Operations,
  name: string,
  reply: CompoundReply,
  open: Operation<Stateid>,
): Promise<void> {
  if (!reply.reached(open)) return;
  const closing = [...walk, lookup(name), close(reply.of(open))];
  await channel.run(closing, cleanupOptions()).catch(ignoreNfsError);
}

/** Runs one operation on an open file. `operation` makes it, with the stateid that the file has now. */
export async function onOpenFile<Result>(
  context: FileContext,
  file: OpenFile,
  operation: (stateid: Stateid) => Operation<Result>,
  run: RunOptions,
): Promise<Result> {
  for (;;) {
    const { stateid } = file;
    const each = operation(stateid);
    const reply = await context.channel.run([putFileHandle(file.handle), each], run);
    if (!reply.failedWith(...OPEN_LOST)) return reply.orThrow(file.path).of(each);
    run.deadline.check();
    if (file.stateid !== stateid) continue;
    file.reopening ??= reopen(context, file, run).finally(() => {
      file.reopening = undefined;
    });
    await file.reopening;
  }
}

async function reopen(context: FileContext, file: OpenFile, run: RunOptions): Promise<void> {
  const open = openByHandle(await stateOwner(context, file.ownerName, run), file.access);
  const reply = await context.channel.run([putFileHandle(file.handle), open], run);
  file.stateid = reply.orThrow(file.path).of(open);
}

/** Closes a file. A failure is ignored: the server drops the open when our lease expires. */
export async function closeQuietly(context: FileContext, { handle, stateid }: OpenFile): Promise<void> {
  await context.channel.run([putFileHandle(handle), close(stateid)], cleanupOptions()).catch(ignoreNfsError);
}

/**
 * A staged file is written under a temporary name, in the directory where it will be. Then it is published under its
 * own name in one step, or discarded.
 */
import { randomUUID } from "node:crypto";
import { ignoreNfsError, isStatus, OutcomeUnknownError, PreconditionError, ProtocolError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { Changed, WriteOptions } from "../types.ts";
import type { CompoundReply, Operation, Operations } from "../wire/compound.ts";
import { type FileAttributes, getAttributes } from "../wire/operations/attributes.ts";
import { commit, write } from "../wire/operations/data.ts";
import { link, remove, rename } from "../wire/operations/directories.ts";
import { lookup, putFileHandle, saveFileHandle } from "../wire/operations/file-handles.ts";
import { close } from "../wire/operations/opens-and-locks.ts";
import { type Chunk, dropBytes } from "./chunks.ts";
import { cleanupOptions, creationMode, type FileContext } from "./context.ts";
import { statNames } from "./directories.ts";
import { releaseQuietly, requireUnchanged, whileUnchanged, withLockedFile } from "./locking.ts";
import { closeQuietly, OPEN_LOST, type OpenFile, type Opening, onOpenFile, openAt } from "./open-files.ts";
import type { Busy } from "./owners.ts";
import { type EntryPath, walkTo } from "./paths.ts";

/** What temporary names begin with. */
export const TEMPORARY_PREFIX = ".nfs-tmp-";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export type ChangedFile = FileAttributes & Changed;

export interface TemporaryFile {
  readonly target: EntryPath;
  readonly temporaryName: string;
}

/** A file that is complete, but for its name. */
export interface ClosedFile extends TemporaryFile {
  readonly fileId: bigint;
  /** What it was when it was closed. */
  readonly closed: FileAttributes;
}

export interface StagedFile extends OpenFile, TemporaryFile {
  readonly fileId: bigint;
  /** By the server's clock, in milliseconds since 1970. */
  readonly createdAt: number;
  /** What it was when it was closed, once it is. */
  closed?: FileAttributes;
}

export function newTemporaryName(): string {
  return `${TEMPORARY_PREFIX}${randomUUID()}`;
}

/** Whether {@link newTemporaryName} may have made this name. */
export function isTemporaryName(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX) && UUID.test(name.slice(TEMPORARY_PREFIX.length));
}

export async function stageFile(
  context: FileContext,
  target: EntryPath,
  owner: { readonly ownerName: string; readonly busy: Busy },
  run: RunOptions,
): Promise<StagedFile> {
  const temporaryName = newTemporaryName();
  const opening: Opening = {
    access: "write",
    ownerName: owner.ownerName,
    create: { how: "unchecked", mode: creationMode(context, context.fileMode) },
    busy: (closing) => owner.busy(closing.then(() => removeTemporary(context, { target, temporaryName }))),
  };
  const { attributes, ...opened } = await openAt(context, { ...target, name: temporaryName }, opening, run);
  return { ...opened, target, temporaryName, fileId: attributes.fileId, createdAt: attributes.modifiedAt };
}

/**
 * Writes the only chunk of a file, and closes the file. Returns whether that was all done: a server may write less than
 * it was asked to, and may have lost the open.
 */
export async function writeAndClose(
  { channel }: FileContext,
  file: StagedFile,
  { offset, length, parts }: Chunk,
  run: RunOptions,
): Promise<boolean> {
  const writing = write(file.stateid, { offset, data: parts, durable: true });
  const attributes = getAttributes();
  const closing = close(file.stateid);
  const reply = await channel.run([putFileHandle(file.handle), writing, attributes, closing], run);
  if (!reply.reached(writing)) {
    if (!reply.failedWith(...OPEN_LOST)) reply.orThrow(file.path);
    return false;
  }
  if (!reply.reached(closing) || reply.of(writing).count !== length) return false;
  file.closed = reply.of(attributes);
  return true;
}

/** Writes chunks concurrently; on return all of them are durable. Each request gets its deadline from `run`. */
export async function writeChunks(
  context: FileContext,
  file: StagedFile,
  chunks: readonly Chunk[],
  run: () => RunOptions,
): Promise<void> {
  const written = await Promise.all(
    chunks.map(async (chunk) => ({ chunk, verifiers: await writeChunk(context, file, chunk, false, run) })),
  );
  const unstable = written.filter(({ verifiers }) => verifiers.length > 0);
  if (unstable.length === 0) return;
  const committed = await commitFile(context, file, run());
  // A server that has restarted since the WRITE has another verifier, and has lost what was not durable.
  const lost = unstable.filter(({ verifiers }) => verifiers.some((verifier) => verifier !== committed));
  await Promise.all(lost.map(({ chunk }) => writeChunk(context, file, chunk, true, run)));
}

/** Writes one chunk, and returns the verifiers of the WRITEs that are not durable yet. */
async function writeChunk(
  context: FileContext,
  file: StagedFile,
  chunk: Chunk,
  durable: boolean,
  run: () => RunOptions,
): Promise<bigint[]> {
  const verifiers: bigint[] = [];
  let rest = chunk;
  while (rest.length > 0) {
    const { offset, parts } = rest;
    const result = await onOpenFile(context, file, (each) => write(each, { offset, data: parts, durable }), run());
    if (result.count === 0 || result.count > rest.length) {
      throw new ProtocolError(`The server wrote ${result.count} of ${rest.length} bytes`);
    }
    if (!result.durable) verifiers.push(result.verifier);
    rest = dropBytes(rest, result.count);
  }
  return verifiers;
}

async function commitFile({ channel }: FileContext, { handle, path }: StagedFile, run: RunOptions): Promise<bigint> {
  const operation = commit();
  return (await channel.run([putFileHandle(handle), operation], run)).orThrow(path).of(operation);
}

/** Removes the file. If that fails, it is an orphan, which {@link NfsClient.removeOrphans} removes later. */
export async function discard(context: FileContext, file: StagedFile): Promise<void> {
  if (file.closed === undefined) await closeQuietly(context, file);
  await removeTemporary(context, file);
}

export async function removeTemporary(context: FileContext, { target, temporaryName }: TemporaryFile): Promise<void> {
  const run = cleanupOptions();
  try {
    const walk = await walkTo(context, target.directory, run, 1);
    await context.channel.run([...walk, remove(temporaryName)], run);
  } catch (error) {
    ignoreNfsError(error);
  }
}

/** The attributes of the file, which is closed if it is not. */
export async function closeStaged(context: FileContext, file: StagedFile, run: RunOptions): Promise<FileAttributes> {
  return file.closed ?? (await closeWith(context, file, [], run)).closed;
}

/** Operations that close a file, and ask for its attributes before. */
const CLOSING = 3;

interface Closed {
  readonly closed: FileAttributes;
  readonly reply: CompoundReply;
  /** The open was gone already, which does no harm; but it ends the COMPOUND. */
  readonly wasLost: boolean;
}

/** Closes the file, and runs `others` in the same COMPOUND. */
async function closeWith(
  { channel }: FileContext,
  file: StagedFile,
  others: Operations,
  run: RunOptions,
): Promise<Closed> {
  const own = getAttributes();
  const closing = close(file.stateid);
  const reply = await channel.run([putFileHandle(file.handle), own, closing, ...others], run);
  const wasLost = reply.failure?.operation === closing && reply.failedWith(...OPEN_LOST);
  if (!reply.reached(closing) && !wasLost) reply.orThrow(file.path);
  const closed = reply.of(own);
  file.closed = closed;
  return { closed, reply, wasLost };
}

/** @throws {PreconditionError} when the condition does not hold; the staged file is still there then. */
export async function publish(
  context: FileContext,
  file: StagedFile,
  when: WriteOptions["when"],
  run: RunOptions,
): Promise<ChangedFile> {
  if (when === undefined) return replace(context, file, run);
  if (when === "absent") return publishWhereAbsent(context, file, run);
  return whileUnchanged(context, file.target, when.etag, run, (verified, underLock) => {
    const naming = rename(file.temporaryName, file.target.name);
    return giveName(context, file, naming, [...verified, naming], underLock);
  });
}

async function replace(context: FileContext, file: StagedFile, run: RunOptions): Promise<ChangedFile> {
  return renameInPlace(context, file, await walkTo(context, file.target.directory, run, RENAMING_OTHERS), run);
}

/** Operations of {@link renameInPlace} besides its walk. */
export const RENAMING_OTHERS = 4;

/** @param walk Leads to the file's directory. */
export async function renameInPlace(
  context: FileContext,
  file: StagedFile | ClosedFile,
  walk: Operations,
  run: RunOptions,
): Promise<ChangedFile> {
  const naming = rename(file.temporaryName, file.target.name);
  return giveName(context, file, naming, [...walk, saveFileHandle, naming], run);
}

/** LINK, unlike RENAME, never replaces an existing file. */
async function publishWhereAbsent(context: FileContext, file: StagedFile, run: RunOptions): Promise<ChangedFile> {
  if (!context.channel.capabilities.link) return replaceOwnEmptyFile(context, file, run);
  const { directory, name } = file.target;
  const walk = await walkTo(context, directory, run, 6);
  const naming = link(name);
  const operations = [putFileHandle(file.handle), saveFileHandle, ...walk, naming, remove(file.temporaryName)];
  try {
    return await giveName(context, file, naming, operations, run);
  } catch (cause) {
    if (isStatus(cause, "NFS4ERR_NOTSUPP") && cause.operation === "LINK") {
      context.channel.noteRefusal("link");
      return replaceOwnEmptyFile(context, file, run);
    }
    if (!isStatus(cause, "NFS4ERR_EXIST")) throw cause;
    throw exists(file, cause);
  }
}

/**
 * Makes an empty file of the name where there is none, and replaces it while it is locked and unchanged. Others may see
 * it empty for a moment; if this client ends then, it stays.
 */
async function replaceOwnEmptyFile(context: FileContext, file: StagedFile, run: RunOptions): Promise<ChangedFile> {
  const { target } = file;
  const create = { how: "guarded", mode: creationMode(context, context.fileMode) } as const;
  try {
    return await withLockedFile(context, target, create, run, async (empty, holding) => {
      const verified = await requireUnchanged(context, target, empty, holding.run);
      const naming = rename(file.temporaryName, target.name);
      const result = await giveName(context, file, naming, [...verified, naming], holding.run);
      await releaseQuietly(context, empty);
      return result;
    });
  } catch (cause) {
    // Somebody who takes no lock has removed the empty file.
    if (isStatus(cause, "NFS4ERR_NOENT") && cause.operation === "LOOKUP") {
      run.deadline.check();
      return replaceOwnEmptyFile(context, file, run);
    }
    // Somebody who takes no lock has replaced it: that is as if the other one had come first.
    throw isStatus(cause, "NFS4ERR_EXIST", "NFS4ERR_NOT_SAME") ? exists(file, cause) : cause;
  }
}

function exists({ path }: StagedFile, cause: unknown): PreconditionError {
  return new PreconditionError(`${path} exists`, { cause });
}

/**
 * Closes the file, runs `operations`, and returns the attributes that the file has then: in one COMPOUND where the server
 * takes so many operations. One of them is `naming`, which gives the file its name; they leave its directory current.
 */
async function giveName(
  context: FileContext,
  file: StagedFile | ClosedFile,
  naming: Operation<bigint>,
  operations: Operations,
  run: RunOptions,
): Promise<ChangedFile> {
  const { channel } = context;
  const { maximumOperations } = channel.capabilities;
  const { target } = file;
  const atName = getAttributes();
  const looks = operations.length + 2 <= maximumOperations;
  const publishing = looks ? [...operations, lookup(target.name), atName] : operations;
  const once = { ...run, once: true };
  const statTarget = () => statNames(context, [...target.directory, target.name], run).catch(ignoreNfsError);
  try {
    const ended = await closeFirst(context, file, naming, publishing, run);
    const reply = ended.reply ?? (await channel.run(publishing, once));
    if (!reply.reached(naming)) reply.orThrow(target.text);
    const directoryChange = reply.of(naming);
    if (looks) return { ...attributesAtName(ended.closed, reply, atName), directoryChange };
    const there = await statTarget();
    return { ...(there?.fileId === file.fileId ? there : ended.closed), directoryChange };
  } catch (error) {
    if (!(error instanceof OutcomeUnknownError)) throw error;
    const there = await statTarget();
    if (there?.fileId === file.fileId) return there;
    const path = `/${[...target.directory, file.temporaryName].join("/")}`;
    throw new OutcomeUnknownError(error.message, { cause: error.cause, staged: { path, fileId: file.fileId } });
  }
}

/** Closes the file, and runs `publishing` in the same COMPOUND where that fits; if it was run, there is its reply. */
async function closeFirst(
  context: FileContext,
  file: StagedFile | ClosedFile,
  naming: Operation<unknown>,
  publishing: Operations,
  run: RunOptions,
): Promise<{ readonly closed: FileAttributes; readonly reply?: CompoundReply }> {
  if (!("handle" in file)) return file;
  const fits = CLOSING + publishing.length <= context.channel.capabilities.maximumOperations;
  if (file.closed !== undefined || !fits) return { closed: await closeStaged(context, file, run) };
  const { closed, reply, wasLost } = await closeWith(context, file, publishing, { ...run, once: true });
  // The channel does not retry a COMPOUND whose CLOSE was done.
  const asksForTime = !reply.reached(naming) && reply.failedWith("NFS4ERR_DELAY", "NFS4ERR_GRACE");
  return wasLost || asksForTime ? { closed } : { closed, reply };
}

/** The attributes of the file at its name, or its own from before when somebody has replaced or removed it since. */
export function attributesAtName(
  own: FileAttributes,
  reply: CompoundReply,
  atName: Operation<FileAttributes>,
): FileAttributes {
  if (!reply.reached(atName)) return own;
  const there = reply.of(atName);
  return there.fileId === own.fileId ? there : own;
}

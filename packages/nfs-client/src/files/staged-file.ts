/**
 * A staged file is written under a temporary name, in the directory where it will be. Then it is published under its
 * own name in one step, or discarded.
 */
import { randomUUID } from "node:crypto";
import { ignoreNfsError, isStatus, OutcomeUnknownError, PreconditionError, ProtocolError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { WriteOptions } from "../types.ts";
import type { CompoundReply, Operation } from "../wire/compound.ts";
import { type FileAttributes, getAttributes } from "../wire/operations/attributes.ts";
import { commit, write } from "../wire/operations/data.ts";
import { link, remove, rename } from "../wire/operations/directories.ts";
import { getFileHandle, lookup, putFileHandle, saveFileHandle } from "../wire/operations/file-handles.ts";
import { close, openByName } from "../wire/operations/opens-and-locks.ts";
import { type Chunk, dropBytes } from "./chunks.ts";
import { cleanupOptions, type FileContext, stateOwner } from "./context.ts";
import { statNames } from "./directories.ts";
import { whileUnchanged } from "./locking.ts";
import { closeQuietly, OPEN_LOST, type OpenFile, onOpenFile } from "./open-files.ts";
import { type EntryPath, walkTo } from "./paths.ts";

/** What temporary names begin with. */
export const TEMPORARY_PREFIX = ".nfs-tmp-";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Each staged file is opened once, so that their opens can share one owner. */
export const STAGING_OWNER = "staging";

export interface StagedFile extends OpenFile {
  readonly target: EntryPath;
  readonly temporaryName: string;
  readonly fileId: bigint;
  /** By the server's clock, in milliseconds since 1970. */
  readonly createdAt: number;
}

export function newTemporaryName(): string {
  return `${TEMPORARY_PREFIX}${randomUUID()}`;
}

/** Whether {@link newTemporaryName} may have made this name. */
export function isTemporaryName(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX) && UUID.test(name.slice(TEMPORARY_PREFIX.length));
}

export async function stageFile(context: FileContext, target: EntryPath, run: RunOptions): Promise<StagedFile> {
  const temporaryName = newTemporaryName();
  const owner = await stateOwner(context, STAGING_OWNER, run);
  const walk = await walkTo(context, target.directory, run);
  const create = { how: "unchecked", mode: context.fileMode } as const;
  const open = openByName({ owner, access: "write", name: temporaryName, create });
  const handle = getFileHandle();
  const attributes = getAttributes();
  const reply = (await context.channel.run([...walk, open, handle, attributes], run)).orThrow(target.text);
  const { fileId, modifiedAt } = reply.of(attributes);
  return {
    path: target.text,
    access: "write",
    ownerName: STAGING_OWNER,
    handle: reply.of(handle),
    stateid: reply.of(open),
    target,
    temporaryName,
    fileId,
    createdAt: modifiedAt,
  };
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
  await closeQuietly(context, file);
  await removeTemporary(context, file);
}

export async function removeTemporary(
  context: FileContext,
  { target, temporaryName }: Pick<StagedFile, "target" | "temporaryName">,
): Promise<void> {
  const run = cleanupOptions();
  try {
    const walk = await walkTo(context, target.directory, run);
    await context.channel.run([...walk, remove(temporaryName)], run);
  } catch (error) {
    ignoreNfsError(error);
  }
}

/** @throws {PreconditionError} when the condition does not hold; the staged file is still there then. */
export async function publish(
  context: FileContext,
  file: StagedFile,
  when: WriteOptions["when"],
  run: RunOptions,
): Promise<FileAttributes> {
  if (when === undefined) return replace(context, file, run);
  if (when === "absent") return publishWhereAbsent(context, file, run);
  return whileUnchanged(context, file.target, when.etag, run, (verified, underLock) => {
    const naming = rename(file.temporaryName, file.target.name);
    return giveName(context, file, naming, [...verified, naming], underLock);
  });
}

async function replace(context: FileContext, file: StagedFile, run: RunOptions): Promise<FileAttributes> {
  const { directory, name } = file.target;
  const walk = await walkTo(context, directory, run);
  const naming = rename(file.temporaryName, name);
  return giveName(context, file, naming, [...walk, saveFileHandle, naming], run);
}

/** LINK, unlike RENAME, never replaces an existing file. */
async function publishWhereAbsent(context: FileContext, file: StagedFile, run: RunOptions): Promise<FileAttributes> {
  const { directory, name } = file.target;
  const walk = await walkTo(context, directory, run);
  const naming = link(name);
  const operations = [putFileHandle(file.handle), saveFileHandle, ...walk, naming, remove(file.temporaryName)];
  try {
    return await giveName(context, file, naming, operations, run);
  } catch (cause) {
    if (!isStatus(cause, "NFS4ERR_EXIST")) throw cause;
    throw new PreconditionError(`${file.path} exists`, { cause });
  }
}

/**
 * Closes the file, runs `operations`, and returns the attributes that the file has then. One of the operations is
 * `naming`, which gives the file its name; they leave its directory current.
 */
async function giveName(
  context: FileContext,
  file: StagedFile,
  naming: Operation<unknown>,
  operations: readonly Operation<unknown>[],
  run: RunOptions,
): Promise<FileAttributes> {
  const { path, target } = file;
  const own = getAttributes();
  const closing = close(file.stateid);
  const atName = getAttributes();
  const publishing = [...operations, lookup(target.name), atName];
  const once = { ...run, once: true };
  try {
    const first = await context.channel.run([putFileHandle(file.handle), own, closing, ...publishing], once);
    const closeFailed = first.failure?.operation === closing && first.failedWith(...OPEN_LOST);
    // The channel does not retry a COMPOUND whose CLOSE was done.
    const asksForTime =
      first.reached(closing) && !first.reached(naming) && first.failedWith("NFS4ERR_DELAY", "NFS4ERR_GRACE");
    const reply = closeFailed || asksForTime ? await context.channel.run(publishing, once) : first;
    if (!reply.reached(naming)) reply.orThrow(path);
    return attributesAtName(first.of(own), reply, atName);
  } catch (error) {
    if (!(error instanceof OutcomeUnknownError)) throw error;
    const there = await statNames(context, [...target.directory, target.name], run).catch(ignoreNfsError);
    if (there?.fileId === file.fileId) return there;
    throw error;
  }
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

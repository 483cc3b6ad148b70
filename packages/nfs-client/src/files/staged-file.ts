/**
 * A file in the making: it has a temporary name in the directory where it will be, is written there, and is then
 * published under its own name in one step, or discarded.
 */
import { randomUUID } from "node:crypto";
import { ignoreNfsError, ProtocolError } from "../errors.ts";
import { getAttributes } from "../operations/attributes.ts";
import { commit, write } from "../operations/data.ts";
import { getFileHandle, putFileHandle } from "../operations/handles.ts";
import { remove } from "../operations/names.ts";
import { openByName } from "../operations/open.ts";
import type { FilePath } from "../paths.ts";
import type { RunOptions } from "../session/channel.ts";
import { type Chunk, dropBytes } from "./chunks.ts";
import { cleanupOptions, type FileContext, stateOwner } from "./context.ts";
import { closeQuietly, type OpenFile, onOpenFile } from "./opens.ts";
import { walkTo } from "./walk.ts";

/** What the names of files in the making begin with. */
export const TEMPORARY_PREFIX = ".nfs-tmp-";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** All files in the making have names of their own, so their opens can share one owner. */
export const STAGING_OWNER = "staging";

export interface StagedFile extends OpenFile {
  readonly target: FilePath;
  readonly temporaryName: string;
  readonly fileId: bigint;
  /** The server's time, in milliseconds since 1970. */
  readonly createdAt: number;
}

export function newTemporaryName(): string {
  return `${TEMPORARY_PREFIX}${randomUUID()}`;
}

/** Whether {@link newTemporaryName} makes such names. */
export function isTemporaryName(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX) && UUID.test(name.slice(TEMPORARY_PREFIX.length));
}

export async function stageFile(context: FileContext, target: FilePath, run: RunOptions): Promise<StagedFile> {
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

/** Writes chunks side by side; on return all of them are durable. Each request has the deadline that `run` gives it. */
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
  // a server that restarted since the WRITE has another verifier now, and has lost what it had not stored
  const lost = unstable.filter(({ verifiers }) => verifiers.some((verifier) => verifier !== committed));
  await Promise.all(lost.map(({ chunk }) => writeChunk(context, file, chunk, true, run)));
}

/** Writes one chunk, and tells the verifiers of the WRITEs that are not durable yet. */
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

/** Takes the file away again; what cannot be removed now is left under its temporary name. */
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

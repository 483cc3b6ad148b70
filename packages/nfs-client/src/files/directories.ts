/** Attributes, and the names in directories: creating, renaming and removing. */
import { isMissing, isStatus, NfsStatusError, OutcomeUnknownError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { Changed, OperationOptions, RemoveOptions } from "../types.ts";
import type { Operation, Operations } from "../wire/compound.ts";
import { type FileAttributes, getAttributes } from "../wire/operations/attributes.ts";
import { createDirectory, remove, rename } from "../wire/operations/directories.ts";
import {
  getFileHandle,
  lookup,
  putFileHandle,
  putRootFileHandle,
  saveFileHandle,
} from "../wire/operations/file-handles.ts";
import { creationMode, type FileContext, runOptions } from "./context.ts";
import { whileUnchanged } from "./locking.ts";
import { type EntryPath, parseEntryPath, parsePath, sharing, walkTo } from "./paths.ts";

export async function statPath(
  context: FileContext,
  path: string,
  options: OperationOptions = {},
): Promise<FileAttributes> {
  const names = parsePath(path);
  return statNames(context, names, { ...runOptions(context, options), ...sharing(options, names.slice(0, -1)) });
}

export async function statNames(
  context: FileContext,
  names: readonly string[],
  run: RunOptions,
): Promise<FileAttributes> {
  const attributes = getAttributes();
  const walk = await walkTo(context, names, run, 1);
  return (await context.channel.run([...walk, attributes], run)).orThrow(`/${names.join("/")}`).of(attributes);
}

/** Undefined where there is nothing. */
export async function statIfThere(
  context: FileContext,
  names: readonly string[],
  run: RunOptions,
): Promise<FileAttributes | undefined> {
  try {
    return await statNames(context, names, run);
  } catch (error) {
    if (isStatus(error, "NFS4ERR_NOENT", "NFS4ERR_NOTDIR")) return undefined;
    throw error;
  }
}

export async function pathExists(context: FileContext, path: string, options: OperationOptions = {}): Promise<boolean> {
  const names = parsePath(path);
  const run = { ...runOptions(context, options), ...sharing(options, names.slice(0, -1)) };
  return (await statIfThere(context, names, run)) !== undefined;
}

export async function renamePath(
  context: FileContext,
  from: string,
  to: string,
  options?: OperationOptions,
): Promise<void> {
  const run = runOptions(context, options);
  const source = parseEntryPath(from);
  const target = parseEntryPath(to);
  const { maximumOperations } = context.channel.capabilities;
  const others = 2;
  const inOne = 2 + source.directory.length + target.directory.length + others <= maximumOperations;
  const onlyHandle = maximumOperations - 1;
  const fromSource = await walkTo(context, source.directory, run, inOne ? 0 : onlyHandle);
  const toTarget = await walkTo(context, target.directory, run, fromSource.length + others);
  const operations = [...fromSource, saveFileHandle, ...toTarget, rename(source.name, target.name)];
  (await context.channel.run(operations, { ...run, once: true })).orThrow(from);
}

export async function makeDirectoryAt(
  context: FileContext,
  path: string,
  options: OperationOptions & { readonly recursive?: boolean } = {},
): Promise<void> {
  const run = runOptions(context, options);
  if (options.recursive) {
    await makeDirectories(context, parsePath(path), run);
    return;
  }
  const { directory, name } = parseEntryPath(path);
  const walk = await walkTo(context, directory, run, 1);
  const operations = [...walk, createDirectory(name, creationMode(context, context.directoryMode))];
  (await context.channel.run(operations, { ...run, once: true })).orThrow(path);
}

/** Creates the missing directories of a path, several in one COMPOUND. */
export async function makeDirectories(context: FileContext, names: readonly string[], run: RunOptions): Promise<void> {
  const step = context.channel.capabilities.maximumOperations - 2;
  let start: Operation<void> = putRootFileHandle;
  for (let at = 0; at < names.length; at += step) {
    start = putFileHandle(await enterMaking(context, start, names.slice(at, at + step), run));
  }
}

/** The handle of the directory at `names` below `start`, which is created where it is missing. */
async function enterMaking(
  context: FileContext,
  start: Operation<void>,
  names: readonly string[],
  run: RunOptions,
): Promise<Buffer> {
  const { channel } = context;
  const mode = creationMode(context, context.directoryMode);
  const path = names.join("/");
  const handle = getFileHandle();
  for (;;) {
    const found = await channel.run([start, ...names.map(lookup), handle], run);
    if (found.failure === undefined) return found.of(handle);
    if (!found.failedWith("NFS4ERR_NOENT")) found.orThrow(path);
    const sequenceAndStart = 2;
    const existing = found.failure.index - sequenceAndStart;
    const missing = names.slice(existing).map((name) => createDirectory(name, mode));
    const made = await channel.run([start, ...names.slice(0, existing).map(lookup), ...missing, handle], run);
    // Somebody else may create the same directories at the same time.
    if (!made.failedWith("NFS4ERR_EXIST")) return made.orThrow(path).of(handle);
    run.deadline.check();
  }
}

/**
 * Runs `operation`. If it fails because the directory is missing, creates the directory and runs it again: so the common
 * case stays one round trip. Whoever removes empty directories may do so in between, and more than once. A directory that
 * was removed after it was looked up is NFS4ERR_STALE.
 */
export async function makingParents<T>(
  context: FileContext,
  directory: readonly string[],
  run: RunOptions,
  operation: () => Promise<T>,
): Promise<T> {
  for (let isMade = true; ; isMade = false) {
    try {
      if (!isMade) await makeDirectories(context, directory, run);
      return await operation();
    } catch (error) {
      const wasMissing = isStatus(error, "NFS4ERR_NOENT") && error.operation === "LOOKUP";
      const wasRemoved = isStatus(error, "NFS4ERR_STALE") && error.operation === "PUTFH";
      if (!(wasMissing || wasRemoved) || directory.length === 0) throw error;
      run.deadline.check();
    }
  }
}

/** Removes a file or an empty directory. */
export async function removePath(context: FileContext, path: string, options: RemoveOptions = {}): Promise<Changed> {
  const run = runOptions(context, options);
  const file = parseEntryPath(path);
  const { when, once = false } = options;
  const shared = { ...run, ...sharing(options, file.directory, { staysInDirectory: true }) };
  const removeOnce = () =>
    when === undefined ? removeFile(context, file, shared) : removeUnchanged(context, file, when.etag, run);
  try {
    return await removeOnce();
  } catch (error) {
    if (once || !(error instanceof OutcomeUnknownError)) throw error;
    try {
      return await removeOnce();
    } catch (second) {
      // The first attempt did it.
      if (isMissing(second)) return {};
      throw second instanceof NfsStatusError ? second : error;
    }
  }
}

async function removeFile(context: FileContext, file: EntryPath, run: RunOptions): Promise<Changed> {
  return removeBehind(context, file, await walkTo(context, file.directory, run, 1), run);
}

async function removeUnchanged(context: FileContext, file: EntryPath, etag: string, run: RunOptions): Promise<Changed> {
  return whileUnchanged(context, file, etag, run, (verified, underLock) =>
    removeBehind(context, file, verified, underLock),
  );
}

/** @param before Makes the file's directory the current one. */
async function removeBehind(
  { channel }: FileContext,
  { name, text }: EntryPath,
  before: Operations,
  run: RunOptions,
): Promise<Changed> {
  const removing = remove(name);
  const reply = await channel.run([...before, removing], { ...run, once: true });
  return { directoryChange: reply.orThrow(text).of(removing) };
}

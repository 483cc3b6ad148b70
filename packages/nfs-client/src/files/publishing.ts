/** Giving a file in the making its name: at once for everybody, and only if the condition holds. */
import type { FileAttributes } from "../attributes.ts";
import type { CompoundReply } from "../compound.ts";
import { ignoreNfsError, isStatus, OutcomeUnknownError, PreconditionError } from "../errors.ts";
import { getAttributes } from "../operations/attributes.ts";
import { lookup, putFileHandle, saveFileHandle } from "../operations/handles.ts";
import { link, remove, rename } from "../operations/names.ts";
import { close } from "../operations/open.ts";
import type { Operation } from "../operations/operation.ts";
import type { RunOptions } from "../session/channel.ts";
import type { WriteOptions } from "../types.ts";
import type { FileContext } from "./context.ts";
import { statNames } from "./directories.ts";
import { OPEN_LOST } from "./opens.ts";
import type { StagedFile } from "./staged-file.ts";
import { whileUnchanged } from "./unchanged.ts";
import { walkTo } from "./walk.ts";

/** @throws {PreconditionError} when the condition does not hold; the file in the making is still there then. */
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

/** LINK, unlike RENAME, never replaces what has the name. */
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
 * Closes the file, runs `operations`, which leave its directory current, and tells the attributes it has then. With
 * `naming`, one of them, the file has its name.
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
    // closing changed something, so this was not run again by itself
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

/** The attributes of a file under its name; its own from before, when somebody has replaced or removed it since. */
export function attributesAtName(
  own: FileAttributes,
  reply: CompoundReply,
  atName: Operation<FileAttributes>,
): FileAttributes {
  if (!reply.reached(atName)) return own;
  const there = reply.of(atName);
  return there.fileId === own.fileId ? there : own;
}

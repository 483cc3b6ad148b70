/** Appending under a lock on the file: NFS has no atomic append (RFC 8881 §18.32). */
import { ignoreNfsError, isStatus, PreconditionError, ProtocolError } from "../errors.ts";
import type { AppendOptions } from "../types.ts";
import { type FileAttributes, getAttributes, setSize, verifySize } from "../wire/operations/attributes.ts";
import { write } from "../wire/operations/data.ts";
import { putFileHandle } from "../wire/operations/file-handles.ts";
import type { CreateSpecification } from "../wire/operations/opens-and-locks.ts";
import { cleanupOptions, creationMode, type FileContext, runOptions } from "./context.ts";
import { makingParents } from "./directories.ts";
import {
  type Holding,
  type LockedFile,
  notSame,
  releaseQuietly,
  requireEtag,
  unlockAndClose,
  withLockedFile,
} from "./locking.ts";
import { parseEntryPath } from "./paths.ts";
import type { ChangedFile } from "./staged-file.ts";

export async function appendTo(
  context: FileContext,
  path: string,
  data: Uint8Array,
  options: AppendOptions = {},
): Promise<ChangedFile> {
  const run = runOptions(context, options);
  const file = parseEntryPath(path);
  const append = () =>
    withLockedFile(context, file, creation(context, options.when), run, async (locked, holding) => {
      if (typeof options.when === "object") requireEtag(locked, options.when.etag);
      return { ...(await appendLocked(context, locked, data, holding)), directoryChange: locked.directoryChange };
    });
  try {
    return await context.appendMutex.runExclusive(file.text, run.deadline, () =>
      options.createParents === false ? append() : makingParents(context, file.directory, run, append),
    );
  } catch (cause) {
    const isThere = options.when === "absent" && isStatus(cause, "NFS4ERR_EXIST");
    const isGone = typeof options.when === "object" && isStatus(cause, "NFS4ERR_NOENT");
    throw isThere || isGone ? new PreconditionError(`${path} ${isThere ? "exists" : "is gone"}`, { cause }) : cause;
  }
}

/** How the file is created where there is none; a file that must have an etag is not created. */
function creation(context: FileContext, when: AppendOptions["when"]): CreateSpecification | undefined {
  if (typeof when === "object") return undefined;
  return { how: when === "absent" ? "guarded" : "unchecked", mode: creationMode(context, context.fileMode) };
}

/** Writes at the end of the file, which the lock keeps in place. An append that fails half way is truncated away. */
async function appendLocked(
  context: FileContext,
  locked: LockedFile,
  data: Uint8Array,
  { run, onFailure }: Holding,
): Promise<FileAttributes> {
  const { maximumWrite, verify } = context.channel.capabilities;
  const start = locked.attributes.size;
  const once = { ...run, once: true };
  let written = 0;
  for (;;) {
    const part = data.subarray(written, written + maximumWrite);
    const writing = write(locked.lockStateid, { offset: start + written, data: [part], durable: true });
    const attributes = getAttributes();
    const isLast = written + part.length === data.length;
    // The lock is given up in the same COMPOUND only where VERIFY sees to it that all was written.
    const verified = [verifySize(start + data.length), attributes, ...unlockAndClose(locked)];
    const ending = verify ? verified : [attributes];
    const reply = await context.channel.run([putFileHandle(locked.handle), writing, ...(isLast ? ending : [])], once);
    if (!reply.reached(writing)) reply.orThrow(locked.path);
    const { count } = reply.of(writing);
    if (isLast && verify && reply.reached(attributes)) {
      if (!reply.succeeded) await releaseQuietly(context, locked);
      return reply.of(attributes);
    }
    onFailure(() => truncate(context, locked, start));
    if (isLast && reply.reached(attributes) && count === part.length) {
      const after = reply.of(attributes);
      if (after.size !== start + data.length) throw notSame(locked.path);
      await releaseQuietly(context, locked);
      return after;
    }
    if (count > part.length || (count === 0 && part.length > 0)) {
      throw new ProtocolError(`The server wrote ${count} of ${part.length} bytes`);
    }
    written += count;
    if (written === data.length) reply.orThrow(locked.path);
  }
}

async function truncate(context: FileContext, { handle, lockStateid }: LockedFile, size: number): Promise<void> {
  const operations = [putFileHandle(handle), setSize(lockStateid, size)];
  await context.channel.run(operations, cleanupOptions()).catch(ignoreNfsError);
}

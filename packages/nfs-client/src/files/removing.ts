/** Removing a file or an empty directory. */
import { isMissing, OutcomeUnknownError, PreconditionError } from "../errors.ts";
import { remove } from "../operations/names.ts";
import { type FilePath, parseFilePath } from "../paths.ts";
import type { RunOptions } from "../session/channel.ts";
import type { RemoveOptions } from "../types.ts";
import { type FileContext, runOptions } from "./context.ts";
import { whileUnchanged } from "./unchanged.ts";
import { walkTo } from "./walk.ts";

export async function removePath(context: FileContext, path: string, options: RemoveOptions = {}): Promise<void> {
  const run = runOptions(context, options);
  const file = parseFilePath(path);
  const { when } = options;
  const removeOnce = () =>
    when === undefined ? removeFile(context, file, run) : removeUnchanged(context, file, when.etag, run);
  try {
    await removeOnce();
  } catch (error) {
    if (!(error instanceof OutcomeUnknownError)) throw error;
    run.deadline.check();
    try {
      await removeOnce();
    } catch (second) {
      // the first attempt did it
      if (isMissing(second)) return;
      throw second instanceof PreconditionError ? error : second;
    }
  }
}

async function removeFile(context: FileContext, file: FilePath, run: RunOptions): Promise<void> {
  const walk = await walkTo(context, file.directory, run);
  (await context.channel.run([...walk, remove(file.name)], { ...run, once: true })).orThrow(file.text);
}

async function removeUnchanged(context: FileContext, file: FilePath, etag: string, run: RunOptions): Promise<void> {
  await whileUnchanged(context, file, etag, run, async (verified, underLock) => {
    (await context.channel.run([...verified, remove(file.name)], { ...underLock, once: true })).orThrow(file.text);
  });
}

/** Directories with very many files in them, on the disk of this machine. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { bundleProgram } from "../program.ts";
import type { Bench } from "../row.ts";

interface FileTree {
  /** Files in all; the names are `file-0`, `file-1`, … */
  readonly files: number;
  /** Bytes in each file. Default: 0. */
  readonly bytes?: number;
  /** Levels of directories below the first, ten in each. Default: 0. */
  readonly levels?: number;
}

const exec = promisify(execFile);

/** Makes the files in a directory, which must not be there yet. */
export async function makeFileTree(directory: string, { files, bytes = 0, levels = 0 }: FileTree): Promise<void> {
  const maker = await bundleProgram("file-tree/make.ts");
  await exec(process.execPath, [maker, directory, ...[files, bytes, levels].map(String)]);
}

/** As {@link makeFileTree}, in a directory that is gone when the row is over. */
export async function makeTemporaryFileTree({ cleanups }: Pick<Bench, "cleanups">, tree: FileTree): Promise<string> {
  const directory = await makeTemporaryDirectory("bench-files-");
  cleanups.add(() => directory.remove());
  // A million files are gone sooner this way.
  cleanups.add(() => exec("rm", ["-rf", directory.path]));
  const path = join(directory.path, "tree");
  await makeFileTree(path, tree);
  return path;
}

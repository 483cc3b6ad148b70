/** All that is below a directory, depth first, in the file system's order: a directory comes before what is in it. */
import { type DirectoryPath, entryPath, type FilePath, type RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { type FileAttributes, NfsStatusError } from "nfs-client";

export interface TreeEntry {
  readonly path: FilePath;
  /** Undefined of a directory that could not be read to its end: it came before, and `error` says why. */
  readonly attributes: FileAttributes | undefined;
  readonly error?: NfsStatusError;
}

export async function* walkTree(files: RoutedFiles, directory: DirectoryPath): AsyncGenerator<TreeEntry> {
  for await (const { name, attributes } of files.list(directory)) {
    const path = entryPath(directory, name);
    yield { path, attributes };
    if (attributes.type !== "directory") continue;
    try {
      yield* walkTree(files, path);
    } catch (error) {
      if (!(error instanceof NfsStatusError)) throw error;
      yield { path, attributes: undefined, error };
    }
  }
}

/**
 * The paths of the file API: names separated by `/`, relative to the served directory.
 *
 * There is one spelling of each path, made here and nowhere else, so that a file has one place whichever way a caller
 * writes its path. Names that are not UTF-8 are strings as the NFS client has them.
 */
import { isNameString, nameLength, TEMPORARY_PREFIX } from "nfs-client";

declare const normalized: unique symbol;

/** A path in its one spelling that names something below the served directory: `a/b.txt`. */
export type FilePath = string & { readonly [normalized]: "file" };

/** As {@link FilePath}, or the served directory itself: the empty string. */
export type DirectoryPath = FilePath | ("" & { readonly [normalized]: "root" });

/** The served directory itself. */
export const ROOT = "" as DirectoryPath;

/** Bytes in one name: the limit of EFS and of every common file system. */
export const MAX_NAME_BYTES = 255;

/** Bytes in a whole path: Linux's PATH_MAX without its NUL. */
export const MAX_PATH_BYTES = 4_095;

/** A path that cannot name a file; the message says which part is wrong, and what is allowed. */
export class PathError extends Error {
  override readonly name = "PathError";
}

/**
 * The one spelling of a path to a file: no leading, trailing or double `/`, no `.`.
 *
 * @throws {PathError} as {@link directoryPath} does, and when nothing is left of the path.
 */
export function filePath(text: string): FilePath {
  const path = directoryPath(text);
  if (path === ROOT) throw new PathError(`The path ${quote(text)} is empty: it must name a file`);
  return path as FilePath;
}

/** A file of the routers' own in the served directory: no client can name it, and none is shown it. */
export function ownFilePath(name: string): FilePath {
  return `${TEMPORARY_PREFIX}${name}` as FilePath;
}

/** The path of an entry of a directory, by the name that the file system lists it with. */
export function entryPath(directory: DirectoryPath, name: string): FilePath {
  return (directory === ROOT ? name : `${directory}/${name}`) as FilePath;
}

/** Whether no client can name it: a file of the routers' own, or one that is still being written. */
export function isHidden(path: string): boolean {
  return `/${path}`.includes(`/${TEMPORARY_PREFIX}`);
}

/**
 * The one spelling of a path to a directory; {@link ROOT} when no name is left.
 *
 * @throws {PathError} when a name is `..`, contains NUL or half a surrogate pair that is no byte, is longer than
 * {@link MAX_NAME_BYTES} or begins as temporary names do, or the path is longer than
 * {@link MAX_PATH_BYTES}.
 */
export function directoryPath(text: string): DirectoryPath {
  const names = text.split("/").filter((name) => name !== "" && name !== ".");
  for (const name of names) checkName(name);
  const path = names.join("/");
  const bytes = nameLength(path);
  if (bytes > MAX_PATH_BYTES) {
    throw new PathError(`The path has ${bytes} bytes of UTF-8: at most ${MAX_PATH_BYTES} are allowed`);
  }
  return path as DirectoryPath;
}

function checkName(name: string): void {
  if (name === "..") throw new PathError('The part ".." of the path leads upwards, which is not allowed');
  if (name.includes("\0")) throw new PathError(`The part ${quote(name)} of the path contains a NUL character`);
  if (!isNameString(name)) throw new PathError(`The part ${quote(name)} of the path is not valid Unicode`);
  if (name.startsWith(TEMPORARY_PREFIX)) {
    throw new PathError(`The part ${quote(name)} of the path begins with ${TEMPORARY_PREFIX}, which is reserved`);
  }
  const bytes = nameLength(name);
  if (bytes > MAX_NAME_BYTES) {
    throw new PathError(
      `The part ${quote(name)} of the path has ${bytes} bytes of UTF-8: at most ${MAX_NAME_BYTES} are allowed`,
    );
  }
}

/** The text in quotes, with control characters escaped, and short enough for an error message. */
function quote(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(shown);
}

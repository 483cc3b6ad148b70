/** Paths as the protocol sees them: names, looked up one after the other. */
import { InvalidPathError } from "./errors.ts";

/** Bytes in one name, on EFS and on every common file system. */
const MAXIMUM_NAME = 255;

/** A path that names something inside a directory. */
export interface FilePath {
  readonly text: string;
  /** The names of the directories above it. */
  readonly directory: readonly string[];
  readonly name: string;
}

/**
 * The names of a path; none for the root. Empty names and `.` do not count.
 *
 * @throws {InvalidPathError} when a name cannot be one: `..`, a NUL in it, or more than 255 bytes of UTF-8.
 */
export function parsePath(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  for (const name of names) {
    if (name === "..") throw new InvalidPathError(`${JSON.stringify(path)} has a part "..": only names are allowed`);
    if (name.includes("\0")) {
      throw new InvalidPathError(`${JSON.stringify(path)} has a NUL in ${JSON.stringify(name)}: names must not`);
    }
    const bytes = Buffer.byteLength(name);
    if (bytes > MAXIMUM_NAME) {
      throw new InvalidPathError(`A name in the path has ${bytes} bytes, at most ${MAXIMUM_NAME} are allowed: ${name}`);
    }
  }
  return names;
}

/** @throws {InvalidPathError} as {@link parsePath} does, and for the root. */
export function parseFilePath(path: string): FilePath {
  const names = parsePath(path);
  const name = names.at(-1);
  if (name === undefined) throw new InvalidPathError(`${JSON.stringify(path)} is the root: a name is needed`);
  return { text: path, directory: names.slice(0, -1), name };
}

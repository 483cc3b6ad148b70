/** Paths as the protocol sees them: names, looked up one after the other in the COMPOUND that uses the file. */
import { InvalidPathError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { Together } from "../session/joint-compound.ts";
import type { OperationOptions } from "../types.ts";
import type { Operation } from "../wire/compound.ts";
import { isNameString, nameLength } from "../wire/names.ts";
import { getFileHandle, lookup, putFileHandle, putRootFileHandle } from "../wire/operations/file-handles.ts";
import type { FileContext } from "./context.ts";

/** Bytes in one name: the limit of EFS, and of every common file system. */
const MAX_NAME_SIZE = 255;

/** A path to a name in a directory: any path but the root. */
export interface EntryPath {
  readonly text: string;
  /** The names of the directories above it. */
  readonly directory: readonly string[];
  readonly name: string;
}

/**
 * The names of a path; none for the root. Empty names and `.` do not count.
 *
 * @throws {InvalidPathError} when a name cannot be one: `..`, a NUL in it, half a surrogate pair that is no byte of a
 * name (see wire/names.ts), or more than 255 bytes.
 */
export function parsePath(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  for (const name of names) {
    if (name === "..") throw new InvalidPathError(`${JSON.stringify(path)} has a part "..": only names are allowed`);
    if (name.includes("\0")) {
      throw new InvalidPathError(`${JSON.stringify(path)} has a NUL in ${JSON.stringify(name)}: names must not`);
    }
    if (!isNameString(name)) {
      throw new InvalidPathError(`${JSON.stringify(path)} has a part ${JSON.stringify(name)}, which is not Unicode`);
    }
    const bytes = nameLength(name);
    if (bytes > MAX_NAME_SIZE) {
      throw new InvalidPathError(
        `A name in the path has ${bytes} bytes, at most ${MAX_NAME_SIZE} are allowed: ${name}`,
      );
    }
  }
  return names;
}

/** @throws {InvalidPathError} as {@link parsePath} does, and for the root. */
export function parseEntryPath(path: string): EntryPath {
  const names = parsePath(path);
  const name = names.at(-1);
  if (name === undefined) throw new InvalidPathError(`${JSON.stringify(path)} is the root: a name is needed`);
  return { text: path, directory: names.slice(0, -1), name };
}

/** How a COMPOUND on a name in a directory may share a request with others, where the caller wants that. */
export function sharing(
  { together = false }: OperationOptions,
  directory: readonly string[],
  shape: Omit<Together, "directory"> = {},
): Pick<RunOptions, "together"> {
  return together ? { together: { directory, ...shape } } : {};
}

/**
 * Operations that make the file at `names` the current file handle. Of a path that is too long for one COMPOUND, the
 * first directories are looked up beforehand.
 *
 * @param others How many operations the caller's COMPOUND has besides the result; at most one fewer than the server takes.
 */
export async function walkTo(
  { channel }: FileContext,
  names: readonly string[],
  run: RunOptions,
  others: number,
): Promise<Operation<void>[]> {
  const { maximumOperations } = channel.capabilities;
  const fits = maximumOperations - others - 1;
  const step = maximumOperations - 2;
  let start: Operation<void> = putRootFileHandle;
  let rest = names;
  while (rest.length > fits) {
    const handle = getFileHandle();
    const alone = { ...run, together: undefined };
    const reply = await channel.run([start, ...rest.slice(0, step).map(lookup), handle], alone);
    start = putFileHandle(reply.orThrow(`/${names.join("/")}`).of(handle));
    rest = rest.slice(step);
  }
  return [start, ...rest.map(lookup)];
}

interface Walk {
  readonly directory: readonly string[];
  readonly operations: readonly Operation<void>[];
}

/** The way to the directory that the last file was in: many files of one directory follow each other. */
export class DirectoryWalks {
  #last: Walk = { directory: [], operations: [putRootFileHandle] };

  to(directory: readonly string[]): Walk {
    const isLast =
      directory.length === this.#last.directory.length &&
      directory.every((name, index) => name === this.#last.directory[index]);
    if (!isLast) this.#last = { directory, operations: [putRootFileHandle, ...directory.map(lookup)] };
    return this.#last;
  }
}

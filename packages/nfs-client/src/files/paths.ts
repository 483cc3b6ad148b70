/** Paths as the protocol sees them: names, looked up one after the other in the COMPOUND that uses the file. */
import { InvalidPathError } from "../errors.ts";
import type { RunOptions } from "../session/channel.ts";
import type { Operation } from "../wire/compound.ts";
import { getFileHandle, lookup, putFileHandle, putRootFileHandle } from "../wire/operations/file-handles.ts";
import type { FileContext } from "./context.ts";

/** Bytes in one name, on EFS and on every common file system. */
const MAXIMUM_NAME = 255;

/** A path that names something inside a directory. */
export interface EntryPath {
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
export function parseEntryPath(path: string): EntryPath {
  const names = parsePath(path);
  const name = names.at(-1);
  if (name === undefined) throw new InvalidPathError(`${JSON.stringify(path)} is the root: a name is needed`);
  return { text: path, directory: names.slice(0, -1), name };
}

/** Most operations of one COMPOUND that is built around a walk, without the walk itself. */
const RESERVED = 16;

/**
 * Operations that make the object at `names` the current file handle. A path deeper than one COMPOUND allows is
 * resolved down to what fits, first.
 *
 * @param walks How many times the caller puts the result into one COMPOUND.
 */
export async function walkTo(
  { channel }: FileContext,
  names: readonly string[],
  options: RunOptions,
  walks = 1,
): Promise<Operation<void>[]> {
  const { maximumOperations } = channel.limits;
  const fits = Math.max(1, Math.floor((maximumOperations - RESERVED) / walks) - 1);
  const step = maximumOperations - 2;
  let start: Operation<void> = putRootFileHandle;
  let rest = names;
  while (rest.length > fits) {
    const handle = getFileHandle();
    const reply = await channel.run([start, ...rest.slice(0, step).map(lookup), handle], options);
    start = putFileHandle(reply.orThrow(`/${names.join("/")}`).of(handle));
    rest = rest.slice(step);
  }
  return [start, ...rest.map(lookup)];
}

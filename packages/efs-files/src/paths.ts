import { FileError } from "./errors.ts";
import type { Path } from "./operations.ts";

/** Bytes of a name, as EFS and every common file system has it. */
const MAX_NAME_BYTES = 255;

/** The one spelling of a path. @throws {FileError} `EINVAL` where it cannot be one. */
export function pathOf(text: string): Path {
  if (typeof text !== "string") throw new FileError("EINVAL", `A path must be a string, not ${typeof text}`);
  const names = text.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw invalid(text, 'has "..", which leads upwards');
  if (text.includes("\0")) throw invalid(text, "has a NUL character");
  const long = names.find((name) => byteLength(name) > MAX_NAME_BYTES);
  if (long !== undefined) {
    throw new FileError(
      "ENAMETOOLONG",
      `A name has ${byteLength(long)} bytes, and at most ${MAX_NAME_BYTES} are allowed`,
    );
  }
  return names.join("/");
}

/** Of a file, which has a name that is not that of a directory. @throws {FileError} as {@link pathOf} does. */
export function filePathOf(text: string): Path {
  const path = pathOf(text);
  if (path === "" || text.endsWith("/"))
    throw invalid(text, "names a directory: the path of a file has no / at its end");
  return path;
}

function invalid(path: string, reason: string): FileError {
  return new FileError("EINVAL", `The path ${JSON.stringify(path)} ${reason}`, { path });
}

/** In UTF-8. What stands for a byte that belongs to no character is one byte, and not the three of half a character. */
function byteLength(name: string): number {
  const escaped = name.isWellFormed() ? [] : (name.match(/\p{Surrogate}/gu) ?? []);
  return Buffer.byteLength(name) - 2 * escaped.length;
}

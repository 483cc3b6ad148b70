import { FileError } from "./errors.ts";
import type { Path } from "./operations.ts";

/** The one spelling of a path. @throws {FileError} `EINVAL` where it cannot be one. */
export function pathOf(text: string): Path {
  if (typeof text !== "string") throw new FileError("EINVAL", `A path must be a string, not ${typeof text}`);
  const names = text.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw invalid(text, 'has "..", which leads upwards');
  if (text.includes("\0")) throw invalid(text, "has a NUL character");
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

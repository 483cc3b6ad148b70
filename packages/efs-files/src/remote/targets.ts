/** The resources of the API, as request targets: each name percent-encoded by itself, as the bytes that it is. */
import { FileError } from "../errors.ts";
import type { Condition, Path } from "../operations.ts";

/** What stands for bytes that belong to no character: U+DC80 to U+DCFF (PEP 383). */
const ESCAPE = 0xdc00;

export function fileTarget(path: Path): string {
  return `/files/${encodePath(path)}`;
}

export function directoryTarget(path: Path): string {
  return path === "" ? "/files/" : `${fileTarget(path)}/`;
}

export function conditionHeaders(when: Condition): Record<string, string> {
  if (when === undefined) return {};
  return when === "absent" ? { "if-none-match": "*" } : { "if-match": when.etag };
}

/** @throws {FileError} `EINVAL` where a name has half a surrogate pair that stands for no byte. */
export function encodePath(path: Path): string {
  if (path.isWellFormed()) return path.split("/").map(encodeURIComponent).join("/");
  try {
    return path.replace(/[^/]/gu, (character) => escapedByte(character) ?? encodeURIComponent(character));
  } catch (cause) {
    const message = `The path ${JSON.stringify(path)} has half a surrogate pair, which stands for no byte`;
    throw new FileError("EINVAL", message, { path, cause });
  }
}

/** A path or a name, as {@link encodePath} spells it. */
export function decodePath(encoded: string): string {
  return encoded.replace(/(?:%[\dA-F]{2})+/gi, (bytes) => decodeCharacters(bytes) ?? decodeBytes(bytes));
}

function escapedByte(character: string): string | undefined {
  const byte = character.charCodeAt(0) - ESCAPE;
  return byte >= 0x80 && byte <= 0xff ? `%${byte.toString(16).toUpperCase()}` : undefined;
}

/** Of bytes that are not UTF-8, or only in part. */
function decodeBytes(encoded: string): string {
  let name = "";
  for (let rest = encoded; rest !== ""; ) {
    const starts = [1, 2, 3, 4].map((length) => rest.slice(0, length * "%00".length));
    const character = starts.find((start) => decodeCharacters(start) !== undefined);
    const byte = Number.parseInt(rest.slice(1, 3), 16);
    name += character === undefined ? String.fromCharCode(ESCAPE + byte) : decodeURIComponent(character);
    rest = rest.slice(character?.length ?? "%00".length);
  }
  return name;
}

/** Undefined for what is not UTF-8. */
function decodeCharacters(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

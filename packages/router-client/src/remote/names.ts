/** Paths in URLs: each name percent-encoded by itself, as the bytes that it is. */
import { FileError } from "../errors.ts";
import type { Path } from "../operations.ts";

/** What stands for bytes that belong to no character: U+DC80 to U+DCFF (PEP 383). */
const ESCAPE = 0xdc00;

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
  return encoded.replace(/(?:%[\dA-F]{2})+/gi, decodeBytes);
}

function escapedByte(character: string): string | undefined {
  const byte = character.charCodeAt(0) - ESCAPE;
  return byte >= 0x80 && byte <= 0xff ? `%${byte.toString(16).toUpperCase()}` : undefined;
}

function decodeBytes(encoded: string): string {
  const whole = decodeCharacters(encoded);
  if (whole !== undefined) return whole;
  const bytes = encoded.match(/%../g) ?? [];
  let name = "";
  for (let at = 0; at < bytes.length; ) {
    const lengths = [1, 2, 3, 4].filter((length) => at + length <= bytes.length);
    const length = lengths.find((each) => decodeCharacters(bytes.slice(at, at + each).join("")) !== undefined);
    const character = decodeCharacters(bytes.slice(at, at + (length ?? 0)).join(""));
    name +=
      length === undefined ? String.fromCharCode(ESCAPE + Number.parseInt(bytes[at]?.slice(1) ?? "", 16)) : character;
    at += length ?? 1;
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

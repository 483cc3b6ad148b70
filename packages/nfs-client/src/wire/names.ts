/**
 * Names of directory entries as strings. On the wire a name is bytes (component4, RFC 8881 §3.2): UTF-8 by the protocol,
 * anything in practice, since file systems do not ask. A name that is UTF-8 is its text. In any other name, each byte
 * that belongs to no character is U+DC00 and the byte, which no UTF-8 text has: U+DC80 to U+DCFF, as Python's
 * `surrogateescape` has it (PEP 383). So different names are different strings, and each string leads back to its bytes.
 */
import { isUtf8 } from "node:buffer";

const ESCAPE = 0xdc00;
const REPLACEMENT = "\ufffd";

/** The string of a name. */
export function decodeName(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  // Only where a byte was replaced, or by a character that looks so.
  if (!text.includes(REPLACEMENT) || isUtf8(bytes)) return text;
  let name = "";
  for (let start = 0; start < bytes.length; ) {
    const character = characterAt(bytes, start);
    name += character?.toString("utf8") ?? String.fromCharCode(ESCAPE + bytes.readUInt8(start));
    start += character?.length ?? 1;
  }
  return name;
}

/**
 * The bytes of a name.
 *
 * @throws {RangeError} when it has half a surrogate pair that is no escaped byte: {@link isNameString} tells.
 */
export function encodeName(name: string): Buffer {
  if (name.isWellFormed()) return Buffer.from(name, "utf8");
  const parts: Buffer[] = [];
  for (const character of name) {
    const escaped = escapedByte(character);
    if (escaped === undefined && !character.isWellFormed()) {
      throw new RangeError(`${JSON.stringify(name)} has half a surrogate pair, which stands for no byte`);
    }
    parts.push(escaped === undefined ? Buffer.from(character, "utf8") : Buffer.of(escaped));
  }
  return Buffer.concat(parts);
}

/**
 * The string of a name as it is written in a URL: what is percent-encoded are bytes of the name, in UTF-8 or not.
 * Undefined where a `%` is not followed by two hexadecimal digits.
 */
export function nameFromUrl(part: string): string | undefined {
  try {
    if (part.isWellFormed()) return decodeURIComponent(part);
  } catch {
    // It is not UTF-8, or not percent-encoded.
  }
  if (/%(?![\dA-F]{2})/i.test(part)) return undefined;
  const pieces = part.split(/%([\dA-F]{2})/i);
  return decodeName(Buffer.concat(pieces.map((piece, index) => Buffer.from(piece, index % 2 === 1 ? "hex" : "utf8"))));
}

/** Whether the string is that of some bytes: there is no other one for the same bytes. */
export function isNameString(text: string): boolean {
  if (text.isWellFormed()) return true;
  if ([...text].some((character) => escapedByte(character) === undefined && !character.isWellFormed())) return false;
  return decodeName(encodeName(text)) === text;
}

/** How many bytes a name has. Without {@link encodeName} where it is UTF-8, which is usual. */
export function nameLength(name: string): number {
  return name.isWellFormed() ? Buffer.byteLength(name) : encodeName(name).length;
}

/** The byte that a half of a surrogate pair stands for. */
function escapedByte(character: string): number | undefined {
  const code = character.charCodeAt(0);
  return code >= ESCAPE + 0x80 && code <= ESCAPE + 0xff ? code - ESCAPE : undefined;
}

/** The bytes of the character that begins there; undefined where none does. */
function characterAt(bytes: Buffer, start: number): Buffer | undefined {
  return [1, 2, 3, 4].map((length) => bytes.subarray(start, start + length)).find((character) => isUtf8(character));
}

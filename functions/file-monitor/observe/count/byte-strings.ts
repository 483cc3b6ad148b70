/**
 * Byte strings: names and paths of files, which are bytes and need not be UTF-8, carried in strings of one character a
 * byte (Latin-1).
 */
import { isUtf8 } from "node:buffer";

export function toByteString(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/**
 * The text of a byte string, for people: a byte that is not UTF-8 is `\xe9` and a backslash is `\\`, as the shell reads
 * them in `$'…'`. Different byte strings are different texts.
 */
export function toText(byteString: string): string {
  const bytes = Buffer.from(byteString.replaceAll("\\", "\\\\"), "latin1");
  if (isUtf8(bytes)) return bytes.toString();
  let text = "";
  for (let start = 0; start < bytes.length; ) {
    const character = characterAt(bytes, start);
    text += character === undefined ? `\\x${bytes.toString("hex", start, start + 1)}` : character.toString();
    start += character?.length ?? 1;
  }
  return text;
}

/** The bytes of the character that begins there; undefined where none does. */
function characterAt(bytes: Buffer, start: number): Buffer | undefined {
  return [1, 2, 3, 4].map((length) => bytes.subarray(start, start + length)).find((character) => isUtf8(character));
}

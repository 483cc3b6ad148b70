/** bitmap4 (RFC 8881 §3.2): a set of small numbers, 32 to a word. */
import { XdrError, type XdrReader, type XdrWriter } from "./xdr.ts";

/** Words of a bitmap that we accept; the protocol defines fewer than 96 attributes. */
const MAXIMUM_WORDS = 8;

/** The words of a set of bit numbers, without trailing zero words. */
export function toBitmap(bits: Iterable<number>): number[] {
  const words: number[] = [];
  for (const bit of bits) {
    const index = bit >>> 5;
    while (words.length <= index) words.push(0);
    words[index] = ((words[index] ?? 0) | (1 << (bit & 31))) >>> 0;
  }
  return words;
}

/** The bit numbers of a bitmap, in ascending order: the order in which attribute values follow. */
export function* fromBitmap(words: readonly number[]): Generator<number> {
  for (const [index, word] of words.entries()) {
    for (let bit = 0; bit < 32; bit++) {
      if ((word & (1 << bit)) !== 0) yield index * 32 + bit;
    }
  }
}

export function writeBitmap(writer: XdrWriter, words: readonly number[]): void {
  writer.uint32(words.length);
  for (const word of words) writer.uint32(word);
}

/** @throws {XdrError} when it is longer than any bitmap of the protocol. */
export function readBitmap(reader: XdrReader): number[] {
  const count = reader.uint32();
  if (count > MAXIMUM_WORDS) throw new XdrError(`A bitmap of ${count} words where at most ${MAXIMUM_WORDS} are known`);
  return Array.from({ length: count }, () => reader.uint32());
}

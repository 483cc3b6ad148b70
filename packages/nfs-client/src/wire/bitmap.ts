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
export function fromBitmap(words: readonly number[]): number[] {
  const bits: number[] = [];
  for (const [index, word] of words.entries()) {
    for (let rest = word; rest !== 0; rest &= rest - 1) bits.push(index * 32 + 31 - Math.clz32(rest & -rest));
  }
  return bits;
}

export function writeBitmap(writer: XdrWriter, words: readonly number[]): void {
  writer.uint32(words.length);
  for (const word of words) writer.uint32(word);
}

/** @throws {XdrError} when it is longer than any bitmap of the protocol. */
export function readBitmap(reader: XdrReader): number[] {
  const count = reader.uint32();
  if (count > MAXIMUM_WORDS) throw new XdrError(`A bitmap of ${count} words where at most ${MAXIMUM_WORDS} are known`);
  const words: number[] = [];
  for (let index = 0; index < count; index++) words.push(reader.uint32());
  return words;
}

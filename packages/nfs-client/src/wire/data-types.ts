/** Data types that many operations share (RFC 8881 §3.2, §3.3): bitmap4, component4 and stateid4. */
import { MAX_OPAQUE_SIZE, STATEID_OTHER_SIZE } from "./constants.ts";
import { decodeName, encodeName } from "./names.ts";
import { XdrError, type XdrReader, type XdrWriter } from "./xdr.ts";

/** The longest bitmap that is accepted, in words; the protocol defines fewer than 96 attributes. */
const MAX_BITMAP_WORDS = 8;

/** The words of a bitmap4, which is a set of small numbers, 32 to a word, without trailing zero words. */
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
  if (count > MAX_BITMAP_WORDS)
    throw new XdrError(`A bitmap of ${count} words where at most ${MAX_BITMAP_WORDS} are known`);
  const words: number[] = [];
  for (let index = 0; index < count; index++) words.push(reader.uint32());
  return words;
}

/** Writes the name of a directory entry. */
export function writeComponent(writer: XdrWriter, name: string): void {
  if (name.isWellFormed()) writer.string(name);
  else writer.opaque(encodeName(name));
}

/** Reads the name of a directory entry. */
export function readComponent(reader: XdrReader): string {
  return reader.string(MAX_OPAQUE_SIZE, decodeName);
}

/** Which open or lock an operation belongs to (RFC 8881 §8.2). */
export interface Stateid {
  readonly seqid: number;
  /** 12 bytes. */
  readonly other: Buffer;
}

/** No open at all: permissions alone decide on such a READ (RFC 8881 §8.2.3). */
export const ANONYMOUS_STATEID: Stateid = { seqid: 0, other: Buffer.alloc(STATEID_OTHER_SIZE) };

/** The stateid that an earlier operation of the same COMPOUND returned (RFC 8881 §16.2.3.1.2). */
export const CURRENT_STATEID: Stateid = { seqid: 1, other: Buffer.alloc(STATEID_OTHER_SIZE) };

export function writeStateid(writer: XdrWriter, { seqid, other }: Stateid): void {
  writer.uint32(seqid).fixedOpaque(other);
}

/** Reads a stateid, and copies its bytes: it outlives the message. */
export function readStateid(reader: XdrReader): Stateid {
  return { seqid: reader.uint32(), other: Buffer.from(reader.fixedOpaque(STATEID_OTHER_SIZE)) };
}

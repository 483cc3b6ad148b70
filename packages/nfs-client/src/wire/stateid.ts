/** The stateid: which open or lock an operation belongs to (RFC 8881 §8.2). */
import { STATEID_OTHER_SIZE } from "./protocol.ts";
import type { XdrReader, XdrWriter } from "./xdr.ts";

export interface Stateid {
  readonly seqid: number;
  /** 12 bytes. */
  readonly other: Buffer;
}

/** No open at all: a READ that only permissions decide on (RFC 8881 §8.2.3). */
export const ANONYMOUS_STATEID: Stateid = { seqid: 0, other: Buffer.alloc(STATEID_OTHER_SIZE) };

/** Whatever stateid an earlier operation of the same COMPOUND returned (RFC 8881 §16.2.3.1.2). */
export const CURRENT_STATEID: Stateid = { seqid: 1, other: Buffer.alloc(STATEID_OTHER_SIZE) };

export function writeStateid(writer: XdrWriter, { seqid, other }: Stateid): void {
  writer.uint32(seqid).fixedOpaque(other);
}

/** Reads a stateid into bytes of its own, since it outlives the message. */
export function readStateid(reader: XdrReader): Stateid {
  return { seqid: reader.uint32(), other: Buffer.from(reader.fixedOpaque(STATEID_OTHER_SIZE)) };
}

/**
 * The logs: every process of a router writes one of its own, in segments. A segment is written from its beginning to its
 * end by one process, and never again once the next one is begun.
 */

/** One segment of a log. */
export interface Segment {
  /** Eight letters and digits, `-` and `_`. */
  readonly writer: string;
  readonly number: number;
}

const SEGMENT_NAME = /^([\w-]{8})\.(\d{1,9})$/;

export function segmentName({ writer, number }: Segment): string {
  return `${writer}.${number}`;
}

/** Undefined for what is no segment. */
export function parseSegmentName(name: string): Segment | undefined {
  const [, writer, number] = SEGMENT_NAME.exec(name) ?? [];
  return writer === undefined ? undefined : { writer, number: Number(number) };
}

/** Bytes of the longest line: a path of 4,095 bytes, each of which takes six characters in JSON at most. */
export const MAX_LINE_BYTES = 32 * 1024;

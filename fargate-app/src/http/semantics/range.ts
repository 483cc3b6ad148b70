/** Range requests for one part of a file (RFC 9110 §14). */

/** A range as the request has it: from a byte to another, from a byte to the end, or the last bytes. */
type RequestedRange = { readonly first: number; readonly last?: number } | { readonly suffix: number };

/** The bytes of the file that a range means. */
export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/**
 * Reads a Range header. Undefined for what a server is to ignore: other units, what is not valid, and more than one
 * range, which one may ignore (RFC 9110 §14.2).
 */
export function parseRange(header: string | undefined): RequestedRange | undefined {
  const [, first, last] = /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header ?? "") ?? [];
  if (first === undefined || last === undefined) return undefined;
  if (first === "") return last === "" ? undefined : { suffix: Number(last) };
  if (last === "") return { first: Number(first) };
  return Number(last) < Number(first) ? undefined : { first: Number(first), last: Number(last) };
}

/** The part of `size` bytes that a range means; undefined when there is none of it. */
export function resolveRange(range: RequestedRange, size: number): ByteRange | undefined {
  if ("suffix" in range) {
    if (range.suffix === 0 || size === 0) return undefined;
    const length = Math.min(range.suffix, size);
    return { start: size - length, length };
  }
  const { first, last = size - 1 } = range;
  return first < size ? { start: first, length: Math.min(last, size - 1) - first + 1 } : undefined;
}

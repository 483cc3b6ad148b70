/** Byte-range locks of one file: who holds what, and what a new lock meets (RFC 8881 §18.10). */

/** Locked are the bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: bigint;
  readonly end: bigint;
}

export interface ByteRangeLock<Owner> extends ByteRange {
  readonly owner: Owner;
  /** For writing: nobody else may hold a lock there; else others may hold locks that are not exclusive either. */
  readonly exclusive: boolean;
}

/** The lock of another owner that stands in the way of this one. */
export function findConflict<Owner>(
  held: readonly ByteRangeLock<Owner>[],
  wanted: ByteRangeLock<Owner>,
): ByteRangeLock<Owner> | undefined {
  return held.find(
    (lock) => lock.owner !== wanted.owner && (lock.exclusive || wanted.exclusive) && overlap(lock, wanted),
  );
}

/** The locks when `added` takes the place of all that its owner held in the range: it may upgrade, downgrade and split. */
export function withLock<Owner>(
  held: readonly ByteRangeLock<Owner>[],
  added: ByteRangeLock<Owner>,
): ByteRangeLock<Owner>[] {
  const others = withoutRange(held, added.owner, added);
  let merged = added;
  const rest = others.filter((lock) => {
    const joins =
      lock.owner === added.owner &&
      lock.exclusive === added.exclusive &&
      (lock.end === merged.start || merged.end === lock.start);
    if (joins) merged = { ...merged, start: least(lock.start, merged.start), end: greatest(lock.end, merged.end) };
    return !joins;
  });
  return [...rest, merged];
}

/** The locks when the owner gives up all it held in the range. */
export function withoutRange<Owner>(
  held: readonly ByteRangeLock<Owner>[],
  owner: Owner,
  range: ByteRange,
): ByteRangeLock<Owner>[] {
  return held.flatMap((lock) => {
    if (lock.owner !== owner || !overlap(lock, range)) return [lock];
    const before = lock.start < range.start ? [{ ...lock, end: range.start }] : [];
    const after = range.end < lock.end ? [{ ...lock, start: range.end }] : [];
    return [...before, ...after];
  });
}

function overlap(a: ByteRange, b: ByteRange): boolean {
  return a.start < b.end && b.start < a.end;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function greatest(a: bigint, b: bigint): bigint {
  return a < b ? b : a;
}

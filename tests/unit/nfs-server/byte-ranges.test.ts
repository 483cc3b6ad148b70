import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ByteRangeLock,
  findConflict,
  withLock,
  withoutRange,
} from "../../../packages/nfs-server/src/state/byte-ranges.ts";

const BYTES = 24;
const OWNERS = ["a", "b", "c"] as const;

const range = fc.tuple(fc.nat({ max: BYTES - 1 }), fc.integer({ min: 1, max: BYTES })).map(([start, length]) => ({
  start: BigInt(start),
  end: BigInt(Math.min(start + length, BYTES)),
}));

const step = fc.record({
  action: fc.constantFrom("lock", "unlock"),
  owner: fc.constantFrom(...OWNERS),
  exclusive: fc.boolean(),
  range,
});

/** What each owner holds of each byte: the plainest model there is. */
type Model = Map<string, "shared" | "exclusive">;

const key = (owner: string, byte: number) => `${owner}${byte}`;

function bytesOf({ start, end }: { start: bigint; end: bigint }): number[] {
  return Array.from({ length: Number(end - start) }, (_, index) => Number(start) + index);
}

function modelOf(locks: readonly ByteRangeLock<string>[]): Model {
  const model: Model = new Map();
  for (const lock of locks) {
    for (const byte of bytesOf(lock)) {
      expect(model.has(key(lock.owner, byte))).toBe(false);
      model.set(key(lock.owner, byte), lock.exclusive ? "exclusive" : "shared");
    }
  }
  return model;
}

describe("byte-range locks", () => {
  test("do what a lock on every single byte would do", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let locks: ByteRangeLock<string>[] = [];
        const model: Model = new Map();
        for (const { action, owner, exclusive, range } of steps) {
          if (action === "unlock") {
            locks = withoutRange(locks, owner, range);
            for (const byte of bytesOf(range)) model.delete(key(owner, byte));
          } else {
            const wanted = { ...range, owner, exclusive };
            const others = OWNERS.filter((other) => other !== owner);
            const isFree = bytesOf(range).every((byte) =>
              others.every((other) => {
                const held = model.get(key(other, byte));
                return held === undefined || (held === "shared" && !exclusive);
              }),
            );
            expect(findConflict(locks, wanted) === undefined).toBe(isFree);
            if (!isFree) continue;
            locks = withLock(locks, wanted);
            for (const byte of bytesOf(range)) model.set(key(owner, byte), exclusive ? "exclusive" : "shared");
          }
          expect(modelOf(locks)).toEqual(model);
        }
      }),
    );
  });

  test("of one owner and kind that touch are one lock", () => {
    const lock = (start: bigint, end: bigint) => ({ owner: "a", exclusive: true, start, end });
    const locks = withLock(withLock([lock(0n, 10n)], lock(20n, 30n)), lock(10n, 20n));
    expect(locks).toEqual([lock(0n, 30n)]);
  });
});

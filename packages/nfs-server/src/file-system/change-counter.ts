/**
 * The change attribute (RFC 8881 §5.8.1.4): a number that differs after every change to an object.
 *
 * It is the time of the last status change in nanoseconds. Kernels before 6.13 take that time from a clock that ticks
 * every few milliseconds, so several changes can bear the same time; those are told apart by a count that is added.
 */
import type { BigIntStats } from "node:fs";
import { inodeKey } from "./inode.ts";

/** Objects with changes in the last tick; the count of one that is forgotten starts again, long after its tick. */
const CAPACITY = 65_536;

export class ChangeCounter {
  readonly #last = new Map<bigint, { time: bigint; changes: bigint }>();

  /** The change attribute of an object in this state. */
  of(stat: BigIntStats): bigint {
    const last = this.#last.get(inodeKey(stat.dev, stat.ino));
    return last?.time === stat.ctimeNs ? stat.ctimeNs + last.changes : stat.ctimeNs;
  }

  /** Notes that we changed an object, whose status is this now, and returns its new change attribute. */
  changed(stat: BigIntStats): bigint {
    const key = inodeKey(stat.dev, stat.ino);
    const last = this.#last.get(key);
    const changes = last?.time === stat.ctimeNs ? last.changes + 1n : 0n;
    this.#last.delete(key);
    this.#last.set(key, { time: stat.ctimeNs, changes });
    if (this.#last.size > CAPACITY) {
      for (const oldest of this.#last.keys()) {
        this.#last.delete(oldest);
        break;
      }
    }
    return stat.ctimeNs + changes;
  }
}

/** The accounts of the demo of two regions: what they call lost, mismatched, and one writer too many. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Found,
  findLoss,
  findTwoWriters,
  olderThan,
  recoveryPoint,
  type Write,
} from "../../../../local/demo/regions/ledger.ts";

const write = (version: number, change: Partial<Write> = {}): Write => ({
  path: "file",
  version,
  side: "home",
  sentAt: version * 10,
  endedAt: version * 10 + 5,
  outcome: "acknowledged",
  ...change,
});
const holding = (found: Found) => new Map([["file", found]]);

describe("what is lost", () => {
  test("are the acknowledged writes after the version that is there", () => {
    const writes = [write(1), write(2), write(3, { outcome: "refused" }), write(4), write(5, { outcome: "unknown" })];
    const lost = (found: Found) => findLoss(writes, holding(found)).lost.map(({ version }) => version);
    expect(lost(5)).toEqual([]);
    expect(lost(4)).toEqual([]);
    expect(lost(3)).toEqual([4]);
    expect(lost(1)).toEqual([2, 4]);
    expect(lost("missing")).toEqual([1, 2, 4]);
    expect(lost("damaged")).toEqual([1, 2, 4]);
  });

  test("is told by its age", () => {
    const writes = [write(1), write(2), write(3)];
    const { lost } = findLoss(writes, holding(1));
    expect(olderThan(lost, 26).map(({ version }) => version)).toEqual([2]);
    expect(olderThan(lost, 25)).toEqual([]);
    expect(recoveryPoint(lost, 1025)).toBe(1);
    expect(recoveryPoint([], 1025)).toBe(0);
  });
});

describe("a file is mismatched", () => {
  const { mismatched } = {
    mismatched: (found: Found, before: Found) =>
      findLoss([write(7), write(8)], holding(found), holding(before)).mismatched,
  };

  test.each<[string, Found, Found, string[]]>([
    ["not when it holds one of the writes", 8, 3, []],
    ["not when it is as it was before", 3, 3, []],
    ["not when it was never there", "missing", "missing", []],
    ["when it is damaged", "damaged", 3, ["file"]],
    ["when it is gone", "missing", 3, ["file"]],
    ["when it is older than before", 2, 3, ["file"]],
    ["when it holds a write that had been lost", 5, 3, ["file"]],
  ])("%s", (_when, found, before, expected) => {
    expect(mismatched(found, before)).toEqual(expected);
  });
});

describe("two writers", () => {
  test("are found when the home region takes a write between two of the other one's", () => {
    const away = [write(10, { side: "standby" }), write(20, { side: "standby" })];
    const home = (sentAt: number, endedAt: number, outcome: Write["outcome"] = "acknowledged") =>
      write(1, { sentAt, endedAt, outcome });
    expect(findTwoWriters([...away, home(120, 125)])).toHaveLength(1);
    expect(findTwoWriters([...away, home(120, 125, "refused"), home(130, 135, "unknown")])).toEqual([]);
    // Neither in flight when the other one began or ended, nor before and after, is it known to be one too many.
    expect(findTwoWriters([...away, home(0, 5), home(90, 107), home(195, 210), home(300, 305)])).toEqual([]);
    expect(findTwoWriters([home(0, 5)])).toEqual([]);
  });

  test("are never found where one region follows the other", () => {
    const stretch = fc.array(fc.nat(20), { maxLength: 20 });
    fc.assert(
      fc.property(stretch, stretch, stretch, (first, second, third) => {
        let now = 0;
        const following = (side: Write["side"], durations: readonly number[]) =>
          durations.map((duration) => {
            const sentAt = ++now;
            now += duration;
            return write(1, { side, sentAt, endedAt: now });
          });
        const writes = [following("home", first), following("standby", second), following("home", third)].flat();
        expect(findTwoWriters(writes)).toEqual([]);
      }),
    );
  });
});

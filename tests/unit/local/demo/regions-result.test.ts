import { expect, test } from "vitest";
import { problemsOf, type RegionsResult, toJson, toTable } from "../../../../local/demo/regions/result.ts";

const good: RegionsResult = {
  rtoSeconds: 9.8765,
  rpoSeconds: 1.204,
  lagSeconds: 1.5,
  acknowledged: 1234,
  acknowledgedLost: 56,
  acknowledgedLostOlderThanLag: 0,
  lostAtFailback: 0,
  mismatched: [],
  files: 321,
  twoWriters: 0,
  refusedByOldPrimary: 40,
  refusedDuringFailover: 200,
  refusedDuringFailback: 12,
  failbackSeconds: 20,
  failbackPauseSeconds: 6,
};

test("the line of JSON has exactly the keys that programs read", () => {
  expect(JSON.parse(toJson(good))).toEqual({
    rtoSeconds: 9.88,
    rpoSeconds: 1.2,
    acknowledgedLost: 56,
    acknowledgedLostOlderThanLag: 0,
    lostAtFailback: 0,
    mismatchedFiles: 0,
    twoWriters: 0,
  });
  expect(toJson(good)).not.toContain("\n");
});

test("the table shows what it took and what was lost", () => {
  expect(toTable(good)).toMatch(/\(RTO\) +│ +9\.9 s/);
  expect(toTable(good)).toMatch(/lost at the failover +│ +56/);
});

test.each<[Partial<RegionsResult>, RegExp]>([
  [{ acknowledgedLostOlderThanLag: 1 }, /^1 acknowledged writes were lost although they were older than the lag/],
  [{ lostAtFailback: 2 }, /^2 acknowledged writes were lost at the failback/],
  [{ mismatched: ["a", "b", "c"] }, /^3 files hold .* like a\./],
  [{ twoWriters: 4 }, /^4 writes were acknowledged by one region while the other/],
  [{ rtoSeconds: 30.1 }, /^It took 30\.1 s/],
  [{ refusedByOldPrimary: 0 }, /was not asked/],
  [{ acknowledged: 0 }, /Nothing was written/],
])("a broken promise is a problem: %o", (change, problem) => {
  expect(problemsOf(good)).toEqual([]);
  expect(problemsOf({ ...good, ...change })).toEqual([expect.stringMatching(problem)]);
});

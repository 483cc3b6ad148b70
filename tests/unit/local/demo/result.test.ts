import { expect, test } from "vitest";
import { type DemoResult, problemsOf, toJson, toTable } from "../../../../local/demo/result.ts";
import type { TargetCounts } from "../../../../local/demo/target-report.ts";

const target = (zone: string, requests: number): TargetCounts => ({
  id: `fsmt-${zone}`,
  availabilityZone: `ap-northeast-1${zone}`,
  requests,
  bytes: requests * 1000,
});

const good: DemoResult = {
  before: { targets: [target("a", 1510), target("c", 1490)], readMBps: 7.961 },
  after: { targets: [target("a", 1010), target("c", 990), target("d", 1000)], readMBps: 11.9 },
  tasksRolled: 2,
  files: 3000,
  requests: 12_345,
  failedRequests: 0,
  mismatchedFiles: 0,
};

test("the line of JSON has exactly the keys that programs read", () => {
  expect(JSON.parse(toJson(good))).toEqual({
    mountTargetsBefore: 2,
    mountTargetsAfter: 3,
    tasksRolled: 2,
    files: 3000,
    failedRequests: 0,
    mismatchedFiles: 0,
    readMBpsBefore: 7.96,
    readMBpsAfter: 11.9,
    shareByTarget: [0.3367, 0.33, 0.3333],
  });
  expect(toJson(good)).not.toContain("\n");
});

test("the table shows both measurements", () => {
  const table = toTable(good);
  expect(table).toMatch(/ap-northeast-1d \(fsmt-d\) +│ +- │ 1,000 \(33\.3 %\)/);
  expect(table).toMatch(/Read MB\/s +│ +7\.96 │ +11\.90/);
});

test("all is well only without a failed request, a changed file and an unfair share", () => {
  expect(problemsOf(good)).toEqual([]);
  expect(problemsOf({ ...good, failedRequests: 1 })).toEqual(["1 of 12,345 requests failed."]);
  expect(problemsOf({ ...good, mismatchedFiles: 2 })).toEqual([
    "2 of 3,000 files were not read back as they were written.",
  ]);
  const shares = (a: number, c: number, d: number) => ({
    ...good,
    after: { ...good.after, targets: [target("a", a), target("c", c), target("d", d)] },
  });
  expect(problemsOf(shares(383, 317, 300))).toEqual([]);
  expect(problemsOf(shares(390, 310, 300))).toEqual(["fsmt-a got 39.0 % of the requests instead of about 33.3 %."]);
  expect(problemsOf(shares(0, 0, 0))).toHaveLength(3);
});

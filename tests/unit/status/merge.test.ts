import { describe, expect, test } from "vitest";
import type { TargetOfTask, TaskStatus } from "../../../fargate-app/src/status/document.ts";
import { mergeReadings, type Reading, type TaskRecord } from "../../../fargate-app/src/status/merge.ts";

const target = (changes: Partial<TargetOfTask> = {}): TargetOfTask => ({
  id: "fsmt-1",
  address: "10.0.1.1",
  zone: "ap-northeast-1a",
  state: "connected",
  since: 1_000,
  inFlight: 0,
  requests: 0,
  errors: 0,
  bytesRead: 0,
  bytesWritten: 0,
  latencies: {},
  ...changes,
});

const status = (time: number, targets: TargetOfTask[], changes: Partial<TaskStatus> = {}): TaskStatus => ({
  id: "task",
  time,
  startedAt: 0,
  memory: 1,
  targets,
  hotSpots: { hot: [], paths: [], directories: [] },
  costs: { meteredBytes: { lower: 1, upper: 2 }, pricesAsOf: "2026-06" },
  changes: [],
  ...changes,
});

const record = (id: string, changes: Partial<TaskRecord> = {}): TaskRecord => ({ id, status: "RUNNING", ...changes });

/** A task that did so much at its targets in two seconds. */
function reading(id: string, before: TargetOfTask[], now: TargetOfTask[], changes: Partial<Reading> = {}): Reading {
  return { record: record(id), isSelf: false, before: status(10_000, before), now: status(12_000, now), ...changes };
}

describe("rates", () => {
  test("are what all tasks did, by the time of each", () => {
    const merged = mergeReadings([
      reading("a", [target()], [target({ requests: 20, bytesRead: 2_000, latencies: { 10: 20 } })]),
      reading("b", [target({ requests: 5 })], [target({ requests: 15, bytesWritten: 1_000, errors: 2, inFlight: 3 })]),
    ]);
    expect(merged.targets).toMatchObject([
      {
        requestsPerSecond: 15,
        readPerSecond: 1_000,
        writtenPerSecond: 500,
        errorsPerSecond: 1,
        errors: 2,
        inFlight: 3,
      },
    ]);
    expect(merged.total).toMatchObject({
      requestsPerSecond: 15,
      bytesPerSecond: 1_500,
      errorsPerSecond: 1,
      inFlight: 3,
    });
    expect(merged.tasks.map(({ id, requestsPerSecond }) => [id, requestsPerSecond])).toEqual([
      ["a", 10],
      ["b", 5],
    ]);
    expect(merged.targets[0]?.p50).toBeGreaterThan(0);
  });

  test("are 0 of what counts anew, and of what was heard of once", () => {
    const anew = reading("a", [target({ requests: 50 })], [target({ requests: 1 })]);
    const once = reading("b", [], [target({ requests: 100 })], { before: undefined });
    expect(mergeReadings([anew, once]).total.requestsPerSecond).toBe(0);
  });

  test("give each target its share", () => {
    const other = (requests: number) => target({ id: "fsmt-2", requests });
    const merged = mergeReadings([reading("a", [target(), other(0)], [target({ requests: 3 }), other(9)])]);
    expect(merged.targets.map(({ id, share }) => [id, share])).toEqual([
      ["fsmt-1", 0.25],
      ["fsmt-2", 0.75],
    ]);
  });
});

describe("a target's state", () => {
  test.each([
    [["connected", "failed", "silent"], "failed"],
    [["connected", "silent", "probing"], "silent"],
    [["connected", "retiring", "connected"], "retiring"],
    [["connected", "connected"], "connected"],
  ])("of %j is %s", (states, expected) => {
    const readings = states.map((state, index) => reading(String(index), [], [target({ state })]));
    const [merged] = mergeReadings(readings).targets;
    expect(merged).toMatchObject({
      state: expected,
      seenBy: states.filter((state) => state === expected).length,
      routers: states.length,
    });
  });
});

describe("tasks", () => {
  test("that say nothing are there, with the reason", () => {
    const silent: Reading = { record: record("b"), isSelf: false, problem: "It responded with status 401" };
    const merged = mergeReadings([reading("a", [], [target()]), silent]);
    expect(merged.tasks).toMatchObject([{ id: "a" }, { id: "b", problem: "It responded with status 401" }]);
    expect(merged.targets).toHaveLength(1);
  });

  test("of the deployment that came last are current", () => {
    const merged = mergeReadings([
      { record: record("old", { deployment: "ecs-svc/1", createdAt: 1 }), isSelf: true },
      { record: record("new", { deployment: "ecs-svc/2", createdAt: 2 }), isSelf: false },
    ]);
    expect(merged.tasks.map(({ id, isCurrent }) => [id, isCurrent])).toEqual(
      expect.arrayContaining([
        ["old", false],
        ["new", true],
      ]),
    );
  });
});

test("hot spots have their share of the requests of all tasks", () => {
  const spots = (rates: Record<string, number>, total: number) =>
    Object.entries(rates).map(([path, perSecond]) => ({ path, perSecond, share: perSecond / total }));
  const task = (id: string, paths: ReturnType<typeof spots>) => {
    const said = status(12_000, [], { hotSpots: { hot: ["a"], paths, directories: [] } });
    return { record: record(id), isSelf: false, now: said };
  };
  const merged = mergeReadings([task("1", spots({ a: 6, b: 2 }, 10)), task("2", spots({ a: 2 }, 10))]);
  expect(merged.hotSpots.hot).toEqual(["a"]);
  expect(merged.hotSpots.paths.map(({ path, share }) => [path, share])).toEqual([
    ["a", 0.4],
    ["b", 0.1],
  ]);
});

test("costs add up, and dollars are known only where all of them are", () => {
  const costs = (dollars: number | undefined) => ({
    meteredBytes: { lower: 1, upper: 2 },
    dollars: dollars === undefined ? undefined : { lower: dollars, upper: dollars },
    pricesAsOf: "2026-06",
  });
  const task = (dollars: number | undefined): Reading => ({
    record: record(String(dollars)),
    isSelf: false,
    now: status(12_000, [], { costs: costs(dollars) }),
  });
  expect(mergeReadings([task(1), task(2)]).costs).toMatchObject({
    meteredBytes: { lower: 2, upper: 4 },
    dollars: { lower: 3, upper: 3 },
  });
  expect(mergeReadings([task(1), task(undefined)]).costs?.dollars).toBeUndefined();
});

test("a change that several tasks see at about the same time is one, and at most 50 are kept", () => {
  const change = (time: number) => ({ time, target: "fsmt-1", state: "failed" });
  const task = (id: string, times: number[]): Reading => ({
    record: record(id),
    isSelf: false,
    now: status(1e9, [], { changes: times.map(change) }),
  });
  const merged = mergeReadings([task("a", [100_000, 200_000]), task("b", [100_900])]);
  expect(merged.changes).toMatchObject([
    { time: 200_000, seenBy: 1 },
    { time: 100_900, seenBy: 2 },
  ]);
  const many = Array.from({ length: 80 }, (_, index) => index * 60_000);
  expect(mergeReadings([task("a", many)]).changes).toHaveLength(50);
});

describe("of two regions", () => {
  const task = (id: string, ownRegion: TaskStatus["ownRegion"]): Reading => ({
    record: record(id),
    isSelf: false,
    now: status(12_000, [], { ownRegion }),
  });
  const peer = { region: "ap-northeast-3", url: "http://osaka.example" };
  const primary = { role: "primary", epoch: 3, region: "ap-northeast-1", peer, refusedWrites: {} };

  test("the role is that of the highest epoch, and each router says whether it takes writes, and why not", () => {
    const merged = mergeReadings([
      task("a", { writable: false, reason: "unknown", refusedWrites: { unknown: 2 } }),
      task("b", { ...primary, writable: true }),
      task("c", { ...primary, writable: false, reason: "unconfirmed", refusedWrites: { unconfirmed: 5, unknown: 1 } }),
      task("d", { ...primary, role: "standby", epoch: 1, writable: false, reason: "unknown" }),
    ]);
    expect(merged.ownRegion).toEqual({
      ...{ role: "primary", epoch: 3, region: "ap-northeast-1", peer },
      ...{ writableRouters: 1, routers: 4, reasons: ["unconfirmed", "unknown"] },
      refusedWrites: { unconfirmed: 5, unknown: 3 },
    });
  });

  test("the replica is as old as the router says that knows least", () => {
    const standby = { ...primary, role: "standby", writable: false, reason: "standby" };
    const merged = mergeReadings([
      task("a", { ...standby, replicaLagSeconds: 12 }),
      task("b", { ...standby, replicaLagSeconds: 40 }),
      task("c", standby),
    ]);
    expect(merged.ownRegion?.replicaLagSeconds).toBe(40);
  });

  test("there is nothing of that where there is one", () => {
    expect(mergeReadings([task("a", undefined)]).ownRegion).toBeUndefined();
  });
});

import { expect, test } from "vitest";
import type { TargetOfTask, TaskStatus } from "../../../fargate-app/src/status/document.ts";
import { taskStatusOf } from "../../../fargate-app/src/status/task-status.ts";
import { onlyWorker, type WorkerGroup } from "../../../fargate-app/src/workers/group.ts";

const target = (fields: Partial<TargetOfTask>): TargetOfTask => ({
  id: "fsmt-1",
  address: "10.0.1.100",
  zone: "ap-northeast-1a",
  state: "connected",
  since: 1_000,
  inFlight: 1,
  requests: 10,
  errors: 0,
  bytesRead: 100,
  bytesWritten: 0,
  latencies: { 3: 10 },
  ...fields,
});

const worker = (fields: Partial<TaskStatus>): TaskStatus => ({
  id: "task",
  zone: "ap-northeast-1a",
  time: 20_000,
  startedAt: 5_000,
  memory: 100,
  targets: [target({})],
  hotSpots: { hot: [], paths: [{ path: "a", perSecond: 1, share: 0.5 }], directories: [] },
  costs: { meteredBytes: { lower: 1, upper: 2 }, dollars: { lower: 1, upper: 2 }, pricesAsOf: "2026-06" },
  changes: [{ time: 1_000, target: "fsmt-1", state: "connected" }],
  ...fields,
});

function read(workers: readonly TaskStatus[]): Promise<TaskStatus> {
  const ask = (async (question: string) => (question === "status" ? workers : [])) as WorkerGroup["ask"];
  return taskStatusOf({ ask })({ withHistory: false });
}

test("one worker's status is the task's", async () => {
  const only = worker({});
  expect(await read([only])).toEqual(only);
});

test("what several workers counted adds up, and the worst that one sees is shown", async () => {
  const failed = target({
    state: "failed",
    since: 9_000,
    reason: "It was cut off",
    requests: 5,
    latencies: { 3: 1, 7: 4 },
  });
  const second = worker({
    startedAt: 15_000,
    targets: [failed],
    hotSpots: { hot: ["b"], paths: [{ path: "b", perSecond: 6, share: 1 }], directories: [] },
    changes: [
      { time: 1_200, target: "fsmt-1", state: "connected" },
      { time: 9_000, target: "fsmt-1", state: "failed", reason: "It was cut off" },
    ],
  });
  const status = await read([worker({}), second]);
  expect(status).toMatchObject({ id: "task", startedAt: 5_000, memory: 200 });
  expect(status.targets).toEqual([
    target({
      state: "failed",
      since: 9_000,
      reason: "It was cut off",
      inFlight: 2,
      requests: 15,
      bytesRead: 200,
      latencies: { 3: 11, 7: 4 },
    }),
  ]);
  expect(status.hotSpots.hot).toEqual(["b"]);
  expect(status.hotSpots.paths.map(({ path, share }) => [path, share])).toEqual([
    ["b", 0.75],
    ["a", 0.125],
  ]);
  expect(status.costs).toMatchObject({ meteredBytes: { lower: 2, upper: 4 }, dollars: { lower: 2, upper: 4 } });
  expect(status.changes.map(({ state }) => state)).toEqual(["connected", "failed"]);
});

test("a router takes writes where each of its workers does", async () => {
  const region = { role: "primary", epoch: 1, writable: true, refusedWrites: { unknown: 1 } };
  const refusing = { ...region, writable: false, reason: "unconfirmed", refusedWrites: { unconfirmed: 2 } };
  expect((await read([worker({ ownRegion: region }), worker({ ownRegion: region })])).ownRegion).toMatchObject({
    writable: true,
    refusedWrites: { unknown: 2 },
  });
  expect((await read([worker({ ownRegion: region }), worker({ ownRegion: refusing })])).ownRegion).toMatchObject({
    writable: false,
    reason: "unconfirmed",
    refusedWrites: { unknown: 1, unconfirmed: 2 },
  });
});

test("a router without any worker that answers has no status", async () => {
  await expect(taskStatusOf(onlyWorker())({ withHistory: false })).rejects.toThrow("No worker answers");
});

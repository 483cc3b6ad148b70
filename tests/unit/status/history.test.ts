import { expect, test } from "vitest";
import { HISTORY_STEP, mergeHistories, StatusHistory } from "../../../fargate-app/src/status/history.ts";

const counts = (requests: number) => ({ id: "fsmt-1", requests, bytes: 100 * requests, latencies: { 40: requests } });

test("an hour is remembered, and no more, however long it goes on", () => {
  const history = new StatusHistory();
  const steps = 1_000;
  for (let step = 0; step <= steps; step += 1) history.add(step * HISTORY_STEP, [counts(step * 20)]);
  const { points } = history;
  expect(points).toHaveLength(3_600_000 / HISTORY_STEP);
  expect(points.at(-1)?.time).toBe(steps * HISTORY_STEP);
  expect(points.every(({ targets }) => targets["fsmt-1"]?.[0] === 2 && targets["fsmt-1"][1] === 200)).toBe(true);
});

test("a target that counts anew has no negative rate", () => {
  const history = new StatusHistory();
  history.add(0, [counts(500)]);
  history.add(HISTORY_STEP, [counts(3)]);
  expect(history.points[0]?.targets["fsmt-1"]?.[0]).toBe(0);
});

test("rates of several routers add up at each time, and the highest latency counts", () => {
  const merged = mergeHistories([
    [
      { time: 10, targets: { a: [1, 10, 5] } },
      { time: 20, targets: { a: [2, 20, 5] } },
    ],
    [{ time: 20, targets: { a: [3, 30, 9], b: [1, 1, 1] } }],
  ]);
  expect(merged).toEqual([
    { time: 10, targets: { a: [1, 10, 5] } },
    { time: 20, targets: { a: [5, 50, 9], b: [1, 1, 1] } },
  ]);
});

test("after a start between two steps, the rate is of the time that there was", () => {
  const history = new StatusHistory();
  history.add(6_000, [counts(0)]);
  history.add(HISTORY_STEP + 2, [counts(40)]);
  expect(history.points).toHaveLength(1);
  expect(history.points[0]?.time).toBe(HISTORY_STEP);
  expect(history.points[0]?.targets["fsmt-1"]?.[0]).toBeCloseTo(10, 1);
});

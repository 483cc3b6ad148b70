import { expect, test } from "vitest";
import { Timeline } from "../../../fargate-app/web/status/timeline.ts";

const status = (time: number, requestsPerSecond: number) => ({
  time,
  fileSystemId: "fs-1",
  targets: [
    {
      id: "a",
      address: "10.0.0.1",
      zone: "z",
      state: "connected",
      since: 0,
      seenBy: 1,
      routers: 1,
      share: 1,
      requestsPerSecond,
      readPerSecond: 0,
      writtenPerSecond: 0,
      inFlight: 0,
      errors: 0,
      errorsPerSecond: 0,
    },
  ],
  total: { requestsPerSecond, bytesPerSecond: 0, errorsPerSecond: 0, inFlight: 0 },
  tasks: [],
  hotSpots: { hot: [], paths: [], directories: [] },
  monitor: {},
  changes: [],
});

const point = (time: number, requests: number) => ({
  time,
  targets: { a: [requests, 0, 0] as [number, number, number] },
});

function requestsOf(timeline: Timeline): [number, number | null][] {
  const { times, values } = timeline.series("requests", ["a"]);
  return times.map((time, index) => [time * 1_000, values[0]?.[index] ?? null]);
}

test("what the routers remember comes before what the page sees", () => {
  const timeline = new Timeline();
  timeline.recall([point(10_000, 1), point(20_000, 2)]);
  timeline.add(status(25_000, 3));
  expect(requestsOf(timeline)).toEqual([
    [10_000, 1],
    [20_000, 2],
    [25_000, 3],
  ]);
});

test("when the tasks are replaced, the page remembers what they no longer do", () => {
  const timeline = new Timeline();
  for (const time of [5_000, 15_000, 25_000]) timeline.add(status(time, time));
  timeline.recall([]);
  expect(requestsOf(timeline).map(([time]) => time)).toEqual([5_000, 15_000, 25_000]);
  timeline.recall([point(10_000, 7), point(20_000, 8)]);
  expect(requestsOf(timeline)).toEqual([
    [5_000, 5_000],
    [10_000, 7],
    [15_000, 15_000],
    [20_000, 8],
    [25_000, 25_000],
  ]);
});

test("what the page saw itself is not replaced by what is left of it in new tasks", () => {
  const timeline = new Timeline();
  for (let time = 1_000; time <= 60_000; time += 1_000) timeline.add(status(time, 100));
  timeline.recall([point(50_000, 1), point(60_000, 2), point(70_000, 90)]);
  expect(requestsOf(timeline).every(([, requests]) => (requests ?? 0) >= 90)).toBe(true);
  expect(timeline.length).toBe(61);
});

test("a first look, which has no rates yet, is no fall to 0", () => {
  const timeline = new Timeline();
  timeline.recall([point(10_000, 5)]);
  timeline.add({ ...status(11_000, 0), withoutRates: true });
  timeline.add(status(12_000, 6));
  expect(requestsOf(timeline)).toEqual([
    [10_000, 5],
    [12_000, 6],
  ]);
});

test("an hour is shown, however long the page is open", () => {
  const timeline = new Timeline();
  for (let second = 0; second < 5_000; second += 1) timeline.add(status(second * 1_000, 1));
  expect(timeline.length).toBe(3_601);
});

test("a time without requests has no latency, which is none of 0", () => {
  const timeline = new Timeline();
  timeline.recall([{ time: 10_000, targets: { a: [5, 0, 2.5] } }, point(20_000, 0)]);
  expect(timeline.series("latency", ["a"]).values).toEqual([[2.5, null]]);
});

test("a target that was not there yet has no value", () => {
  const timeline = new Timeline();
  timeline.recall([point(10_000, 1)]);
  expect(timeline.series("requests", ["a", "b"]).values).toEqual([[1], [null]]);
});

import { MONITOR_EVENTS } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { expect, test } from "vitest";
import { happeningsOf } from "../../../fargate-app/web/status/happenings.ts";
import { WORDS } from "../../../fargate-app/web/status/words/index.ts";

const change = (time: number) => ({ time, target: "fsmt-1", state: "connected", seenBy: 1 });
const monitor = (...times: number[]) => ({
  status: {
    time: 0,
    succeeded: true,
    outcome: "",
    counts: [],
    events: times.map((time) => ({ time, kind: "deployment-started" })),
  },
});

test("what routers saw and what the monitor did are one list, newest first, of 50 at most", () => {
  const some = happeningsOf({ changes: [change(30), change(10)], monitor: monitor(20, 40) });
  expect(some.map(({ by, time }) => [by, time])).toEqual([
    ["monitor", 40],
    ["routers", 30],
    ["monitor", 20],
    ["routers", 10],
  ]);
  const many = happeningsOf({ changes: Array.from({ length: 50 }, (_, time) => change(time)), monitor: monitor(100) });
  expect(many).toHaveLength(50);
  expect(many[0]?.by).toBe("monitor");
  expect(happeningsOf({ changes: [], monitor: {} })).toEqual([]);
});

test("what one run did is in the order in which it did it", () => {
  const events = [
    { time: 7, kind: "mount-target-added", subject: "ap-northeast-1d" },
    { time: 7, kind: "deployment-started" },
  ];
  const status = { ...monitor().status, events };
  const happenings = happeningsOf({ changes: [], monitor: { status } });
  expect(happenings.map((one) => one.by === "monitor" && one.event.kind)).toEqual([
    "deployment-started",
    "mount-target-added",
  ]);
});

test.each(["en", "ja"] as const)("every event of the monitor has its words in %s", (language) => {
  const { events } = WORDS[language];
  for (const kind of MONITOR_EVENTS) expect(events[kind]?.("x").length, kind).toBeGreaterThan(3);
});

import { expect, test } from "vitest";
import { describeMonitorRun } from "../../../local/monitor-run.ts";

const returned = (payload: object) => describeMonitorRun({ outcome: "returned", payload });

test("a run that changed something, or failed, is a line", () => {
  const created = { availabilityZone: "ap-northeast-1d", mountTargetId: "fsmt-1" };
  expect(returned({ statusCode: 200, message: "ok", fileCount: 2701, created, deployed: true })).toEqual([
    "The monitor counted 2,701 files, and created a mount target in ap-northeast-1d and started a deployment",
  ]);
  expect(returned({ statusCode: 200, message: "ok", fileCount: 1, created: null, deployed: true })).toEqual([
    "The monitor counted 1 files, and started a deployment",
  ]);
  const run = { statusCode: 200, message: "ok", fileCount: 900, created: null, tableUpdated: true, deployed: false };
  const scaleIn = { action: "retire", mountTarget: created, reason: "few files" };
  expect(returned({ ...run, scaleIn })).toEqual([
    "The monitor counted 900 files, and began to retire the mount target in ap-northeast-1d",
  ]);
  expect(returned({ ...run, scaleIn: { ...scaleIn, action: "delete" }, deleted: created })).toEqual([
    "The monitor counted 900 files, and deleted the mount target in ap-northeast-1d",
  ]);
  expect(returned({ statusCode: 500, error: "no such directory" })).toEqual(["The monitor failed: no such directory"]);
  expect(
    describeMonitorRun({ outcome: "failed", errorType: "Sandbox.Timedout", errorMessage: "Task timed out" }),
  ).toEqual(["The monitor failed: Sandbox.Timedout: Task timed out"]);
});

test("a run that found all as it should be is none", () => {
  const scaleIn = { action: "retire", mountTarget: { availabilityZone: "ap-northeast-1d" }, reason: "still in use" };
  expect(
    returned({ statusCode: 200, message: "No action needed", fileCount: 1, scaleIn, tableUpdated: false }),
  ).toEqual([]);
  expect(
    returned({ statusCode: 200, message: "No action needed", fileCount: 1, created: null, deployed: false }),
  ).toEqual([]);
});

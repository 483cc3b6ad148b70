import { expect, test } from "vitest";
import { Changes } from "../../../fargate-app/src/status/changes.ts";

test("a target that is probed again and again while it is away changes once", () => {
  const changes = new Changes();
  changes.note("fsmt-1", "connected");
  for (let probe = 0; probe < 5; probe += 1) {
    changes.note("fsmt-1", "failed", "It is gone");
    changes.note("fsmt-1", "probing");
  }
  changes.note("fsmt-1", "connected");
  expect(changes.latest.map(({ state, reason }) => [state, reason])).toEqual([
    ["connected", undefined],
    ["failed", "It is gone"],
    ["connected", undefined],
  ]);
});

test("one that leaves the table and comes back is new", () => {
  const changes = new Changes();
  for (const state of ["connected", "removed", "connected"]) changes.note("fsmt-1", state);
  expect(changes.latest.map(({ state }) => state)).toEqual(["connected", "removed", "connected"]);
});

test("the last 50 are kept", () => {
  const changes = new Changes();
  for (let target = 0; target < 500; target += 1) changes.note(`fsmt-${target}`, "connected");
  expect(changes.latest).toHaveLength(50);
  expect(changes.latest.at(-1)?.target).toBe("fsmt-499");
});

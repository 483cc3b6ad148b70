import { expect, test } from "vitest";
import {
  countChanges,
  type Moment,
  milestonesOf,
  targetsBySecond,
} from "../../../../../local/demo/scenario/recording.ts";

/** Two looks a second. */
function record(...looks: readonly Partial<Moment>[]): Moment[] {
  return looks.map((look, index) => ({
    second: 0.3 + index / 2,
    files: 90,
    serving: 2,
    retiring: 0,
    mountTargets: 2,
    possibleFiles: undefined,
    effectiveThreshold: 100,
    ...look,
  }));
}

test("the moments at which something happened are those at which it was first seen", () => {
  const moments = record(
    {},
    { mountTargets: 3 },
    { mountTargets: 3, serving: 3, files: 100 },
    { mountTargets: 3, serving: 3, files: 101 },
    { mountTargets: 3, serving: 2, retiring: 1 },
    { files: 120 },
  );
  expect(milestonesOf(moments, 100)).toEqual({
    thirdTargetCreated: moments[1],
    thirdTargetInUse: moments[2],
    thresholdPassed: moments[3],
    retiring: moments[4],
    retired: moments[5],
  });
  expect(countChanges(moments)).toBe(2);
  expect(targetsBySecond(moments)).toEqual([2, 3, 2]);
});

test("what never happened has no moment, and a mount target that never came is not gone", () => {
  const moments = record({}, {}, {});
  expect(Object.values(milestonesOf(moments, 100))).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect(countChanges(moments)).toBe(0);
  expect(targetsBySecond(moments)).toEqual([2, 2]);
});

test("one that EFS had, and no task used, is not gone either", () => {
  expect(milestonesOf(record({}, { mountTargets: 3 }, {}), 100).retired).toBeUndefined();
});

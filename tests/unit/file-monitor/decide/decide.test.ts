import { describe, expect, test } from "vitest";
import type { MountTargetDescription } from "../../../../functions/file-monitor/aws/file-system.ts";
import type { Subnet } from "../../../../functions/file-monitor/aws/subnets.ts";
import {
  type Decision,
  decide,
  isThresholdPassed,
  type Observation,
  type ScalingSettings,
} from "../../../../functions/file-monitor/decide/decide.ts";
import { countAvailabilityZonesLeft } from "../../../../functions/file-monitor/decide/scale-out.ts";

const settings: ScalingSettings = { fileCountThreshold: 100, maxMountTargets: undefined, subnetIds: undefined };

function subnet(subnetId: string, availabilityZone: string, freeAddresses = 100): Subnet {
  return { subnetId, availabilityZone, freeAddresses };
}

function mountTarget(availabilityZone: string, state = "available"): MountTargetDescription {
  return {
    mountTargetId: `fsmt-${availabilityZone}`,
    subnetId: `subnet-${availabilityZone}`,
    availabilityZone,
    state,
    ipAddress: state === "creating" ? undefined : "10.0.0.1",
  };
}

function observation(parts: Partial<Observation>): Observation {
  return {
    fileCount: 101,
    fileSystem: { availabilityZone: undefined, numberOfMountTargets: 0 },
    mountTargets: [mountTarget("a")],
    subnets: [subnet("a1", "a"), subnet("b1", "b"), subnet("c1", "c")],
    ...parts,
  };
}

describe("past the threshold", () => {
  const cases: {
    name: string;
    seen: Partial<Observation>;
    limits?: Partial<ScalingSettings>;
    expected: string;
    left: number;
  }[] = [
    { name: "the first Availability Zone without one", seen: {}, expected: "create b1", left: 2 },
    {
      name: "the order in which AWS lists subnets does not matter",
      seen: { subnets: [subnet("c1", "c"), subnet("b2", "b"), subnet("b1", "b")] },
      expected: "create b1",
      left: 2,
    },
    {
      name: "the subnet with most free addresses comes first",
      seen: { subnets: [subnet("b1", "b", 0), subnet("b2", "b", 9)] },
      expected: "create b2",
      left: 1,
    },
    {
      name: "one that is being created is waited for",
      seen: { mountTargets: [mountTarget("a"), mountTarget("b", "creating")] },
      expected: "await fsmt-b",
      left: 1,
    },
    ...["updating", "deleting", "error"].map((state) => ({
      name: `one that is ${state} holds its Availability Zone`,
      seen: { mountTargets: [mountTarget("a"), mountTarget("b", state)] },
      expected: "create c1",
      left: 1,
    })),
    {
      name: "one that is deleted does not",
      seen: { mountTargets: [mountTarget("a"), mountTarget("b", "deleted")] },
      expected: "create b1",
      left: 2,
    },
    {
      name: "a file system without any gets its first",
      seen: { mountTargets: [] },
      expected: "create a1",
      left: 3,
    },
    {
      name: "every Availability Zone has its own",
      seen: { mountTargets: ["a", "b", "c"].map((zone) => mountTarget(zone)) },
      expected: "none: every Availability Zone with a usable subnet has its mount target",
      left: 0,
    },
    {
      name: "only the subnets allowed",
      seen: {},
      limits: { subnetIds: ["a1", "c1"] },
      expected: "create c1",
      left: 1,
    },
    {
      name: "no more than allowed",
      seen: { mountTargets: [mountTarget("a"), mountTarget("b", "error")] },
      limits: { maxMountTargets: 2 },
      expected: "none: there are MAX_MOUNT_TARGETS (2) already",
      left: 0,
    },
    {
      name: "no more than allowed, though not all of them are listed yet",
      seen: { fileSystem: { availabilityZone: undefined, numberOfMountTargets: 2 } },
      limits: { maxMountTargets: 2 },
      expected: "none: there are MAX_MOUNT_TARGETS (2) already",
      left: 0,
    },
    { name: "one more is allowed", seen: {}, limits: { maxMountTargets: 2 }, expected: "create b1", left: 1 },
    {
      name: "a One Zone file system that has its only one",
      seen: { fileSystem: { availabilityZone: "a", numberOfMountTargets: 1 } },
      expected: "none: a One Zone file system has its only mount target in a",
      left: 0,
    },
    {
      name: "a One Zone file system that has none",
      seen: { fileSystem: { availabilityZone: "c", numberOfMountTargets: 0 }, mountTargets: [] },
      expected: "create c1",
      left: 1,
    },
  ];

  test.each(cases)("$name", ({ seen, limits, expected, left }) => {
    expect(told(decide(observation(seen), { ...settings, ...limits }))).toBe(expected);
    expect(countAvailabilityZonesLeft(observation(seen), { ...settings, ...limits })).toBe(left);
  });

  test.each(cases.filter(({ expected }) => expected.startsWith("none")))(
    "$name: a mount target is wanted all the same",
    ({ seen, limits }) => {
      const decision = decide(observation(seen), { ...settings, ...limits });
      expect(decision).toMatchObject({ action: "none", cause: "no-place" });
    },
  );
});

/** A decision in one line. */
function told(decision: Decision): string {
  switch (decision.action) {
    case "create":
      return `create ${decision.subnet.subnetId}`;
    case "await":
    case "retire":
    case "delete":
      return `${decision.action} ${decision.mountTarget.mountTargetId}`;
    case "none":
      return `none: ${decision.reason}`;
  }
}

describe("with a threshold that a forecast has lowered", () => {
  test.each([
    { fileCount: 80, effectiveThreshold: 80, expected: "none: 80 files do not pass the threshold of 80" },
    { fileCount: 81, effectiveThreshold: 80, expected: "create b1" },
    { fileCount: 101, effectiveThreshold: 100, expected: "create b1" },
    { fileCount: 101, effectiveThreshold: 1000, expected: "create b1" },
    { fileCount: 100, effectiveThreshold: 1000, expected: "none: 100 files do not pass the threshold of 100" },
  ])("$fileCount files, $effectiveThreshold instead of 100: $expected", ({ expected, ...seen }) => {
    expect(told(decide(observation(seen), settings))).toBe(expected);
  });
});

describe("at the threshold or below it", () => {
  test.each([
    ["where one could be added", {}],
    ["where one is being created", { mountTargets: [mountTarget("a", "creating")] }],
    ["where none could be added", { subnets: [] }],
  ])("nothing is wanted %s", (_, seen) => {
    expect(decide(observation({ ...seen, fileCount: 100 }), settings)).toEqual({
      action: "none",
      cause: "threshold-not-passed",
      reason: "100 files do not pass the threshold of 100",
    });
  });
});

test.each([
  [0, 0, false],
  [1, 0, true],
  [100_000, 100_000, false],
  [100_001, 100_000, true],
])("%d files pass a threshold of %d: %s", (files, threshold, expected) => {
  expect(isThresholdPassed(files, threshold)).toBe(expected);
});

import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import { describe, expect, test } from "vitest";
import type { MountTargetDescription } from "../../../functions/file-monitor/aws/file-system.ts";
import type { Subnet } from "../../../functions/file-monitor/aws/subnets.ts";
import {
  countAvailabilityZonesLeft,
  decideRollout,
  decideScaling,
  decideTable,
  isThresholdPassed,
  mayTasksUseOlderTable,
  type Observation,
  type ScalingLimits,
} from "../../../functions/file-monitor/decide.ts";

const noLimits: ScalingLimits = { maxMountTargets: undefined, subnetIds: undefined };

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
    fileSystem: { availabilityZone: undefined, numberOfMountTargets: 0 },
    mountTargets: [mountTarget("a")],
    subnets: [subnet("a1", "a"), subnet("b1", "b"), subnet("c1", "c")],
    ...parts,
  };
}

describe("where the next mount target goes", () => {
  const cases: {
    name: string;
    seen: Partial<Observation>;
    limits?: Partial<ScalingLimits>;
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
    const decision = decideScaling(observation(seen), { ...noLimits, ...limits });
    const told = {
      create: () => `create ${decision.action === "create" && decision.subnet.subnetId}`,
      await: () => `await ${decision.action === "await" && decision.mountTarget.mountTargetId}`,
      none: () => `none: ${decision.action === "none" && decision.reason}`,
    }[decision.action]();
    expect(told).toBe(expected);
    expect(countAvailabilityZonesLeft(observation(seen), { ...noLimits, ...limits })).toBe(left);
  });
});

describe("the mount table", () => {
  const entry = { mount_target_id: "fsmt-a", ip_address: "10.0.0.1", availability_zone: "a", subnet_id: "subnet-a" };

  test("lists the available mount targets only", () => {
    const states = ["creating", "available", "updating", "deleting", "deleted", "error"];
    const targets = states.map((state, index) => mountTarget("abcdef".charAt(index), state));
    expect(decideTable(undefined, targets).mount_targets.map((target) => target.mount_target_id)).toEqual(["fsmt-b"]);
  });

  test("keeps what else is known of a target, and of the table", () => {
    const current: MountTable = { mount_targets: [{ ...entry, port: 2050, weight: 3 }], owner: "storage" };
    expect(decideTable(current, [mountTarget("a")])).toEqual(current);
  });

  test("takes changed addresses from EFS, and drops targets that are gone", () => {
    const current: MountTable = {
      mount_targets: [
        { ...entry, ip_address: "10.9.9.9" },
        { ...entry, mount_target_id: "fsmt-z" },
      ],
    };
    expect(decideTable(current, [mountTarget("a")])).toEqual({ mount_targets: [entry] });
  });
});

describe("a deployment", () => {
  const noon = new Date("2026-01-01T12:00:00.000Z");
  const later = new Date("2026-01-01T12:00:00.001Z");
  const at = (createdAt: Date, hasFailed = false) => ({ createdAt, hasFailed });
  test.each([
    { name: "may be needed when the table is newer", table: later, primary: at(noon), expected: true },
    { name: "is not needed when the table is older", table: noon, primary: at(later), expected: false },
    { name: "may be needed when the newest has failed", table: noon, primary: at(later, true), expected: true },
    { name: "is not needed at the same time", table: noon, primary: at(noon), expected: false },
    { name: "is not needed where nothing was deployed", table: noon, primary: undefined, expected: false },
  ])("$name", ({ table, primary, expected }) => {
    expect(mayTasksUseOlderTable(table, primary)).toBe(expected);
  });

  const failed = { createdAt: noon, outcome: "failed" } as const;
  test.each([
    { name: "is started where there was none", outcomes: [], action: "deploy", failures: 0 },
    { name: "is repeated when it failed", outcomes: [failed], action: "deploy", failures: 1 },
    { name: "is repeated twice", outcomes: [failed, failed], action: "deploy", failures: 2 },
    { name: "is given up then", outcomes: [failed, failed, failed], action: "give up", failures: 3 },
    {
      name: "under way is waited for",
      outcomes: [failed, { ...failed, outcome: "ongoing" }],
      action: "wait",
      failures: 1,
    },
    {
      name: "that succeeded is enough",
      outcomes: [{ ...failed, outcome: "successful" }, failed],
      action: "wait",
      failures: 1,
    },
  ] as const)("$name", ({ outcomes, action, failures }) => {
    expect(decideRollout(outcomes)).toEqual({ action, failedDeployments: failures });
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

import { describe, expect, test } from "vitest";
import type { MountTargetDescription } from "../../../../functions/file-monitor/aws/file-system.ts";
import type { Deployment } from "../../../../functions/file-monitor/aws/service.ts";
import { decide, type Observation, type ScalingSettings } from "../../../../functions/file-monitor/decide/decide.ts";
import type { ScaleInObservation, Surroundings } from "../../../../functions/file-monitor/decide/scale-in.ts";
import {
  type Retirement,
  retirementTime,
  type Stability,
} from "../../../../functions/file-monitor/decide/stability.ts";
import type { ScaleInSettings } from "../../../../functions/file-monitor/settings.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.UTC(2026, 10, 29);
const ZONES = ["a", "b", "c"];

const settings: ScaleInSettings = {
  isObserved: false,
  share: 0.7,
  window: HOUR,
  rest: 24 * HOUR,
  minMountTargets: 1,
  keptMountTargetIds: ["fsmt-a"],
  securityGroupId: "sg-monitor",
  mountedSubnetIds: ["subnet-a"],
  drainTime: 10 * MINUTE,
  alarmTopicArn: undefined,
  taskSecurityGroupId: undefined,
  service: { clusterName: "cluster", serviceName: "router" },
  isHotReload: false,
};

const mountTarget = (zone: string, state = "available"): MountTargetDescription => ({
  mountTargetId: `fsmt-${zone}`,
  subnetId: `subnet-${zone}`,
  availabilityZone: zone,
  state,
  ipAddress: "10.0.0.1",
});

const deployment = (parts: Partial<Deployment> = {}): Deployment => ({
  createdAt: new Date(NOW - 30 * HOUR),
  updatedAt: new Date(NOW - 29 * HOUR),
  isInProgress: false,
  hasFailed: false,
  ...parts,
});

const service = (primary: Deployment | undefined = deployment(), otherDeployments = 0, status = "ACTIVE") => ({
  status,
  primary,
  otherDeployments,
});

const retirement: Retirement = { mountTargetId: "fsmt-c", since: NOW - HOUR, isFinal: false };
const markedAt = (writtenAt: number, marked: Retirement | null = retirement) => ({
  writtenAt: new Date(writtenAt),
  retiringSince: new Map([
    ...ZONES.map((zone): [string, undefined] => [`fsmt-${zone}`, undefined]),
    ...(marked === null ? [] : [[marked.mountTargetId, retirementTime(marked)] as const]),
  ]),
});

type Around = Partial<Surroundings> & Partial<Pick<ScaleInObservation, "table">>;

interface Parts {
  readonly seen?: Partial<Observation>;
  readonly stability?: Partial<Stability>;
  readonly surroundings?: Around;
  readonly blind?: boolean;
  readonly settings?: Partial<ScaleInSettings>;
}

function observation({ seen, stability, surroundings = {}, blind }: Parts): Observation {
  const { table = markedAt(NOW - 31 * HOUR, null), ...around } = surroundings;
  const scaleIn: ScaleInObservation = {
    now: NOW,
    stability: {
      seenAt: NOW,
      fewSince: NOW - 2 * HOUR,
      stableSince: NOW - 25 * HOUR,
      mountTargetIds: ZONES.map((zone) => `fsmt-${zone}`),
      fewFiles: 70,
      retirement: undefined,
      ...stability,
    },
    table: "table" in surroundings ? surroundings.table : table,
    surroundings: blind
      ? undefined
      : {
          securityGroupIds: new Map(ZONES.map((zone) => [`fsmt-${zone}`, ["sg-monitor"]])),
          service: service(),
          taskZones: [],
          alarms: [],
          ...around,
        },
  };
  return {
    fileCount: 60,
    fileSystem: { availabilityZone: undefined, numberOfMountTargets: 3 },
    mountTargets: ZONES.map((zone) => mountTarget(zone)),
    subnets: ZONES.map((zone) => ({ subnetId: `subnet-${zone}`, availabilityZone: zone, freeAddresses: 9 })),
    scaleIn,
    ...seen,
  };
}

/** The decision in one line. */
function told(parts: Parts): string {
  const scaling: ScalingSettings = {
    fileCountThreshold: 100,
    maxMountTargets: undefined,
    subnetIds: undefined,
    scaleIn: { ...settings, ...parts.settings },
  };
  const decision = decide(observation(parts), scaling);
  if (decision.action === "create") return `create in ${decision.subnet.availabilityZone}`;
  if (decision.action === "none") {
    const [, why = decision.reason] = decision.reason.split("no mount target is retired: ");
    return `none: ${why}`;
  }
  const reason = "reason" in decision ? `: ${decision.reason}` : "";
  return `${decision.action} ${decision.mountTarget.mountTargetId}${reason}`;
}

test("without a setting no mount target is taken away, and nothing is said about it", () => {
  const scaling = { fileCountThreshold: 100, maxMountTargets: undefined, subnetIds: undefined };
  expect(decide(observation({}), scaling)).toMatchObject({ reason: "60 files do not pass the threshold of 100" });
});

describe("whether one is retired, and which", () => {
  const cases: readonly [string, Parts, string][] = [
    [
      "the one in the last Availability Zone",
      {},
      "retire fsmt-c: every run of the last 60 minutes has found fewer than 70 files",
    ],
    [
      "none while it is not certain that there are few files",
      { stability: { fewSince: undefined } },
      "none: it is not certain that there are fewer than 70 files",
    ],
    [
      "none before the window is over",
      { stability: { fewSince: NOW - 59 * MINUTE } },
      "none: there have been fewer than 70 files for 59 minutes only, not for 60 minutes",
    ],
    [
      "one when it is",
      { stability: { fewSince: NOW - 60 * MINUTE } },
      "retire fsmt-c: every run of the last 60 minutes has found fewer than 70 files",
    ],
    [
      "none in a day with a change",
      { stability: { stableSince: NOW - 23 * HOUR } },
      "none: for 23 hours only, not for 24 hours, the mount targets have been the same and the threshold was not passed",
    ],
    [
      "one after a day",
      { stability: { stableSince: NOW - 24 * HOUR } },
      "retire fsmt-c: every run of the last 60 minutes has found fewer than 70 files",
    ],
    [
      "none of as many as there were at first",
      { settings: { minMountTargets: 3 } },
      "none: INITIAL_MOUNT_TARGETS (3) stay",
    ],
    [
      "none where EFS knows of fewer than it lists",
      {
        settings: { minMountTargets: 2 },
        seen: { fileSystem: { availabilityZone: undefined, numberOfMountTargets: 2 } },
      },
      "none: INITIAL_MOUNT_TARGETS (2) stay",
    ],
    ...["creating", "updating", "deleting", "error"].map((state): [string, Parts, string] => [
      `none while another one is ${state}`,
      { seen: { mountTargets: [mountTarget("a"), mountTarget("b", state), mountTarget("c")] } },
      `none: fsmt-b is ${state}`,
    ]),
    [
      "none that belongs to the stack",
      { settings: { keptMountTargetIds: ["fsmt-a", "fsmt-c"] } },
      "retire fsmt-b: every run of the last 60 minutes has found fewer than 70 files",
    ],
    [
      "none through which the function mounts",
      { settings: { mountedSubnetIds: ["subnet-c", "subnet-b"] } },
      "none: all mount targets are the stack's own, or needed to mount",
    ],
    [
      "none where it is not known through which it mounts",
      { settings: { mountedSubnetIds: ["subnet-x"] } },
      "none: all mount targets are the stack's own, or needed to mount",
    ],
    [
      "none that somebody else has made",
      { surroundings: { securityGroupIds: new Map([["fsmt-c", ["sg-other"]]]) } },
      "none: fsmt-c was made by somebody else, fsmt-b was made by somebody else",
    ],
    [
      "none in an Availability Zone with tasks",
      { surroundings: { taskZones: ["a", "c"] } },
      "retire fsmt-b: every run of the last 60 minutes has found fewer than 70 files",
    ],
    [
      "none where all have tasks",
      { surroundings: { taskZones: ZONES } },
      "none: fsmt-c is in c, where tasks run, fsmt-b is in b, where tasks run",
    ],
    [
      "none while an alarm is on",
      { surroundings: { alarms: ["io-limit", "tasks-unhealthy"] } },
      "none: alarms are on: io-limit, tasks-unhealthy",
    ],
    [
      "none during a deployment",
      { surroundings: { service: service(deployment({ isInProgress: true })) } },
      "none: the routers are being deployed",
    ],
    [
      "none while an earlier deployment has tasks",
      { surroundings: { service: service(deployment(), 1) } },
      "none: the routers are being deployed",
    ],
    [
      "none after a deployment that failed",
      { surroundings: { service: service(deployment({ hasFailed: true })) } },
      "none: the routers are being deployed",
    ],
    [
      "none while a deployment is due",
      { surroundings: { table: markedAt(NOW - 29 * HOUR, null) } },
      "none: the routers are being deployed",
    ],
    ["none without a table", { surroundings: { table: undefined } }, "none: the routers are being deployed"],
    ["none without a service", { surroundings: { service: undefined } }, "none: the routers' service is not active"],
    [
      "none of a service that is being deleted",
      { surroundings: { service: service(deployment(), 0, "DRAINING") } },
      "none: the routers' service is not active",
    ],
    ["none where nothing can be seen", { blind: true }, "none: what is around the mount targets is not known"],
    [
      "none past the threshold",
      { seen: { fileCount: 101 } },
      "none: every Availability Zone with a usable subnet has its mount target",
    ],
  ];

  test.each(cases)("%s", (_, parts, expected) => {
    expect(told(parts)).toBe(expected);
  });
});

describe("while one is retiring", () => {
  const written = NOW - 50 * MINUTE;
  const replaced = service(
    deployment({ createdAt: new Date(written + MINUTE), updatedAt: new Date(NOW - 10 * MINUTE) }),
  );
  const around = { table: markedAt(written), service: replaced };
  const hot = { isHotReload: true };
  const stay = "retire fsmt-c: routers may still use it";
  const go = "delete fsmt-c: no router uses it any more";
  const cases: readonly [string, Parts, string][] = [
    ["it is deleted when new tasks have had time to replace the old ones", {}, go],
    ["the day and the window matter no more", { stability: { stableSince: NOW, fewSince: NOW } }, go],
    ["it stays until the mark is published", { surroundings: { ...around, table: markedAt(written, null) } }, stay],
    [
      "the mark of an earlier retirement does not count",
      { surroundings: { ...around, table: markedAt(written, { ...retirement, since: 1 }) } },
      stay,
    ],
    ["it stays while tasks have the older table", { surroundings: { ...around, service: service() } }, stay],
    [
      "it stays while tasks are being replaced",
      { surroundings: { ...around, service: service(deployment({ createdAt: new Date(NOW), isInProgress: true })) } },
      stay,
    ],
    ["it stays while old tasks may finish what they do", { settings: { drainTime: 10 * MINUTE + 1 } }, stay],
    [
      "running routers have read the table, and finished",
      { settings: { ...hot, drainTime: 50 * MINUTE }, surroundings: { ...around, service: service() } },
      go,
    ],
    [
      "running routers have not had the time",
      { settings: { ...hot, drainTime: 50 * MINUTE + 1 }, surroundings: { ...around, service: service() } },
      stay,
    ],
    [
      "it stays where nothing can be seen",
      { blind: true },
      "retire fsmt-c: what is around the mount targets is not known",
    ],
    [
      "it is taken back when files come",
      { stability: { fewSince: undefined } },
      "none: it is not certain that there are fewer than 70 files",
    ],
    [
      "it is taken back when an alarm goes on",
      { surroundings: { ...around, alarms: ["io-limit"] } },
      "none: alarms are on: io-limit",
    ],
    [
      "it is taken back when a task starts there",
      { surroundings: { ...around, taskZones: ["c"] } },
      "none: fsmt-c is in c, where tasks run",
    ],
    [
      "it is taken back when another one goes",
      { seen: { mountTargets: [mountTarget("a"), mountTarget("c")] }, settings: { minMountTargets: 2 } },
      "none: INITIAL_MOUNT_TARGETS (2) stay",
    ],
    [
      "it is over when somebody deletes it",
      { seen: { mountTargets: [mountTarget("a"), mountTarget("b"), mountTarget("c", "deleting")] } },
      "none: fsmt-c is deleting",
    ],
    [
      "it is taken back past the threshold",
      { seen: { fileCount: 101, mountTargets: [mountTarget("a"), mountTarget("c")] } },
      "create in b",
    ],
    [
      "a deletion that has begun is finished, whatever comes",
      {
        seen: { fileCount: 101 },
        stability: { fewSince: undefined, retirement: { ...retirement, isFinal: true } },
        blind: true,
      },
      "delete fsmt-c: its deletion has begun",
    ],
    [
      "a deletion that has begun is not finished where routers use it again",
      {
        surroundings: { ...around, table: markedAt(written, null) },
        stability: { retirement: { ...retirement, isFinal: true } },
      },
      stay,
    ],
    [
      "nothing is deleted while the table can't be read",
      { surroundings: { ...around, table: "unknown" }, stability: { retirement: { ...retirement, isFinal: true } } },
      "retire fsmt-c: the mount table can't be read",
    ],
    [
      "once EFS deletes it, there is nothing more to do",
      {
        seen: { mountTargets: [mountTarget("a"), mountTarget("b"), mountTarget("c", "deleting")] },
        stability: { retirement: { ...retirement, isFinal: true } },
      },
      "none: fsmt-c is deleting",
    ],
  ];

  test.each(cases)("%s", (_, { stability, surroundings = around, ...parts }, expected) => {
    expect(told({ ...parts, surroundings, stability: { retirement, ...stability } })).toBe(expected);
  });
});

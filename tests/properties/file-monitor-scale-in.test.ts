/**
 * Scaling in never oscillates: whatever the counts are, in simulated time.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide, isThresholdPassed } from "../../functions/file-monitor/decide/decide.ts";
import { retirementAfter } from "../../functions/file-monitor/decide/scale-in.ts";
import {
  type Retirement,
  retirementTime,
  type Stability,
  takeNotice,
} from "../../functions/file-monitor/decide/stability.ts";
import type { ScaleInSettings } from "../../functions/file-monitor/settings.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Between two runs. */
const STEP = 5 * MINUTE;
const STEPS_A_DAY = DAY / STEP;

const THRESHOLD = 1_000;
const ZONES = ["a", "b", "c", "d", "e", "f"];
const SCALE_IN: ScaleInSettings = {
  isObserved: false,
  share: 0.7,
  window: HOUR,
  rest: DAY,
  minMountTargets: 2,
  keptMountTargetIds: ["fsmt-a", "fsmt-b"],
  securityGroupId: "sg-monitor",
  mountedSubnetIds: ["subnet-a", "subnet-b"],
  drainTime: 3 * MINUTE,
  alarmTopicArn: undefined,
  taskSecurityGroupId: undefined,
  service: { clusterName: "cluster", serviceName: "router" },
  isHotReload: false,
};

interface Change {
  readonly step: number;
  readonly kind: "create" | "delete";
  readonly zone: string;
}

/** Runs of the monitor over the counts, one a step. A deployment takes a step. */
function simulate(counts: readonly number[], zones = ZONES): Change[] {
  const subnets = zones.map((zone) => ({ subnetId: `subnet-${zone}`, availabilityZone: zone, freeAddresses: 9 }));
  const changes: Change[] = [];
  let occupied = zones.slice(0, SCALE_IN.minMountTargets);
  let stability: Stability | undefined;
  let published: Retirement | undefined;
  let writtenAt = -STEP;
  let deployedAt = 0;
  for (const [step, fileCount] of counts.entries()) {
    const now = step * STEP;
    if (deployedAt < writtenAt) deployedAt = now;
    const mountTargets = occupied.map((zone) => ({
      mountTargetId: `fsmt-${zone}`,
      subnetId: `subnet-${zone}`,
      availabilityZone: zone,
      state: "available",
      ipAddress: "10.0.0.1",
    }));
    stability = takeNotice(
      stability,
      {
        now,
        hasFewFiles: fileCount < SCALE_IN.share * THRESHOLD,
        isThresholdPassed: isThresholdPassed(fileCount, THRESHOLD),
        fewFiles: SCALE_IN.share * THRESHOLD,
        mountTargetIds: mountTargets.map(({ mountTargetId }) => mountTargetId),
      },
      SCALE_IN.window,
    );
    const marks: [string, string][] = published ? [[published.mountTargetId, retirementTime(published)]] : [];
    const observation = {
      fileCount,
      fileSystem: { availabilityZone: undefined, numberOfMountTargets: occupied.length },
      mountTargets,
      subnets,
      scaleIn: {
        now,
        stability,
        table: { writtenAt: new Date(writtenAt), retiringSince: new Map(marks) },
        surroundings: {
          securityGroupIds: new Map(mountTargets.map(({ mountTargetId }) => [mountTargetId, ["sg-monitor"]])),
          service: {
            status: "ACTIVE",
            otherDeployments: 0,
            primary: {
              createdAt: new Date(deployedAt),
              updatedAt: new Date(deployedAt),
              isInProgress: false,
              hasFailed: false,
            },
          },
          taskZones: [],
          alarms: [],
        },
      },
    };
    const limits = { fileCountThreshold: THRESHOLD, maxMountTargets: undefined, subnetIds: undefined };
    const decision = decide(observation, { ...limits, scaleIn: SCALE_IN });
    const retirement = retirementAfter(decision, stability.retirement, now);
    stability = { ...stability, retirement };
    if (decision.action === "create") {
      const zone = decision.subnet.availabilityZone;
      occupied = [...occupied, zone];
      changes.push({ step, kind: "create", zone });
    }
    if (decision.action === "delete") {
      const zone = decision.mountTarget.availabilityZone;
      occupied = occupied.filter((one) => one !== zone);
      changes.push({ step, kind: "delete", zone });
    }
    const isGone = decision.action === "delete";
    if (decision.action === "create" || isGone || retirement?.since !== published?.since) writtenAt = now;
    published = isGone ? undefined : retirement;
  }
  return changes;
}

/** Levels that the count stays near for some hours each, up to twice the threshold. */
const anyCounts = fc
  .array(
    fc.record({
      level: fc.constantFrom(0, 300, 600, 690, 699, 700, 710, 900, 1_000, 1_001, 1_200, 2_000),
      hours: fc.constantFrom(0.2, 0.9, 1, 1.1, 3, 12, 23, 24, 25, 49, 100),
      noise: fc.constantFrom(0, 0, 10, 400),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) =>
    parts.flatMap(({ level, hours, noise }) =>
      Array.from({ length: Math.ceil((hours * HOUR) / STEP) }, (_, step) =>
        Math.max(0, level + noise * Math.sin(step)),
      ),
    ),
  );

describe("for any counts", () => {
  test("a mount target goes only after a day without a change and with the threshold not passed, and an hour of few files", () => {
    let deletions = 0;
    fc.assert(
      fc.property(anyCounts, (counts) => {
        const changes = simulate(counts);
        for (const [index, { step, kind, zone }] of changes.entries()) {
          if (kind === "create") continue;
          deletions += 1;
          expect(["a", "b"]).not.toContain(zone);
          const before = changes[index - 1];
          expect(step - (before?.step ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(STEPS_A_DAY);
          const day = counts.slice(step - STEPS_A_DAY, step + 1);
          expect(day).toHaveLength(STEPS_A_DAY + 1);
          expect(Math.max(...day)).toBeLessThanOrEqual(THRESHOLD);
          expect(Math.max(...day.slice(-1 - HOUR / STEP))).toBeLessThan(SCALE_IN.share * THRESHOLD);
        }
      }),
      // The same counts in every run: of others, chance might make some that leave hardly anything to delete.
      { numRuns: 150, seed: 1 },
    );
    expect(deletions).toBeGreaterThan(50);
  });

  test("one is added as soon as without scale-in", () => {
    fc.assert(
      fc.property(anyCounts, (counts) => {
        const added = new Set(simulate(counts).flatMap(({ step, kind }) => (kind === "create" ? [step] : [])));
        let free = ZONES.length - SCALE_IN.minMountTargets;
        for (const change of simulateWithout(counts)) {
          if (free-- === 0) break;
          expect(added).toContain(change);
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** The steps in which a mount target would be added as long as there is place. */
function simulateWithout(counts: readonly number[]): number[] {
  return counts.flatMap((count, step) => (count > THRESHOLD ? [step] : [])).slice(0, ZONES.length - 2);
}

/** Changes of each day. */
function daily(changes: readonly Change[], days: number): number[] {
  return Array.from(
    { length: days },
    (_, day) => changes.filter(({ step }) => Math.floor(step / STEPS_A_DAY) === day).length,
  );
}

describe("in 30 days", () => {
  const DAYS = 30;
  const swing = (mean: number, depth: number, periodHours: number) =>
    Array.from({ length: DAYS * STEPS_A_DAY }, (_, step) =>
      Math.round(THRESHOLD * (mean + depth * Math.sin((2 * Math.PI * step * STEP) / (periodHours * HOUR)))),
    );

  test.each([1, 6, 12, 24, 36, 48, 168])("a fifth around the threshold, every %d hours: nothing goes", (period) => {
    const changes = simulate(swing(1, 0.2, period), ["a", "b", "c"]);
    expect(Math.max(...daily(changes, DAYS))).toBeLessThanOrEqual(1);
    expect(changes.map(({ kind }) => kind)).toEqual(["create"]);
  });

  test.each([1, 6, 12, 24])("from far below to above it, every %d hours: nothing goes", (period) => {
    expect(simulate(swing(0.7, 0.5, period), ["a", "b", "c"]).map(({ kind }) => kind)).toEqual(["create"]);
  });

  test.each([36, 48, 72, 96, 168])("from far below to above it, every %d hours: a change a day at most", (period) => {
    const changes = simulate(swing(0.7, 0.5, period), ["a", "b", "c"]);
    expect(changes.length).toBeGreaterThan(0);
    expect(Math.max(...daily(changes, DAYS))).toBeLessThanOrEqual(1);
  });
});

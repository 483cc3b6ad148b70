/**
 * A file system that had mount targets before the stack: whatever they are like, the monitor uses those that are
 * available, counts all of them, and deletes none.
 */
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VPC_ID } from "../../local/account.ts";
import type { MountTarget } from "../../local/control-plane/state.ts";
import { MonitorAccount } from "../support/monitor-account.ts";

let account: MonitorAccount;
beforeAll(async () => {
  account = await MonitorAccount.start();
});
afterAll(() => account.close());

/** In a subnet of the VPC that is not the stack's, with a security group that is not either. */
function adopted([zone, lifeCycleState]: readonly [string, MountTarget["lifeCycleState"]], index: number): MountTarget {
  return {
    mountTargetId: `fsmt-${index}`,
    fileSystemId: account.state.fileSystems[0]?.fileSystemId ?? "",
    subnetId: `subnet-f0${index}`,
    vpcId: VPC_ID,
    availabilityZoneId: `id-of-${zone}`,
    availabilityZoneName: zone,
    ipAddress: `10.1.${index}.4`,
    networkInterfaceId: `eni-${index}`,
    securityGroups: ["sg-0f00"],
    lifeCycleState,
  };
}

const states = fc.constantFrom<MountTarget["lifeCycleState"]>("available", "available", "updating", "error");

test("for any mount targets, more of them than allowed, and in zones that the stack has no subnet in", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "d", "e"), states), {
        minLength: 1,
        maxLength: 5,
        selector: ([zone]) => zone,
      }),
      fc.subarray(["a", "b", "c"], { minLength: 1 }),
      fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      async (existing, zones, maxMountTargets) => {
        account.reset({ zones, occupied: zones.slice(0, 1) });
        const before = existing.map(adopted);
        account.change((state) => ({ ...state, mountTargets: before }));

        const environment: Record<string, string> =
          maxMountTargets === undefined ? {} : { MAX_MOUNT_TARGETS: String(maxMountTargets) };
        const result = await account.run({ environment });

        const { mountTargets, parameters } = account.state;
        expect(mountTargets.slice(0, before.length)).toEqual(before);
        expect(account.calls.map(({ operation }) => operation)).not.toContain("DeleteMountTarget");
        const free = zones.filter((zone) => before.every((target) => target.availabilityZoneName !== zone));
        const places = Math.max(
          0,
          Math.min(free.length, (maxMountTargets ?? Number.POSITIVE_INFINITY) - before.length),
        );
        expect(mountTargets).toHaveLength(before.length + Math.min(1, places));
        expect(result).toMatchObject({ availabilityZonesLeft: Math.max(0, places - 1) });
        const available = mountTargets.filter(({ lifeCycleState }) => lifeCycleState === "available");
        // Without any, the table of the start stays.
        if (available.length === 0) return;
        const listed = parseMountTable(parameters[0]?.value ?? "").mount_targets.map(
          (target) => target.mount_target_id,
        );
        expect(listed.sort()).toEqual(available.map(({ mountTargetId }) => mountTargetId).sort());
      },
    ),
    { numRuns: 40 },
  );
});

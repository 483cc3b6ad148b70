import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import { describe, expect, test } from "vitest";
import type { MountTargetDescription } from "../../../../functions/file-monitor/aws/file-system.ts";
import { decideTable } from "../../../../functions/file-monitor/decide/mount-table.ts";

function mountTarget(availabilityZone: string, state = "available"): MountTargetDescription {
  return {
    mountTargetId: `fsmt-${availabilityZone}`,
    subnetId: `subnet-${availabilityZone}`,
    availabilityZone,
    state,
    ipAddress: state === "creating" ? undefined : "10.0.0.1",
  };
}

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

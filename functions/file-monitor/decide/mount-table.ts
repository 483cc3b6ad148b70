/**
 * Which mount table should be published.
 */
import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import type { MountTargetDescription } from "../aws/file-system.ts";

/**
 * The table of the mount targets that are available. What else the current table says about them or beside them is
 * kept.
 */
export function decideTable(
  current: MountTable | undefined,
  mountTargets: readonly MountTargetDescription[],
): MountTable {
  const known = new Map(current?.mount_targets.map((target) => [target.mount_target_id, target]));
  return {
    ...current,
    mount_targets: mountTargets.flatMap(({ mountTargetId, ipAddress, availabilityZone, subnetId, state }) => {
      if (state !== "available" || ipAddress === undefined) return [];
      return {
        ...known.get(mountTargetId),
        mount_target_id: mountTargetId,
        ip_address: ipAddress,
        availability_zone: availabilityZone,
        subnet_id: subnetId,
      };
    }),
  };
}

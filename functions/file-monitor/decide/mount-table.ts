/**
 * Which mount table should be published.
 */
import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import type { MountTargetDescription } from "../aws/file-system.ts";
import { type Retirement, retirementTime } from "./stability.ts";

/** The mount target that is marked as retiring; `unknown` leaves the marks as they are. */
export type Marked = Pick<Retirement, "mountTargetId" | "since"> | "unknown" | undefined;

/**
 * The table of the mount targets that are available. What else the current table says about them or beside them is
 * kept.
 */
export function decideTable(
  current: MountTable | undefined,
  mountTargets: readonly MountTargetDescription[],
  marked?: Marked,
): MountTable {
  const known = new Map(current?.mount_targets.map((target) => [target.mount_target_id, target]));
  return {
    ...current,
    mount_targets: mountTargets.flatMap(({ mountTargetId, ipAddress, availabilityZone, subnetId, state }) => {
      if (state !== "available" || ipAddress === undefined) return [];
      const { retiring_since: before, ...rest } = known.get(mountTargetId) ?? {};
      const retiringSince = marked === "unknown" ? before : sinceWhen(marked, mountTargetId);
      return {
        ...rest,
        mount_target_id: mountTargetId,
        ip_address: ipAddress,
        availability_zone: availabilityZone,
        subnet_id: subnetId,
        ...(retiringSince !== undefined && { retiring_since: retiringSince }),
      };
    }),
  };
}

function sinceWhen(marked: Exclude<Marked, "unknown">, mountTargetId: string): string | undefined {
  return marked?.mountTargetId === mountTargetId ? retirementTime(marked) : undefined;
}

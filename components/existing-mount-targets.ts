import * as sdk from "@aws-sdk/client-efs";

/** A mount target that a file system has, whoever made it. */
export interface ExistingMountTarget {
  readonly id: string;
  /** `creating`, `available`, `updating`, `deleting` or `error`. */
  readonly state: string;
  readonly vpcId: string;
  /** Example: `ap-northeast-1a`. */
  readonly availabilityZone: string;
  readonly subnetId: string;
  /** Empty while it is being created. */
  readonly ipAddress: string;
  readonly securityGroupIds: readonly string[];
}

/** The mount targets of a file system, but those that are deleted. No look-up of the AWS provider lists them. */
export async function findMountTargets({
  fileSystemId,
  region,
  profile,
}: {
  readonly fileSystemId: string;
  readonly region: string;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
}): Promise<ExistingMountTarget[]> {
  const efs = new sdk.EFSClient({ region, ...(profile === undefined ? {} : { profile }) });
  const found: ExistingMountTarget[] = [];
  try {
    for await (const page of sdk.paginateDescribeMountTargets({ client: efs }, { FileSystemId: fileSystemId })) {
      for (const target of page.MountTargets ?? []) {
        if (target.MountTargetId === undefined || target.LifeCycleState === "deleted") continue;
        found.push({
          id: target.MountTargetId,
          state: target.LifeCycleState ?? "",
          vpcId: target.VpcId ?? "",
          availabilityZone: target.AvailabilityZoneName ?? "",
          subnetId: target.SubnetId ?? "",
          ipAddress: target.IpAddress ?? target.Ipv6Address ?? "",
          securityGroupIds: await securityGroupsOf(efs, target.MountTargetId),
        });
      }
    }
    return found;
  } finally {
    efs.destroy();
  }
}

async function securityGroupsOf(efs: sdk.EFSClient, id: string): Promise<string[]> {
  try {
    const command = new sdk.DescribeMountTargetSecurityGroupsCommand({ MountTargetId: id });
    return (await efs.send(command)).SecurityGroups ?? [];
  } catch (error) {
    // It has no network interface (it is being created or deleted, or failed), or is gone since it was listed.
    if (error instanceof sdk.IncorrectMountTargetState || error instanceof sdk.MountTargetNotFound) return [];
    throw error;
  }
}

import {
  describeFileSystem,
  type FileSystem,
  listMountTargets,
  type MountTargetDescription,
} from "../aws/file-system.ts";
import { listSubnets, type Subnet } from "../aws/subnets.ts";
import type { Run } from "../run.ts";

/** Which mount targets there are, and where there could be more. */
export interface Account {
  readonly fileSystem: FileSystem;
  /** In any state. */
  readonly mountTargets: readonly MountTargetDescription[];
  /** Those in Availability Zones where EFS has not refused a mount target. */
  readonly subnets: readonly Subnet[];
}

/** Reads the account. @throws {AwsCallError} */
export async function observeAccount({ aws, settings, memory, log }: Run): Promise<Account> {
  const [fileSystem, mountTargets, subnets] = await Promise.all([
    describeFileSystem(aws, settings.fileSystemId),
    listMountTargets(aws, settings.fileSystemId),
    listSubnets(aws, settings.vpcId),
  ]);
  const failed = mountTargets.filter(({ state }) => state === "error");
  if (failed.length > 0) {
    log.warn("Mount targets in state error serve nothing and hold their Availability Zone: delete them", {
      mountTargets: failed,
    });
  }
  const supported = subnets.filter(({ availabilityZone }) => !memory.unsupportedZones.has(availabilityZone));
  return { fileSystem, mountTargets, subnets: supported };
}

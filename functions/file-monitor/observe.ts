import { describeFileSystem, listMountTargets } from "./aws/file-system.ts";
import { listSubnets } from "./aws/subnets.ts";
import type { Observation } from "./decide.ts";
import type { Run } from "./run.ts";

/** Sees which mount targets there are, and where there could be more. @throws {AwsCallError} */
export async function observe({ aws, settings, log }: Run): Promise<Observation> {
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
  return { fileSystem, mountTargets, subnets };
}

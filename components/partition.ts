import * as aws from "@pulumi/aws";

/**
 * Refuses China, GovCloud and the isolated regions before anything is made: names of endpoint services and of services
 * in conditions differ there, and nobody has tried.
 *
 * @throws when the stack's region is in another partition than `aws`.
 */
export async function refuseOtherPartitions(): Promise<void> {
  const { partition } = await aws.getPartition();
  if (partition === "aws") return;
  const { region } = await aws.getRegion();
  throw new Error(`aws:region is ${region}, in the partition ${partition}; it must be in the partition aws`);
}

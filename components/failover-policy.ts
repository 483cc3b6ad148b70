import * as pulumi from "@pulumi/pulumi";
import { policyDocument } from "./policy.ts";

/**
 * What whoever runs the failover program must be allowed in a region, as a policy for people: the stack gives it to no
 * role of its own.
 */
export function failoverPolicy({
  parameterArn,
  fileSystemArn,
  peerFileSystemId,
}: {
  readonly parameterArn: pulumi.Input<string>;
  readonly fileSystemArn: pulumi.Input<string>;
  /** The file system of the other region. */
  readonly peerFileSystemId: pulumi.Input<string>;
}): pulumi.Output<string> {
  return policyDocument([
    {
      Sid: "ChangeRegionRole",
      Effect: "Allow",
      Action: ["ssm:GetParameter", "ssm:PutParameter"],
      Resource: parameterArn,
    },
    {
      Sid: "ChangeReplication",
      Effect: "Allow",
      Action: [
        "elasticfilesystem:DescribeFileSystems",
        "elasticfilesystem:DescribeReplicationConfigurations",
        "elasticfilesystem:CreateReplicationConfiguration",
        "elasticfilesystem:UpdateFileSystemProtection",
      ],
      Resource: fileSystemArn,
    },
    {
      // The call names the source, also in the destination's region. AWS does not say which ARN it needs there.
      Sid: "EndReplication",
      Effect: "Allow",
      Action: "elasticfilesystem:DeleteReplicationConfiguration",
      Resource: [
        fileSystemArn,
        pulumi
          .all([fileSystemArn, peerFileSystemId])
          .apply(([arn, peer]) => arn.replace(/file-system\/.*$/, `file-system/${peer}`)),
      ],
    },
    {
      Sid: "DenyWrites",
      Effect: "Allow",
      Action: ["elasticfilesystem:DescribeFileSystemPolicy", "elasticfilesystem:PutFileSystemPolicy"],
      Resource: fileSystemArn,
    },
  ]);
}

import type * as pulumi from "@pulumi/pulumi";
import { policyDocument } from "./policy.ts";

/**
 * What whoever runs the failover program must be allowed in a region, as a policy for people: the stack gives it to no
 * role of its own.
 */
export function failoverPolicy({
  parameterArn,
  fileSystemArn,
}: {
  readonly parameterArn: pulumi.Input<string>;
  readonly fileSystemArn: pulumi.Input<string>;
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
        "elasticfilesystem:DeleteReplicationConfiguration",
        "elasticfilesystem:UpdateFileSystemProtection",
      ],
      Resource: fileSystemArn,
    },
    {
      Sid: "DenyWrites",
      Effect: "Allow",
      Action: ["elasticfilesystem:DescribeFileSystemPolicy", "elasticfilesystem:PutFileSystemPolicy"],
      Resource: fileSystemArn,
    },
  ]);
}

import type * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** Statements as the JSON text of an IAM policy. */
export function policyDocument(statements: readonly aws.iam.PolicyStatement[]): pulumi.Output<string> {
  return pulumi.jsonStringify({ Version: "2012-10-17", Statement: statements });
}

/** A statement that refuses any call of `service` on `resources` that does not come over TLS. */
export function denyWithoutTls(
  service: "elasticfilesystem" | "s3",
  resources: pulumi.Input<string>[],
): aws.iam.PolicyStatement {
  return {
    Sid: "DenyWithoutTls",
    Effect: "Deny",
    Principal: { AWS: "*" },
    Action: `${service}:*`,
    Resource: resources,
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}

/** A statement that refuses any call on a bucket or its objects that does not come over TLS. */
export function denyBucketWithoutTls({ arn }: aws.s3.Bucket): aws.iam.PolicyStatement {
  return denyWithoutTls("s3", [arn, pulumi.interpolate`${arn}/*`]);
}

/** ECR has no resource to name for the call that logs in to it. */
export const logInToRegistryStatement: aws.iam.PolicyStatement = {
  Sid: "LogInToRegistry",
  Effect: "Allow",
  Action: "ecr:GetAuthorizationToken",
  Resource: "*",
};

/** A statement to pull images of a repository. */
export function pullStatement(sid: string, repositoryArn: pulumi.Input<string>): aws.iam.PolicyStatement {
  return {
    Sid: sid,
    Effect: "Allow",
    Action: ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
    Resource: repositoryArn,
  };
}

/** A statement to write to streams of a log group. */
export function writeLogStatement(sid: string, logGroup: aws.cloudwatch.LogGroup): aws.iam.PolicyStatement {
  return {
    Sid: sid,
    Effect: "Allow",
    Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
    Resource: pulumi.interpolate`${logGroup.arn}:*`,
  };
}

/** What a client may do, by how it may use the file system. */
const MOUNT_ACTIONS = {
  read: ["elasticfilesystem:ClientMount"],
  "read-write": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
  root: ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "elasticfilesystem:ClientRootAccess"],
};

/** A statement to mount a file system through a mount target, only at the access point where one is given. */
export function mountStatement(
  sid: string,
  access: keyof typeof MOUNT_ACTIONS,
  fileSystemArn: pulumi.Input<string>,
  accessPoint?: aws.efs.AccessPoint,
): aws.iam.PolicyStatement {
  return {
    Sid: sid,
    Effect: "Allow",
    Action: MOUNT_ACTIONS[access],
    Resource: fileSystemArn,
    Condition: {
      Bool: { "elasticfilesystem:AccessedViaMountTarget": "true" },
      ...(accessPoint === undefined ? {} : { ArnEquals: { "elasticfilesystem:AccessPointArn": accessPoint.arn } }),
    },
  };
}

/**
 * A statement to use the key of a SecureString parameter, or of a secret, as Parameter Store and Secrets Manager do it
 * in the caller's name: which parameter or secret that may be, the caller's statements for that service say.
 */
export function useKeyThrough(
  service: "ssm" | "secretsmanager",
  sid: string,
  actions: pulumi.Input<string>[],
  keyArn: pulumi.Input<string>,
  region: pulumi.Input<string>,
): aws.iam.PolicyStatement {
  return {
    Sid: sid,
    Effect: "Allow",
    Action: actions,
    Resource: keyArn,
    Condition: { StringEquals: { "kms:ViaService": pulumi.interpolate`${service}.${region}.amazonaws.com` } },
  };
}

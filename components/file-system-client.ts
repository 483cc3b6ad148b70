import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { environmentSchema } from "../fargate-app/src/settings.ts";
import type { Environment } from "./environment.ts";
import { useKeyThrough } from "./policy.ts";

export type RouterEnvironment = Environment<typeof environmentSchema>;

/** The user that all clients act as: `node` of the router's image. */
export const POSIX_USER = { uid: 1000, gid: 1000 };

/** How a task finds the mount targets of a file system, and what it says to them. */
export interface FileSystemClient {
  readonly fileSystemId: pulumi.Input<string>;
  readonly fileSystemArn: pulumi.Input<string>;
  /** The name in the mount targets' TLS certificate. */
  readonly fileSystemDnsName: pulumi.Input<string>;
  readonly accessPoint: aws.efs.AccessPoint;
  /** Whether the task mounts as its role, or as nobody. */
  readonly efsIamAuthorization: boolean;
  /** The mount table. */
  readonly parameterName: pulumi.Input<string>;
  readonly parameterArn: pulumi.Input<string>;
  /** The customer-managed key of a SecureString parameter. */
  readonly parameterKeyArn?: string | undefined;
}

/** What the client is told. */
export function clientEnvironment(client: FileSystemClient, opts: pulumi.InvokeOptions) {
  return {
    AWS_REGION: aws.getRegionOutput({}, opts).region,
    SSM_PARAMETER_NAME: client.parameterName,
    EFS_FILE_SYSTEM_ID: client.fileSystemId,
    // The access point's root is the directory to serve.
    ROOT_DIRECTORY: "/",
    EFS_ACCESS_POINT_ID: client.accessPoint.id,
    EFS_IAM_AUTHORIZATION: client.efsIamAuthorization ? "on" : "off",
    NFS_TLS: "on",
    NFS_TLS_SERVER_NAME: client.fileSystemDnsName,
  } as const satisfies Partial<RouterEnvironment>;
}

/** What the client may do to find the mount targets. */
export function findMountTargetsStatements(
  { parameterArn, parameterKeyArn, fileSystemArn }: FileSystemClient,
  opts: pulumi.InvokeOptions,
): aws.iam.PolicyStatement[] {
  return [
    { Sid: "ReadMountTable", Effect: "Allow", Action: "ssm:GetParameter", Resource: parameterArn },
    {
      Sid: "ListMountTargets",
      Effect: "Allow",
      Action: "elasticfilesystem:DescribeMountTargets",
      Resource: fileSystemArn,
    },
    ...(parameterKeyArn === undefined
      ? []
      : [
          useKeyThrough(
            "ssm",
            "DecryptMountTable",
            ["kms:Decrypt"],
            parameterKeyArn,
            aws.getRegionOutput({}, opts).region,
          ),
        ]),
  ];
}

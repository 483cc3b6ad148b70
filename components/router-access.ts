import type * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import {
  clientEnvironment,
  type FileSystemClient,
  findMountTargetsStatements,
  type RouterEnvironment,
} from "./file-system-client.ts";
import { mountStatement, useKeyThrough } from "./policy.ts";

/** What routers of two regions go by. */
export interface RoleOfRouters {
  /** The parameter with the region's role. */
  readonly parameterName: pulumi.Input<string>;
  readonly parameterArn: pulumi.Input<string>;
  /** Seconds that they take writes without having confirmed that the region is the primary. Example: 120. */
  readonly leaseSeconds: number;
}

/** How a router gets to the files. The root of `accessPoint` is `/` in its API. */
export interface RouterAccess extends FileSystemClient {
  /** Default: there is one region, which takes writes. */
  readonly regionRole?: RoleOfRouters | undefined;
}

/** What a router is told of the files. */
export function accessEnvironment(access: RouterAccess, opts: pulumi.InvokeOptions) {
  return {
    ...clientEnvironment(access, opts),
    REGION_PARAMETER_NAME: access.regionRole?.parameterName,
    ROLE_LEASE_SECONDS: access.regionRole?.leaseSeconds,
  } as const satisfies Partial<RouterEnvironment>;
}

/** What a router may do to get to the files: statements for its task role. */
export function accessStatements(access: RouterAccess, opts: pulumi.InvokeOptions): aws.iam.PolicyStatement[] {
  return [
    ...findMountTargetsStatements(access, opts),
    ...(access.efsIamAuthorization
      ? [mountStatement("MountFileSystem", "read-write", access.fileSystemArn, access.accessPoint)]
      : []),
    ...(access.regionRole === undefined ? [] : confirmRoleStatements(access.regionRole, access.fileSystemArn)),
  ];
}

/** What routers may ask to know whether their region still is what it was. */
function confirmRoleStatements(
  { parameterArn }: RoleOfRouters,
  fileSystemArn: pulumi.Input<string>,
): aws.iam.PolicyStatement[] {
  return [
    { Sid: "ReadRegionRole", Effect: "Allow", Action: "ssm:GetParameter", Resource: parameterArn },
    {
      Sid: "SeeReplication",
      Effect: "Allow",
      Action: "elasticfilesystem:DescribeReplicationConfigurations",
      Resource: fileSystemArn,
    },
  ];
}

/** What clients of a router's APIs must have. */
export interface RouterSecrets {
  /** The secret with the token of the file API. Default: it is open to everyone who reaches it. */
  readonly apiTokenSecretArn?: pulumi.Input<string> | undefined;
  /** The secret with the access keys of the S3 API. Default: there is no S3 API. */
  readonly s3AccessKeysSecretArn?: pulumi.Input<string> | undefined;
  /** The customer-managed key of the secrets. */
  readonly secretKeyArn?: string | undefined;
}

/** What a router is told of its secrets. */
export function secretsEnvironment({ apiTokenSecretArn, s3AccessKeysSecretArn }: RouterSecrets, s3Port: number) {
  return {
    API_TOKEN_SECRET_ID: apiTokenSecretArn,
    ...(s3AccessKeysSecretArn === undefined
      ? {}
      : { S3_API: "on", S3_PORT: s3Port, S3_ACCESS_KEYS_SECRET_ID: s3AccessKeysSecretArn }),
  } as const satisfies Partial<RouterEnvironment>;
}

/** What a router may do to know its secrets: statements for its task role. */
export function readSecretsStatements(
  { apiTokenSecretArn, s3AccessKeysSecretArn, secretKeyArn }: RouterSecrets,
  region: pulumi.Input<string>,
): aws.iam.PolicyStatement[] {
  const statements = [
    { Sid: "ReadApiToken", Resource: apiTokenSecretArn },
    { Sid: "ReadS3AccessKeys", Resource: s3AccessKeysSecretArn },
  ].flatMap(({ Sid, Resource }): aws.iam.PolicyStatement[] =>
    Resource === undefined ? [] : [{ Sid, Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource }],
  );
  if (statements.length === 0 || secretKeyArn === undefined) return statements;
  return [...statements, useKeyThrough("secretsmanager", "DecryptSecrets", ["kms:Decrypt"], secretKeyArn, region)];
}

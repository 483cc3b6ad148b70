import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { ZoneSubnet } from "./network.ts";
import { denyWithoutTls, mountStatement, policyDocument } from "./policy.ts";

/** The user that all clients act as: `node` of the router's image. */
export const POSIX_USER = { uid: 1000, gid: 1000 };

export interface FileStorageArgs {
  /** The subnets that may get a mount target, each in an Availability Zone of its own. */
  readonly subnets: readonly ZoneSubnet[];
  readonly securityGroupId: pulumi.Input<string>;
  /** Mount targets to start with, in the first subnets. Example: 2. */
  readonly initialMountTargets: number;
  /** The directory that routers and monitor work in. It is made when the first client mounts. Example: `/data`. */
  readonly directory: string;
  /** Let in only these roles, by IAM. Default: whoever reaches a mount target. */
  readonly clients?: { readonly router: aws.iam.Role; readonly monitor: aws.iam.Role } | undefined;
  /** A file system without mount targets, such as a restored backup. Default: a new one. Example: `fs-0123abcd`. */
  readonly existingFileSystemId?: string | undefined;
  /** The new file system's KMS key. Default: the AWS-managed key of EFS. */
  readonly kmsKeyArn?: string | undefined;
  readonly performanceMode: "generalPurpose" | "maxIO";
  readonly throughputMode: "bursting" | "provisioned" | "elastic";
  /** MiB/s where `throughputMode` is `provisioned`. Example: 128. */
  readonly provisionedThroughput: number;
  /** Days without access after which a file moves to Infrequent Access, 0 for never. Example: 30. */
  readonly transitionToIaDays: number;
  /** Leave the new file system in the account when it leaves the stack. */
  readonly retain: boolean;
}

/** The file system, its first mount targets, and the access point of its clients. */
export class FileStorage extends pulumi.ComponentResource {
  readonly fileSystemId: pulumi.Output<string>;
  readonly fileSystemArn: pulumi.Output<string>;
  /** The name in the mount targets' TLS certificate. */
  readonly dnsName: pulumi.Output<string>;
  readonly mountTargets: readonly aws.efs.MountTarget[];
  /** The subnets of `mountTargets`. */
  readonly mountTargetSubnetIds: readonly pulumi.Output<string>[];
  /** Shows its clients `directory` as the root. */
  readonly accessPoint: aws.efs.AccessPoint;
  readonly #name: string;

  constructor(name: string, args: FileStorageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:FileStorage", name, {}, opts);
    this.#name = name;

    const fileSystem =
      args.existingFileSystemId === undefined
        ? this.#createFileSystem(args)
        : aws.efs.getFileSystemOutput({ fileSystemId: args.existingFileSystemId }, { parent: this });
    this.fileSystemId = pulumi.output(fileSystem.id);
    this.fileSystemArn = pulumi.output(fileSystem.arn);
    this.dnsName = pulumi.output(fileSystem.dnsName);

    const subnets = args.subnets.slice(0, args.initialMountTargets);
    this.mountTargets = this.#createMountTargets(args, subnets);
    this.mountTargetSubnetIds = subnets.map(({ id }) => id);
    this.accessPoint = this.#createAccessPoint(args);
    this.#admit(args);

    this.registerOutputs();
  }

  #createFileSystem(args: FileStorageArgs): aws.efs.FileSystem {
    return new aws.efs.FileSystem(
      `${this.#name}-files`,
      {
        encrypted: true,
        ...(args.kmsKeyArn === undefined ? {} : { kmsKeyId: args.kmsKeyArn }),
        performanceMode: args.performanceMode,
        throughputMode: args.throughputMode,
        ...(args.throughputMode === "provisioned" ? { provisionedThroughputInMibps: args.provisionedThroughput } : {}),
        ...(args.transitionToIaDays > 0
          ? { lifecyclePolicies: [{ transitionToIa: transitionToIa(args.transitionToIaDays) }] }
          : {}),
        tags: { Name: "efs-mount-autoscaling" },
      },
      { parent: this, retainOnDelete: args.retain },
    );
  }

  #createMountTargets({ securityGroupId }: FileStorageArgs, subnets: readonly ZoneSubnet[]): aws.efs.MountTarget[] {
    return subnets.map(
      (subnet, index) =>
        new aws.efs.MountTarget(
          `${this.#name}-mount-target-${index + 1}`,
          { fileSystemId: this.fileSystemId, subnetId: subnet.id, securityGroups: [securityGroupId] },
          { parent: this },
        ),
    );
  }

  #createAccessPoint({ directory }: FileStorageArgs): aws.efs.AccessPoint {
    const { uid, gid } = POSIX_USER;
    return new aws.efs.AccessPoint(
      `${this.#name}-directory`,
      {
        fileSystemId: this.fileSystemId,
        posixUser: { uid, gid },
        rootDirectory: { path: directory, creationInfo: { ownerUid: uid, ownerGid: gid, permissions: "0755" } },
      },
      { parent: this },
    );
  }

  /** Once a file system has a policy, only what the policy allows is allowed. */
  #admit({ clients }: FileStorageArgs): void {
    const allow = (principal: pulumi.Input<string>, statement: aws.iam.PolicyStatement) => ({
      ...statement,
      Principal: { AWS: principal },
    });
    const { fileSystemArn, accessPoint } = this;
    const statements =
      clients === undefined
        ? [allow("*", mountStatement("AllowAnyone", "read-write", fileSystemArn))]
        : [
            allow(clients.router.arn, mountStatement("AllowRouters", "read-write", fileSystemArn, accessPoint)),
            allow(clients.monitor.arn, mountStatement("AllowMonitor", "read", fileSystemArn, accessPoint)),
          ];
    new aws.efs.FileSystemPolicy(
      `${this.#name}-files`,
      {
        fileSystemId: this.fileSystemId,
        policy: policyDocument([denyWithoutTls("elasticfilesystem", [fileSystemArn]), ...statements]),
      },
      { parent: this },
    );
  }
}

/** EFS's name of a number of days. */
function transitionToIa(days: number): string {
  return days === 1 ? "AFTER_1_DAY" : `AFTER_${days}_DAYS`;
}

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Adoption } from "./adoption.ts";
import { POSIX_USER } from "./file-system-client.ts";
import { FileSystemSettings } from "./file-system-settings.ts";
import type { ZoneSubnet } from "./network.ts";
import type { Peer } from "./peer.ts";
import { denyWithoutTls, mountStatement, policyDocument } from "./policy.ts";
import { Replica } from "./replica.ts";

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
  /** The role that may enter as root, at the root of the file system. Default: none. */
  readonly maintenanceRole?: aws.iam.Role | undefined;
  /** A file system that is there, such as a restored backup. Default: a new one. Example: `fs-0123abcd`. */
  readonly existingFileSystemId?: string | undefined;
  /** What it has already. */
  readonly adopted: Adoption;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
  /** The new file system's KMS key. Default: the AWS-managed key of EFS. */
  readonly kmsKeyArn?: string | undefined;
  readonly performanceMode: "generalPurpose" | "maxIO";
  /** Default: `elastic`, or what an existing file system has. */
  readonly throughputMode?: "bursting" | "provisioned" | "elastic" | undefined;
  /** MiB/s where `throughputMode` is `provisioned`. Example: 128. */
  readonly provisionedThroughput: number;
  /** Days without access after which a file moves to Infrequent Access, 0 for never. Default: as `throughputMode`. */
  readonly transitionToIaDays?: number | undefined;
  /** The other region's file system, and whether this one is its replica. Default: there is one region. */
  readonly replication?: ReplicationArgs | undefined;
  /** Leave the new file system in the account when it leaves the stack. */
  readonly retain: boolean;
}

export interface ReplicationArgs {
  /** Known once the region has it. */
  readonly role: pulumi.Output<"primary" | "standby">;
  readonly peer: Peer;
}

/** A mount target that clients can use from the start. */
export interface FirstMountTarget {
  readonly id: pulumi.Input<string>;
  readonly ipAddress: pulumi.Input<string>;
  readonly availabilityZone: pulumi.Input<string>;
  readonly subnetId: pulumi.Input<string>;
}

/** The file system, its first mount targets, and the access points of its clients. */
export class FileStorage extends pulumi.ComponentResource {
  readonly fileSystemId: pulumi.Output<string>;
  readonly fileSystemArn: pulumi.Output<string>;
  /** The name in the mount targets' TLS certificate. */
  readonly dnsName: pulumi.Output<string>;
  /** Those that the stack made, and those that it adopted. */
  readonly mountTargets: readonly FirstMountTarget[];
  readonly ownMountTargets: readonly aws.efs.MountTarget[];
  /** Subnets in whose Availability Zones there is a mount target. */
  readonly coveredSubnetIds: readonly pulumi.Output<string>[];
  /** Shows its clients `directory` as the root. */
  readonly accessPoint: aws.efs.AccessPoint;
  /** Shows the whole file system to root. */
  readonly rootAccessPoint: aws.efs.AccessPoint | undefined;
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

    const prepared = [...this.#applySettings(args), ...this.#replicate(args)];
    const subnets = args.subnets.slice(0, args.initialMountTargets);
    this.ownMountTargets = this.#createMountTargets(args, subnets, prepared);
    this.mountTargets = [...args.adopted.mountTargets, ...this.ownMountTargets.map(asFirst)];
    this.coveredSubnetIds = subnets.map(({ id }) => id);
    this.accessPoint = this.#createAccessPoint(args, prepared);
    this.rootAccessPoint = args.maintenanceRole && this.#createRootAccessPoint(prepared);
    this.#admit(args);

    this.registerOutputs();
  }

  #createFileSystem(args: FileStorageArgs): aws.efs.FileSystem {
    const { throughputMode = "elastic", transitionToIaDays = 0 } = args;
    return new aws.efs.FileSystem(
      `${this.#name}-files`,
      {
        encrypted: true,
        ...(args.kmsKeyArn === undefined ? {} : { kmsKeyId: args.kmsKeyArn }),
        performanceMode: args.performanceMode,
        throughputMode,
        ...(throughputMode === "provisioned" ? { provisionedThroughputInMibps: args.provisionedThroughput } : {}),
        ...(transitionToIaDays > 0
          ? { lifecyclePolicies: [{ transitionToIa: transitionToIa(transitionToIaDays) }] }
          : {}),
        tags: { Name: "efs-mount-autoscaling" },
      },
      { parent: this, retainOnDelete: args.retain },
    );
  }

  /**
   * A standby's file system gets its first copy before it gets a mount target: by that a new one is known from one that
   * has been written to, and what its clients look for is there.
   */
  #replicate({ replication, profile, retain }: FileStorageArgs): Replica[] {
    if (replication === undefined) return [];
    const { role, peer } = replication;
    const source = pulumi
      .all([role, peer.fileSystemId, peer.region])
      .apply(([its, fileSystemId, region]) => (its === "standby" ? { fileSystemId, region } : undefined));
    const replica = new Replica(
      `${this.#name}-replica`,
      {
        fileSystemId: this.fileSystemId,
        region: aws.getRegionOutput({}, { parent: this }).region,
        source,
        profile,
      },
      { parent: this, retainOnDelete: retain },
    );
    return [replica];
  }

  /** Gives an existing file system the settings that the configuration names; the others stay as they are. */
  #applySettings(args: FileStorageArgs): FileSystemSettings[] {
    const { existingFileSystemId, throughputMode, provisionedThroughput, transitionToIaDays, profile } = args;
    if (existingFileSystemId === undefined) return [];
    if (throughputMode === undefined && transitionToIaDays === undefined) return [];
    const settings = new FileSystemSettings(
      `${this.#name}-settings`,
      {
        fileSystemId: this.fileSystemId,
        region: aws.getRegionOutput({}, { parent: this }).region,
        profile,
        throughputMode,
        provisionedThroughput: throughputMode === "provisioned" ? provisionedThroughput : undefined,
        transitionToIaDays,
      },
      { parent: this },
    );
    return [settings];
  }

  #createMountTargets(
    { securityGroupId, adopted }: FileStorageArgs,
    subnets: readonly ZoneSubnet[],
    dependsOn: readonly pulumi.Resource[],
  ): aws.efs.MountTarget[] {
    return subnets.flatMap((subnet, index) =>
      adopted.covered[index]
        ? []
        : new aws.efs.MountTarget(
            `${this.#name}-mount-target-${index + 1}`,
            { fileSystemId: this.fileSystemId, subnetId: subnet.id, securityGroups: [securityGroupId] },
            { parent: this, dependsOn: [...dependsOn] },
          ),
    );
  }

  #createAccessPoint({ directory }: FileStorageArgs, dependsOn: readonly pulumi.Resource[]): aws.efs.AccessPoint {
    const { uid, gid } = POSIX_USER;
    return new aws.efs.AccessPoint(
      `${this.#name}-directory`,
      {
        fileSystemId: this.fileSystemId,
        posixUser: { uid, gid },
        rootDirectory: { path: directory, creationInfo: { ownerUid: uid, ownerGid: gid, permissions: "0755" } },
      },
      { parent: this, dependsOn: [...dependsOn] },
    );
  }

  #createRootAccessPoint(dependsOn: readonly pulumi.Resource[]): aws.efs.AccessPoint {
    return new aws.efs.AccessPoint(
      `${this.#name}-root`,
      { fileSystemId: this.fileSystemId, posixUser: { uid: 0, gid: 0 }, rootDirectory: { path: "/" } },
      { parent: this, dependsOn: [...dependsOn] },
    );
  }

  /** Once a file system has a policy, only what the policy allows is allowed. */
  #admit({ clients, maintenanceRole }: FileStorageArgs): void {
    const allow = (principal: pulumi.Input<string>, statement: aws.iam.PolicyStatement) => ({
      ...statement,
      Principal: { AWS: principal },
    });
    const { fileSystemArn, accessPoint, rootAccessPoint } = this;
    const ofClients =
      clients === undefined
        ? [allow("*", mountStatement("AllowAnyone", "read-write", fileSystemArn))]
        : [
            allow(clients.router.arn, mountStatement("AllowRouters", "read-write", fileSystemArn, accessPoint)),
            allow(clients.monitor.arn, mountStatement("AllowMonitor", "read", fileSystemArn, accessPoint)),
          ];
    const ofMaintenance =
      maintenanceRole && rootAccessPoint
        ? [allow(maintenanceRole.arn, mountStatement("AllowMaintenance", "root", fileSystemArn, rootAccessPoint))]
        : [];
    new aws.efs.FileSystemPolicy(
      `${this.#name}-files`,
      {
        fileSystemId: this.fileSystemId,
        policy: policyDocument([denyWithoutTls("elasticfilesystem", [fileSystemArn]), ...ofClients, ...ofMaintenance]),
      },
      { parent: this },
    );
  }
}

function asFirst({ id, ipAddress, availabilityZoneName, subnetId }: aws.efs.MountTarget): FirstMountTarget {
  return { id, ipAddress, availabilityZone: availabilityZoneName, subnetId };
}

/** EFS's name of a number of days. */
function transitionToIa(days: number): string {
  return days === 1 ? "AFTER_1_DAY" : `AFTER_${days}_DAYS`;
}

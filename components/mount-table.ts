import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { FirstMountTarget } from "./file-storage.ts";
import { handedOver } from "./handed-over-parameter.ts";

/** What Parameter Store takes for a SecureString where no key is named: named, so that a key that leaves is a change. */
const DEFAULT_KEY = "alias/aws/ssm";

export interface MountTableArgs {
  /** The parameter's path. Example: `/efs-mount-autoscaling/mount-targets`. */
  readonly parameterName: string;
  readonly parameterType: "String" | "SecureString";
  /** The SecureString's KMS key. Default: the AWS-managed key of SSM. */
  readonly kmsKeyArn?: string | undefined;
  /** Whose mount targets the table lists: another file system gets another table, as another type or key does. */
  readonly fileSystemId: pulumi.Input<string>;
  /** What the table lists at first. */
  readonly mountTargets: readonly FirstMountTarget[];
}

/** The mount table's SSM parameter. The stack writes its first value; from then on the monitor does. */
export class MountTable extends pulumi.ComponentResource {
  readonly parameterName: pulumi.Output<string>;
  readonly parameterArn: pulumi.Output<string>;
  /** `fileSystemId`, once its table is there. */
  readonly fileSystemId: pulumi.Output<string>;

  constructor(name: string, args: MountTableArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:MountTable", name, {}, opts);

    const parameter = new aws.ssm.Parameter(
      name,
      {
        name: args.parameterName,
        description: "The mount targets that the routers spread paths over; written by the file monitor",
        type: args.parameterType,
        ...(args.parameterType === "SecureString" ? { keyId: args.kmsKeyArn ?? DEFAULT_KEY } : {}),
        value: firstTable(args.mountTargets),
      },
      { parent: this, ...handedOver(["type", "keyId"]), replacementTrigger: args.fileSystemId },
    );
    this.parameterName = parameter.name;
    this.parameterArn = parameter.arn;
    this.fileSystemId = pulumi.all([args.fileSystemId, parameter.id]).apply(([fileSystemId]) => fileSystemId);

    this.registerOutputs();
  }
}

function firstTable(mountTargets: readonly FirstMountTarget[]): pulumi.Output<string> {
  return pulumi
    .all(
      mountTargets.map((target) => ({
        mount_target_id: target.id,
        ip_address: target.ipAddress,
        availability_zone: target.availabilityZone,
        subnet_id: target.subnetId,
      })),
    )
    .apply((targets) => serializeMountTable({ mount_targets: targets }));
}

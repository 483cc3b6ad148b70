import { nextEpoch, serializeRegionRole } from "@efs-mount-autoscaling/mount-table";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Peer } from "./peer.ts";
import { RoleFollower } from "./role-follower.ts";

export interface RegionRoleArgs {
  /** The parameter's path. Example: `/efs-mount-autoscaling/region`. */
  readonly parameterName: string;
  /** What the region is at first. */
  readonly role: "primary" | "standby";
  readonly peer: Peer;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
}

/**
 * The region's role, in an SSM parameter. The stack writes its first value; from then on the failover program does, and
 * a change of the configuration follows it.
 */
export class RegionRole extends pulumi.ComponentResource {
  readonly parameterName: pulumi.Output<string>;
  readonly parameterArn: pulumi.Output<string>;
  /** What the configuration names, once the region has it. */
  readonly role: pulumi.Output<"primary" | "standby">;

  constructor(name: string, args: RegionRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:RegionRole", name, {}, opts);

    const { region } = aws.getRegionOutput({}, { parent: this });
    const parameter = new aws.ssm.Parameter(
      name,
      {
        name: args.parameterName,
        description: "Which region takes writes; written by the failover program",
        type: "String",
        value: firstRole(args, region),
      },
      { parent: this, ignoreChanges: ["value"], deleteBeforeReplace: true },
    );
    this.parameterName = parameter.name;
    this.parameterArn = parameter.arn;
    const follower = new RoleFollower(
      name,
      {
        parameterName: parameter.name,
        role: args.role,
        region,
        peerRegion: args.peer.region,
        peerUrl: args.peer.url,
        profile: args.profile,
      },
      { parent: this },
    );
    this.role = follower.role;

    this.registerOutputs();
  }
}

/** Both begin with the primary's first epoch, so that a standby that never heard of it takes over at a later one. */
function firstRole({ role, peer }: RegionRoleArgs, region: pulumi.Output<string>): pulumi.Output<string> {
  return pulumi.all([region, peer.region, peer.url]).apply(([own, its, url]) =>
    serializeRegionRole({
      role,
      epoch: role === "primary" ? nextEpoch(0, own, its) : nextEpoch(0, its, own),
      region: own,
      peer: { region: its, url },
      // The stacks are made in this order: the standby with its replica, then the primary's role.
      alone: false,
      takeovers: [],
      changed_at: new Date().toISOString(),
    }),
  );
}

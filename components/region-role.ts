import { nextEpoch, serializeRegionRole } from "@efs-mount-autoscaling/mount-table";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { handedOver } from "./handed-over-parameter.ts";
import type { Peer } from "./peer.ts";
import type { PeerAccess } from "./peer-access.ts";
import { RoleFollower } from "./role-follower.ts";

export interface RegionRoleArgs {
  /** The parameter's path. Example: `/efs-mount-autoscaling/region`. */
  readonly parameterName: string;
  /** What the region is at first. */
  readonly role: "primary" | "standby";
  readonly peer: Peer;
  /** How routers read the other region's role. Default: they confirm theirs by their own region's replication. */
  readonly peerAccess?: PeerAccess | undefined;
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
    // Routers that cannot reach what their role names take no writes.
    const dependsOn = args.peerAccess ?? [];
    const parameter = new aws.ssm.Parameter(
      name,
      {
        name: args.parameterName,
        description: "Which region takes writes; written by the failover program",
        type: "String",
        value: firstRole(args, region),
      },
      { parent: this, dependsOn, ...handedOver() },
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
        peerParameterName: args.peerAccess?.parameterName,
        peerEndpoint: args.peerAccess?.endpoint,
        profile: args.profile,
      },
      { parent: this, dependsOn },
    );
    this.role = follower.role;

    this.registerOutputs();
  }
}

/** Both begin with the primary's first epoch, so that a standby that never heard of it takes over at a later one. */
function firstRole({ role, peer, peerAccess }: RegionRoleArgs, region: pulumi.Output<string>): pulumi.Output<string> {
  return region.apply((own) =>
    serializeRegionRole({
      role,
      epoch: role === "primary" ? nextEpoch(0, own, peer.region) : nextEpoch(0, peer.region, own),
      region: own,
      peer: {
        region: peer.region,
        url: peer.url,
        ...(peerAccess && { parameter_name: peerAccess.parameterName }),
        ...(peerAccess?.endpoint !== undefined && { endpoint: peerAccess.endpoint }),
      },
      // The stacks are made in this order: the standby with its replica, then the primary's role.
      alone: false,
      takeovers: [],
      changed_at: new Date().toISOString(),
    }),
  );
}

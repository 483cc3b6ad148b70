import { BlockList } from "node:net";
import { DEFAULT_NFS_PORT } from "@efs-mount-autoscaling/mount-table";
import * as aws from "@pulumi/aws";
import { type ExistingMountTarget, findMountTargets } from "./existing-mount-targets.ts";

/** What the stack uses of an existing file system, and neither changes nor deletes. */
export interface Adoption {
  /** Mount targets that someone else made, each with at least one security group. */
  readonly mountTargets: readonly ExistingMountTarget[];
  /** For each private subnet, in order, whether its Availability Zone has one of them. */
  readonly covered: readonly boolean[];
}

/** That of a new file system. */
export const NOTHING_ADOPTED: Adoption = { mountTargets: [], covered: [] };

/** An existing file system that cannot be served as it is; the message says what to change. */
export class AdoptionError extends Error {
  override readonly name = "AdoptionError";
}

export interface AdoptionArgs {
  readonly fileSystemId: string;
  /** The VPC of the tasks. Default: a new one. */
  readonly vpcId?: string | undefined;
  /** Its private subnets. */
  readonly privateSubnetIds: readonly string[];
  /** Mount targets to start with, in the first subnets. */
  readonly initialMountTargets: number;
  /** Whether the stack adds rules to the security groups of the mount targets. */
  readonly opensMountTargets: boolean;
  /** The tags of the stack's own security groups, by which its own mount targets are known. */
  readonly tags: Readonly<Record<string, string>>;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
}

/**
 * Looks up what an existing file system has.
 *
 * Mount targets have no tags. The stack's own, and those that its monitor made, have the stack's security group.
 *
 * @throws {AdoptionError}
 */
export async function findAdoption(args: AdoptionArgs): Promise<Adoption> {
  const { fileSystemId, vpcId, privateSubnetIds, tags, profile } = args;
  const [found, { ids: ownGroups }, { availabilityZoneName }, subnets] = await Promise.all([
    aws.getRegion().then(({ region }) => findMountTargets({ fileSystemId, region, profile })),
    aws.ec2.getSecurityGroups({ tags }),
    aws.efs.getFileSystem({ fileSystemId }),
    Promise.all(privateSubnetIds.map((id) => aws.ec2.getSubnet({ id }))),
  ]);
  const adoption = adopt(
    found.filter(({ securityGroupIds }) => !securityGroupIds.some((id) => ownGroups.includes(id))),
    {
      fileSystemId,
      vpcId,
      zones: subnets.map(({ availabilityZone }) => availabilityZone),
      initialMountTargets: args.initialMountTargets,
      onlyZone: availabilityZoneName === "" ? undefined : availabilityZoneName,
    },
  );
  if (!args.opensMountTargets) await requireOpen(adoption, subnets);
  return adoption;
}

/** Decides what is used. @throws {AdoptionError} */
export function adopt(
  mountTargets: readonly ExistingMountTarget[],
  stack: {
    readonly fileSystemId: string;
    readonly vpcId: string | undefined;
    /** The Availability Zones of the private subnets. */
    readonly zones: readonly string[];
    readonly initialMountTargets: number;
    /** The only Availability Zone of a One Zone file system. */
    readonly onlyZone: string | undefined;
  },
): Adoption {
  const { fileSystemId, vpcId, zones, initialMountTargets, onlyZone } = stack;
  for (const { id, state, vpcId: its, securityGroupIds } of mountTargets) {
    if (its !== vpcId) {
      throw new AdoptionError(
        `${fileSystemId} has the mount target ${id} in ${its}, and a file system has mount targets in one VPC only: set vpcId to ${its}, or delete its mount targets`,
      );
    }
    if (!["available", "updating"].includes(state) || securityGroupIds.length === 0) {
      throw new AdoptionError(
        `The mount target ${id} of ${fileSystemId} is ${state}: wait until it is available, or delete it`,
      );
    }
  }
  const outside = zones.slice(0, initialMountTargets).find((zone) => onlyZone !== undefined && zone !== onlyZone);
  if (outside !== undefined) {
    throw new AdoptionError(
      `${fileSystemId} is One Zone, and can have its mount target in ${onlyZone} only, not in ${outside}: set initialMountTargets to 1, and name a subnet in ${onlyZone} first in privateSubnetIds`,
    );
  }
  const covered = zones.map((zone) => mountTargets.some(({ availabilityZone }) => availabilityZone === zone));
  return { mountTargets, covered };
}

/** @throws {AdoptionError} where a mount target takes no connections from a private subnet, in which tasks may run. */
async function requireOpen({ mountTargets }: Adoption, subnets: readonly aws.ec2.GetSubnetResult[]): Promise<void> {
  const ranges = subnets.map(({ cidrBlock }) => cidrBlock);
  for (const { id, securityGroupIds } of mountTargets) {
    const closed = rangesKeptOut(ranges, await rulesOf(securityGroupIds));
    if (closed.length === 0) continue;
    throw new AdoptionError(
      `The security groups of ${id} (${securityGroupIds.join(", ")}) do not allow TCP ${DEFAULT_NFS_PORT} from ${closed.join(", ")}: add an inbound rule for these addresses, or set openExistingMountTargets to true, and the stack adds rules for its tasks and its function`,
    );
  }
}

async function rulesOf(securityGroupIds: readonly string[]): Promise<aws.vpc.GetSecurityGroupRuleResult[]> {
  const filters = [{ name: "group-id", values: [...securityGroupIds] }];
  const { ids } = await aws.vpc.getSecurityGroupRules({ filters });
  return Promise.all(ids.map((securityGroupRuleId) => aws.vpc.getSecurityGroupRule({ securityGroupRuleId })));
}

/** What counts of a rule of a security group. */
export interface Rule {
  readonly isEgress: boolean;
  /** `-1` is every protocol, and has no ports. */
  readonly ipProtocol: string;
  readonly fromPort?: number;
  readonly toPort?: number;
  /** Nothing in a rule about IPv6, a prefix list or another group. */
  readonly cidrIpv4?: string;
}

/** Those of the IPv4 ranges that no single rule lets in to the NFS port. */
export function rangesKeptOut(ranges: readonly string[], rules: readonly Rule[]): string[] {
  const open = rules.filter(letsNfsIn).flatMap(({ cidrIpv4 }) => cidrIpv4 || []);
  return ranges.filter((range) => !open.some((each) => contains(each, range)));
}

function letsNfsIn({ isEgress, ipProtocol, fromPort = 0, toPort = 0 }: Rule): boolean {
  if (isEgress) return false;
  return ipProtocol === "-1" || (ipProtocol === "tcp" && fromPort <= DEFAULT_NFS_PORT && DEFAULT_NFS_PORT <= toPort);
}

/** Whether an IPv4 range lies in another. */
function contains(outer: string, inner: string): boolean {
  const [outerAddress = "", outerPrefix] = outer.split("/");
  const [innerAddress = "", innerPrefix] = inner.split("/");
  if (Number(outerPrefix) > Number(innerPrefix)) return false;
  const list = new BlockList();
  list.addSubnet(outerAddress, Number(outerPrefix));
  return list.check(innerAddress);
}

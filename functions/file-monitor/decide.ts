/**
 * What should be, given what is. Pure functions: every run decides anew from what AWS says now, so a run that died
 * half-way is finished by the next one.
 */
import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import type { FileSystem, MountTargetDescription } from "./aws/file-system.ts";
import type { Deployment, ServiceDeployment } from "./aws/service.ts";
import type { Subnet } from "./aws/subnets.ts";

/** What a decision about mount targets rests on. */
export type Observation = {
  readonly fileSystem: FileSystem;
  readonly mountTargets: readonly MountTargetDescription[];
  readonly subnets: readonly Subnet[];
};

export type ScalingLimits = {
  readonly maxMountTargets: number | undefined;
  /** The only subnets to use; all when undefined. */
  readonly subnetIds: readonly string[] | undefined;
};

export type ScalingDecision =
  | { readonly action: "create"; readonly subnet: Subnet }
  /** Another run, or a person, has begun one: two at a time are never needed. */
  | { readonly action: "await"; readonly mountTarget: MountTargetDescription }
  | { readonly action: "none"; readonly reason: string };

export function isThresholdPassed(fileCount: number, threshold: number): boolean {
  return fileCount > threshold;
}

/** Which mount target to add, once the threshold is passed. */
export function decideScaling(observation: Observation, limits: ScalingLimits): ScalingDecision {
  const creating = observation.mountTargets.find(({ state }) => state === "creating");
  if (creating) return { action: "await", mountTarget: creating };
  const [subnet] = candidateSubnets(observation, limits);
  if (subnet) return { action: "create", subnet };
  return { action: "none", reason: whyNoneLeft(observation, limits) };
}

/** How many more mount targets the file system could get. */
export function countAvailabilityZonesLeft(observation: Observation, limits: ScalingLimits): number {
  const zones = new Set(candidateSubnets(observation, limits).map(({ availabilityZone }) => availabilityZone));
  return Math.min(zones.size, placesLeft(observation, limits));
}

/**
 * The mount table that should be published: the targets that are available, and whatever else the current table says
 * about them or beside them.
 */
export function decideTable(
  current: MountTable | undefined,
  mountTargets: readonly MountTargetDescription[],
): MountTable {
  const known = new Map(current?.mount_targets.map((target) => [target.mount_target_id, target]));
  return {
    ...current,
    mount_targets: mountTargets.flatMap(({ mountTargetId, ipAddress, availabilityZone, subnetId, state }) => {
      if (state !== "available" || ipAddress === undefined) return [];
      return {
        ...known.get(mountTargetId),
        mount_target_id: mountTargetId,
        ip_address: ipAddress,
        availability_zone: availabilityZone,
        subnet_id: subnetId,
      };
    }),
  };
}

/**
 * Whether tasks may still use an older table than the one in the parameter.
 *
 * Equal times mean no: a task reads the table seconds after its deployment began, and by then a table written in the
 * same tick of the coarser of the two clocks was there. Should the clocks of SSM and ECS disagree, that costs one
 * deployment too many, since the next one is minutes younger than the table.
 *
 * A rollback is a deployment like any other, younger than the one that failed, and its tasks read the table when they
 * start: only where it fails as well do tasks from before go on.
 *
 * @param primary the newest deployment; without one, no task runs on any table.
 */
export function mayTasksUseOlderTable(tableWrittenAt: Date, primary: Deployment | undefined): boolean {
  return primary !== undefined && (tableWrittenAt > primary.createdAt || primary.hasFailed);
}

/** How many deployments a table gets. More would not do what these did not, and each starts tasks that fail. */
const MOST_DEPLOYMENTS = 3;

export type RolloutDecision = {
  /** To wait: a deployment is under way, or succeeded, though the service does not show it yet. */
  readonly action: "deploy" | "wait" | "give up";
  readonly failedDeployments: number;
};

/**
 * What to do about tasks that may use an older table.
 *
 * @param deployments those since the table was written.
 */
export function decideRollout(deployments: readonly ServiceDeployment[]): RolloutDecision {
  const failedDeployments = deployments.filter(({ outcome }) => outcome === "failed").length;
  if (failedDeployments < deployments.length) return { action: "wait", failedDeployments };
  return { action: failedDeployments < MOST_DEPLOYMENTS ? "deploy" : "give up", failedDeployments };
}

/** The subnets a new mount target could be in, in the order to try them. */
function candidateSubnets(observation: Observation, limits: ScalingLimits): Subnet[] {
  if (placesLeft(observation, limits) === 0) return [];
  const { fileSystem, subnets } = observation;
  const taken = new Set(occupying(observation).map(({ availabilityZone }) => availabilityZone));
  return subnets
    .filter(
      ({ subnetId, availabilityZone }) =>
        !taken.has(availabilityZone) &&
        (fileSystem.availabilityZone === undefined || fileSystem.availabilityZone === availabilityZone) &&
        (limits.subnetIds === undefined || limits.subnetIds.includes(subnetId)),
    )
    .sort(
      (a, b) =>
        compare(a.availabilityZone, b.availabilityZone) ||
        b.freeAddresses - a.freeAddresses ||
        compare(a.subnetId, b.subnetId),
    );
}

/**
 * Answers of AWS may lag behind. Against two mount targets in one Availability Zone EFS itself stands; against more
 * than the limit, two witnesses that are kept apart, the list and the file system's own number: the higher one counts.
 */
function placesLeft(observation: Observation, { maxMountTargets }: ScalingLimits): number {
  if (maxMountTargets === undefined) return Number.POSITIVE_INFINITY;
  const taken = Math.max(occupying(observation).length, observation.fileSystem.numberOfMountTargets);
  return Math.max(0, maxMountTargets - taken);
}

/** The mount targets that hold their Availability Zone, whether they serve or not. */
function occupying({ mountTargets }: Observation): MountTargetDescription[] {
  return mountTargets.filter(({ state }) => state !== "deleted");
}

function whyNoneLeft(observation: Observation, limits: ScalingLimits): string {
  if (placesLeft(observation, limits) === 0) return `there are MAX_MOUNT_TARGETS (${limits.maxMountTargets}) already`;
  const { availabilityZone } = observation.fileSystem;
  if (availabilityZone !== undefined) return `a One Zone file system has its only mount target in ${availabilityZone}`;
  return "every Availability Zone with a usable subnet has its mount target";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * How many mount targets there should be, given what is: the monitor's only decision about them, in one pure function.
 *
 * Every run decides anew from what AWS says now, so a run that died half-way is finished by the next one.
 */
import type { MountTargetDescription } from "../aws/file-system.ts";
import type { Subnet } from "../aws/subnets.ts";
import type { Account } from "../observe/account.ts";
import type { Settings } from "../settings.ts";

/** Everything that a decision goes by. */
export interface Observation extends Account {
  /** Files counted; a lower bound where the time for counting ran out. */
  readonly fileCount: number;
  /** Where a forecast asks for a mount target before the configured threshold is passed: the number of files to pass. */
  readonly effectiveThreshold?: number | undefined;
}

export type ScalingSettings = Pick<Settings, "fileCountThreshold"> & PlacementSettings;

/** What limits where mount targets may be, and how many. */
export type PlacementSettings = Pick<Settings, "maxMountTargets" | "subnetIds">;

/** At most one mount target is changed at a time. Whatever carries decisions out must handle every action. */
export type Decision =
  | { readonly action: "create"; readonly subnet: Subnet }
  /** Another run, or a person, has begun to create one. */
  | { readonly action: "await"; readonly mountTarget: MountTargetDescription }
  | {
      readonly action: "none";
      /** `no-place`: a mount target is wanted, but none can be added. */
      readonly cause: "threshold-not-passed" | "no-place";
      /** In words, for people. */
      readonly reason: string;
    };

/** Decides what a run does about mount targets. */
export function decide(observation: Observation, settings: ScalingSettings): Decision {
  const { fileCount, effectiveThreshold = settings.fileCountThreshold } = observation;
  // The configured threshold always counts: a forecast can only make a mount target come earlier.
  const threshold = Math.min(effectiveThreshold, settings.fileCountThreshold);
  if (isThresholdPassed(fileCount, threshold)) return decideScaleOut(observation, settings);
  const reason = `${fileCount} files do not pass the threshold of ${threshold}`;
  return { action: "none", cause: "threshold-not-passed", reason };
}

export function isThresholdPassed(fileCount: number, threshold: number): boolean {
  return fileCount > threshold;
}

/** How many more mount targets the file system could get. */
export function countAvailabilityZonesLeft(account: Account, settings: PlacementSettings): number {
  const zones = new Set(candidateSubnets(account, settings).map(({ availabilityZone }) => availabilityZone));
  return Math.min(zones.size, placesLeft(account, settings));
}

function decideScaleOut(account: Account, settings: PlacementSettings): Decision {
  const creating = account.mountTargets.find(({ state }) => state === "creating");
  if (creating) return { action: "await", mountTarget: creating };
  const [subnet] = candidateSubnets(account, settings);
  if (subnet) return { action: "create", subnet };
  return { action: "none", cause: "no-place", reason: whyNoPlace(account, settings) };
}

/** The subnets a new mount target could be in, in the order to try them. */
function candidateSubnets(account: Account, settings: PlacementSettings): Subnet[] {
  if (placesLeft(account, settings) === 0) return [];
  const { fileSystem, subnets } = account;
  const taken = new Set(occupying(account).map(({ availabilityZone }) => availabilityZone));
  return subnets
    .filter(
      ({ subnetId, availabilityZone }) =>
        !taken.has(availabilityZone) &&
        (fileSystem.availabilityZone === undefined || fileSystem.availabilityZone === availabilityZone) &&
        (settings.subnetIds === undefined || settings.subnetIds.includes(subnetId)),
    )
    .sort(
      (a, b) =>
        compare(a.availabilityZone, b.availabilityZone) ||
        b.freeAddresses - a.freeAddresses ||
        compare(a.subnetId, b.subnetId),
    );
}

/**
 * How many mount targets `maxMountTargets` still allows.
 *
 * AWS may answer from an older state. EFS itself refuses a second mount target in an Availability Zone, but it knows
 * no limit of ours. So two sources count them, the list and the file system's own number, and the higher one is taken.
 */
function placesLeft(account: Account, { maxMountTargets }: PlacementSettings): number {
  if (maxMountTargets === undefined) return Number.POSITIVE_INFINITY;
  const taken = Math.max(occupying(account).length, account.fileSystem.numberOfMountTargets);
  return Math.max(0, maxMountTargets - taken);
}

/** The mount targets that hold their Availability Zone, whether they serve or not. */
function occupying({ mountTargets }: Account): MountTargetDescription[] {
  return mountTargets.filter(({ state }) => state !== "deleted");
}

function whyNoPlace(account: Account, settings: PlacementSettings): string {
  if (placesLeft(account, settings) === 0) return `there are MAX_MOUNT_TARGETS (${settings.maxMountTargets}) already`;
  const { availabilityZone } = account.fileSystem;
  if (availabilityZone !== undefined) return `a One Zone file system has its only mount target in ${availabilityZone}`;
  return "every Availability Zone with a usable subnet has its mount target";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

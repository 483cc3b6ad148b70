/**
 * Where a mount target can be added.
 */
import type { MountTargetDescription } from "../aws/file-system.ts";
import type { Subnet } from "../aws/subnets.ts";
import type { Account } from "../observe/account.ts";
import type { Settings } from "../settings.ts";

/** What limits where mount targets may be, and how many. */
export type PlacementSettings = Pick<Settings, "maxMountTargets" | "subnetIds">;

export type ScaleOutDecision =
  | { readonly action: "create"; readonly subnet: Subnet }
  /** Another run, or a person, has begun to create one. */
  | { readonly action: "await"; readonly mountTarget: MountTargetDescription }
  /** A mount target is wanted, but none can be added. The reason is in words, for people. */
  | { readonly action: "none"; readonly cause: "no-place"; readonly reason: string };

/** How many more mount targets the file system could get. */
export function countAvailabilityZonesLeft(account: Account, settings: PlacementSettings): number {
  const zones = new Set(candidateSubnets(account, settings).map(({ availabilityZone }) => availabilityZone));
  return Math.min(zones.size, placesLeft(account, settings));
}

/** Where the next mount target goes. */
export function decideScaleOut(account: Account, settings: PlacementSettings): ScaleOutDecision {
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

/** How many mount targets `maxMountTargets` still allows. */
function placesLeft(account: Account, { maxMountTargets }: PlacementSettings): number {
  if (maxMountTargets === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(0, maxMountTargets - countMountTargets(account));
}

/**
 * How many mount targets there are, whether they serve or not: rather too many than too few.
 *
 * AWS may answer from an older state. EFS itself refuses a second mount target in an Availability Zone, but it knows
 * no limit of ours. So two sources count them, the list and the file system's own number, and the higher one is taken.
 */
export function countMountTargets(account: Account): number {
  return Math.max(occupying(account).length, account.fileSystem.numberOfMountTargets);
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

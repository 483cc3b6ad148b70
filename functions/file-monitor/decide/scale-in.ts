/**
 * Whether a mount target is taken away again, and which.
 *
 * Deleting one breaks every connection through it, so it is retired first: its mark in the table keeps new operations away.
 * It is deleted when no router can be using it any more. What begins a retirement must hold until the deletion begins, or
 * the mark is removed again.
 */
import type { MountTargetDescription } from "../aws/file-system.ts";
import type { Service } from "../aws/service.ts";
import type { Account } from "../observe/account.ts";
import type { ScaleInSettings } from "../settings.ts";
import { isSteady, mayTasksUseOlderTable } from "./rollout.ts";
import { type Retirement, retirementTime, type Stability } from "./stability.ts";

/** At most one mount target is being retired at a time. Reasons are in words, for people. */
export type ScaleInDecision =
  /** It should be marked in the table, newly or still. */
  | { readonly action: "retire"; readonly mountTarget: MountTargetDescription; readonly reason: string }
  | {
      readonly action: "delete";
      readonly mountTarget: MountTargetDescription;
      /** Whether a run before has begun it. */
      readonly isFinal: boolean;
      readonly reason: string;
    };

/** What a run knows about scaling in. */
export interface ScaleInObservation {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** With what this run has seen. */
  readonly stability: Stability;
  /** Undefined where there is none that can be read. */
  readonly table: PublishedTable | "unknown" | undefined;
  /** What is around the mount targets. Asked for only where {@link whyNotNow} has no objection. */
  readonly surroundings?: Surroundings | undefined;
}

export interface Surroundings {
  /** By the id of the mount target. Where EFS doesn't say, it has none. */
  readonly securityGroupIds: ReadonlyMap<string, readonly string[]>;
  /** The routers'; undefined where there is none. */
  readonly service: Service | undefined;
  /** The Availability Zones in which tasks run, where those must keep their mount targets. */
  readonly taskZones: readonly string[];
  /** Names of the alarms that are on. */
  readonly alarms: readonly string[];
}

/** The mount table as it was read. */
export interface PublishedTable {
  readonly writtenAt: Date;
  /** Since when mount targets are retiring, by id, as the table has it; undefined for those that routers are to use. */
  readonly retiringSince: ReadonlyMap<string, string | undefined>;
}

type Seen = Account & { readonly scaleIn?: ScaleInObservation | undefined };

/** Decides about a run. Without a mount target to take away, the reason is why. */
export function decideScaleIn(
  seen: Seen,
  settings: ScaleInSettings | undefined,
): ScaleInDecision | { readonly action: "none"; readonly reason?: string | undefined } {
  const { scaleIn: known, mountTargets } = seen;
  if (settings === undefined || known === undefined) return { action: "none" };
  const { stability, table, surroundings, now } = known;
  const { retirement } = stability;
  const retiring = mountTargets.find((one) => one.mountTargetId === retirement?.mountTargetId && isAvailable(one));
  if (table === "unknown") {
    const reason = "the mount table can't be read";
    return retiring === undefined ? { action: "none", reason } : { action: "retire", mountTarget: retiring, reason };
  }
  // Only a run without scale-in gives it to routers again.
  if (retirement?.isFinal && retiring !== undefined && !isGivenToRouters(retiring, table)) {
    return { action: "delete", mountTarget: retiring, isFinal: true, reason: "its deletion has begun" };
  }
  const objection = whyNotNow(seen, settings) ?? (surroundings && whyNotAmong(surroundings));
  if (objection !== undefined) return { action: "none", reason: objection };
  if (surroundings === undefined) {
    const reason = "what is around the mount targets is not known";
    return retiring === undefined ? { action: "none", reason } : { action: "retire", mountTarget: retiring, reason };
  }

  if (retirement !== undefined && retiring !== undefined) {
    const reason = whyItStays(retiring, surroundings, settings);
    if (reason !== undefined) return { action: "none", reason };
    return isUnused(retirement, table, surroundings, now, settings)
      ? { action: "delete", mountTarget: retiring, isFinal: false, reason: "no router uses it any more" }
      : { action: "retire", mountTarget: retiring, reason: "routers may still use it" };
  }

  if (!isPublished(table, surroundings, settings)) return { action: "none", reason: "the routers are being deployed" };
  const candidates = candidatesOf(seen, settings);
  const mountTarget = candidates.find((one) => whyItStays(one, surroundings, settings) === undefined);
  if (mountTarget === undefined) {
    const reasons = candidates.map((one) => whyItStays(one, surroundings, settings));
    return { action: "none", reason: reasons.join(", ") };
  }
  const reason = `every run of the last ${inWords(settings.window)} has found fewer than ${stability.fewFiles} files`;
  return { action: "retire", mountTarget, reason };
}

/** What speaks against it already before the surroundings are known; undefined where nothing does. */
export function whyNotNow(
  { fileSystem, mountTargets, subnets, scaleIn: known }: Seen,
  settings: ScaleInSettings,
): string | undefined {
  if (known === undefined) return undefined;
  const { now, stability } = known;
  const { fewSince, stableSince, fewFiles, retirement } = stability;
  if (fewSince === undefined) return `it is not certain that there are fewer than ${fewFiles} files`;
  const unsettled = mountTargets.find((one) => one.state !== "deleted" && !isAvailable(one));
  if (unsettled !== undefined) return `${unsettled.mountTargetId} is ${unsettled.state}`;
  // AWS may answer from an older state, so two sources count them.
  const left = Math.min(mountTargets.filter(isAvailable).length, fileSystem.numberOfMountTargets) - 1;
  if (left < settings.minMountTargets) return `INITIAL_MOUNT_TARGETS (${settings.minMountTargets}) stay`;
  if (mountTargets.some(({ mountTargetId }) => mountTargetId === retirement?.mountTargetId)) return undefined;

  if (now - fewSince < settings.window) {
    return `there have been fewer than ${fewFiles} files for ${inWords(now - fewSince)} only, not for ${inWords(settings.window)}`;
  }
  if (now - stableSince < settings.rest) {
    return `for ${inWords(now - stableSince)} only, not for ${inWords(settings.rest)}, the mount targets have been the same and the threshold was not passed`;
  }
  if (candidatesOf({ mountTargets, subnets }, settings).length === 0)
    return "all mount targets are the stack's own, or needed to mount";
  return undefined;
}

/** What is being retired by a decision: nothing by any that is not about it. */
export function retirementAfter(
  decision: ScaleInDecision | { readonly action: "create" | "await" | "none" },
  before: Retirement | undefined,
  now: number,
): Retirement | undefined {
  switch (decision.action) {
    case "retire": {
      const { mountTargetId } = decision.mountTarget;
      return before?.mountTargetId === mountTargetId ? before : { mountTargetId, since: now, isFinal: false };
    }
    case "delete":
      return before && { ...before, isFinal: true };
    default:
      return undefined;
  }
}

/** Those that might be taken away, in the order to take them: the last Availability Zones were added last. */
export function candidatesOf(
  { mountTargets, subnets }: Pick<Account, "mountTargets" | "subnets">,
  { keptMountTargetIds, mountedSubnetIds }: ScaleInSettings,
): MountTargetDescription[] {
  const mountedZones = mountedSubnetIds.map((id) => subnets.find(({ subnetId }) => subnetId === id)?.availabilityZone);
  // Lambda mounts only where each of its subnets has a mount target in its Availability Zone.
  if (mountedZones.includes(undefined)) return [];
  return mountTargets
    .filter(
      (one) =>
        isAvailable(one) &&
        !keptMountTargetIds.includes(one.mountTargetId) &&
        !mountedZones.includes(one.availabilityZone),
    )
    .sort((a, b) => (a.availabilityZone < b.availabilityZone ? 1 : -1));
}

function whyNotAmong({ service, alarms }: Surroundings): string | undefined {
  if (service?.status !== "ACTIVE") return "the routers' service is not active";
  return alarms.length > 0 ? `alarms are on: ${alarms.join(", ")}` : undefined;
}

function whyItStays(
  { mountTargetId, availabilityZone }: MountTargetDescription,
  { securityGroupIds, taskZones }: Surroundings,
  { securityGroupId }: ScaleInSettings,
): string | undefined {
  if (!securityGroupIds.get(mountTargetId)?.includes(securityGroupId))
    return `${mountTargetId} was made by somebody else`;
  return taskZones.includes(availabilityZone)
    ? `${mountTargetId} is in ${availabilityZone}, where tasks run`
    : undefined;
}

/** Whether every router has taken over the table that was published last, and none is being replaced. */
function isPublished(
  table: PublishedTable | undefined,
  { service }: Surroundings,
  { isHotReload }: ScaleInSettings,
): table is PublishedTable {
  if (table === undefined || service === undefined || !isSteady(service)) return false;
  return isHotReload || !mayTasksUseOlderTable(table.writtenAt, service.primary);
}

/** Whether no router can have anything in flight there: all know that it is retiring, and had time to finish. */
function isUnused(
  retirement: Retirement,
  table: PublishedTable | undefined,
  surroundings: Surroundings,
  now: number,
  settings: ScaleInSettings,
): boolean {
  if (!isPublished(table, surroundings, settings)) return false;
  if (table.retiringSince.get(retirement.mountTargetId) !== retirementTime(retirement)) return false;
  const takenOverAt = settings.isHotReload ? undefined : surroundings.service?.primary?.updatedAt;
  return now - (takenOverAt ?? table.writtenAt).getTime() >= settings.drainTime;
}

function isGivenToRouters({ mountTargetId }: MountTargetDescription, table: PublishedTable | undefined): boolean {
  if (table === undefined) return false;
  return table.retiringSince.has(mountTargetId) && table.retiringSince.get(mountTargetId) === undefined;
}

function isAvailable({ state }: MountTargetDescription): boolean {
  return state === "available";
}

function inWords(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  return minutes < 120 ? `${minutes} minutes` : `${Math.floor(minutes / 60)} hours`;
}

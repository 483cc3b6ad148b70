/** What both regions together say: which one was declared the primary, and whether the other one could take over. */
import { nextEpoch, type RegionRole } from "@efs-mount-autoscaling/mount-table";
import type { RegionView, Side } from "./observation.ts";

type Seen = Readonly<Record<Side, Pick<RegionView, "name" | "role">>>;

/** The region that was declared primary last, and may not be one yet; undefined where nobody was. */
export function declaredSide(seen: Seen): Side | undefined {
  const epoch = highestEpoch(seen);
  if (epoch === 0) return undefined;
  return owns(seen.home.name, seen.standby.name, epoch) ? "home" : "standby";
}

export function highestEpoch({ home, standby }: Seen): number {
  return Math.max(home.role?.epoch ?? 0, standby.role?.epoch ?? 0);
}

function owns(region: string, peer: string, epoch: number): boolean {
  return epoch > 0 && nextEpoch(epoch - 1, region, peer) === epoch;
}

/** When the region took over without the consent of the old primary: up to when it has all that was written there. */
export function takeoverOf(role: RegionRole): string | undefined {
  const latest = role.takeovers.at(-1);
  return latest?.epoch === role.epoch ? latest.replicated_until : undefined;
}

/** A region whose role is known. */
type Known<View> = View & { readonly role: RegionRole };

export function isKnown<View extends Pick<RegionView, "reachable" | "role">>(view: View): view is Known<View> {
  return view.reachable && view.role !== undefined;
}

/**
 * Whether a standby has a complete replica, or had one whose replication somebody has ended by hand. One that is alone may
 * be what is left of an older pair: its primary may take writes without asking.
 */
export function hasData(
  { role, replication }: Pick<RegionView, "replication"> & { readonly role: RegionRole },
  side: Side,
): boolean {
  if (role.alone) return false;
  return replication === undefined || (replication.destination === side && replication.replicatedUntil !== undefined);
}

export function whyUnknown({ name, reachable, problem }: Pick<RegionView, "name" | "reachable" | "problem">): string {
  if (!reachable) return `The APIs of ${name} do not answer: ${problem ?? "no reason is known"}`;
  return `${name} has no role: is its stack deployed, with replication?`;
}

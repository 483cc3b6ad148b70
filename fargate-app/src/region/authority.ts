/**
 * Whether a router may write, where the file system is replicated to a second region: pure decisions.
 *
 * A primary's authority is a lease. Each router renews it for itself, by reading that its region is the primary, and
 * that nobody has declared another one. Whoever takes over declares that first, and then waits until the lease of a
 * router that cannot see it has ended. Where routers read the other region's document, at no time two regions
 * acknowledge writes, whatever is cut off from what. Where they see the replication of their own region only, one that is
 * cut off may go on until its replica is {@link MAX_SOURCE_LAG} old.
 */
import { type RegionRole, supersedes } from "@efs-mount-autoscaling/mount-table";

/** What a router has read. Times are milliseconds of a clock that never goes back, of when the read began. */
export interface Known {
  /** The newest document of the own region; undefined before the first. */
  readonly role: RegionRole | undefined;
  /** The last read that found that document. */
  readonly readAt: number;
  /** In any document, of both regions. */
  readonly highestEpoch: number;
  /** The last read that found no other primary at this epoch. */
  readonly confirmedAt: number;
}

export const NOTHING_KNOWN: Known = {
  role: undefined,
  readAt: Number.NEGATIVE_INFINITY,
  highestEpoch: 0,
  confirmedAt: Number.NEGATIVE_INFINITY,
};

/** Why a router may not write. */
export const REFUSALS = ["unknown", "standby", "frozen", "superseded", "unconfirmed"] as const;

export type Refusal = (typeof REFUSALS)[number];

/** With the time at which the lease ends, or why there is none. */
export type Verdict = { readonly until: number } | { readonly refusal: Refusal };

/** Notes the own region's document. A stale one says nothing, not even that the newer one still holds. */
export function noteRole(known: Known, role: RegionRole, begunAt: number): Known {
  const { role: before } = known;
  if (before !== undefined && supersedes(before, role)) return known;
  const isOther = before?.epoch !== role.epoch;
  return {
    role,
    readAt: Math.max(known.readAt, begunAt),
    highestEpoch: Math.max(known.highestEpoch, role.epoch),
    confirmedAt: isOther ? Number.NEGATIVE_INFINITY : known.confirmedAt,
  };
}

/** Notes the peer's document, in which another primary is declared before it is one. */
export function notePeer(known: Known, peer: RegionRole, begunAt: number): Known {
  const highestEpoch = Math.max(known.highestEpoch, peer.epoch);
  const confirms = known.role !== undefined && peer.epoch <= known.role.epoch;
  return { ...known, highestEpoch, confirmedAt: confirms ? Math.max(known.confirmedAt, begunAt) : known.confirmedAt };
}

/** What the own region shows of the replication of its file system. */
interface SourceState {
  /** The own file system is the source, and the replication is not being ended. */
  readonly isSource: boolean;
  /** Milliseconds since the replica was complete; undefined before it is for the first time: nobody can take over. */
  readonly lag: number | undefined;
}

/**
 * Milliseconds. A replication that was ended while this region was lost may still be shown there, but it makes no
 * progress. A replica that is so old has an alarm of its own.
 */
export const MAX_SOURCE_LAG = 3_600_000;

/** Notes that the own file system is still the source of its replication: whoever takes over ends that. */
export function noteSource(known: Known, { isSource, lag = 0 }: SourceState, begunAt: number): Known {
  if (!isSource || lag > MAX_SOURCE_LAG) return known;
  return { ...known, confirmedAt: Math.max(known.confirmedAt, begunAt) };
}

/** The last lease of a router. */
export interface Lease {
  readonly epoch: number;
  readonly until: number;
}

export const NO_LEASE: Lease = { epoch: 0, until: Number.NEGATIVE_INFINITY };

/** The lease after something was read. One that is not renewed holds until it ends. */
export function renewed(lease: Lease, { role }: Known, verdict: Verdict): Lease {
  return role !== undefined && "until" in verdict ? { epoch: role.epoch, until: verdict.until } : lease;
}

/**
 * Whether a write that began in a lease may be acknowledged: also where the router has learned meanwhile that it is not
 * to begin another one, as whoever takes over waits for the lease to end.
 */
export function mayAcknowledge(begun: Lease, current: Lease, now: number): boolean {
  return begun.epoch === current.epoch && now < current.until;
}

/**
 * @param lease Milliseconds from the beginning of a read for which it holds.
 * @param now Of the same clock as the reads.
 */
export function verdictOn(known: Known, lease: number, now: number): Verdict {
  const { role, readAt, highestEpoch, confirmedAt } = known;
  if (role === undefined) return { refusal: "unknown" };
  if (role.epoch < highestEpoch) return { refusal: "superseded" };
  if (role.role !== "primary") return { refusal: role.role };
  const until = lease + (role.alone ? readAt : Math.min(readAt, confirmedAt));
  return now < until ? { until } : { refusal: "unconfirmed" };
}

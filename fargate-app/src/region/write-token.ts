/**
 * Reading one's own writes in the other region. A response to a write has a token; a read that brings it sees the write,
 * or is told where to go instead.
 */
import { nextEpoch, type RegionRole } from "@efs-mount-autoscaling/mount-table";

/** That what was written at this epoch was there at this time, in milliseconds since 1970 by the file system's clock. */
export interface WriteToken {
  readonly epoch: number;
  readonly time: number;
}

export function formatWriteToken({ epoch, time }: WriteToken): string {
  return `${epoch}-${Math.ceil(time)}`;
}

/** Undefined when the text is no token. */
export function parseWriteToken(text: string): WriteToken | undefined {
  const [, epoch, time] = /^(\d{1,9})-(\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined || time === undefined ? undefined : { epoch: Number(epoch), time: Number(time) };
}

/**
 * What to do with a read that brings a token.
 *
 * - `serve`: the write is here, or was replaced by a later one.
 * - `wait`: it is not here yet.
 * - `elsewhere`: only the other region can have it.
 * - `undecided`: a takeover is in progress; whether the write survives it is not known yet.
 * - `lost`: it was made in a region that was lost, and had not been replicated. It may be here, or not.
 */
export type ReadVerdict = "serve" | "wait" | "elsewhere" | "undecided" | "lost";

/**
 * @param replicatedUntil The replica has what was written before, in milliseconds since 1970; undefined where there is
 * no replica, or it is not known.
 */
export function verdictOnRead(
  { epoch, time }: WriteToken,
  role: RegionRole | undefined,
  replicatedUntil: number | undefined,
): ReadVerdict {
  if (role === undefined || epoch > role.epoch) return "elsewhere";
  const survives = role.takeovers.every(
    (takeover) => takeover.epoch <= epoch || time < Date.parse(takeover.replicated_until),
  );
  if (role.role !== "standby") return survives ? "serve" : "lost";
  if (isTakingOver(role)) return survives ? "serve" : "undecided";
  if (!survives) return "lost";
  return replicatedUntil !== undefined && time < replicatedUntil ? "serve" : "wait";
}

/** Whether a standby has declared itself the next primary, and is not one yet. */
export function isTakingOver({ role, epoch, region, peer }: RegionRole): boolean {
  return role === "standby" && epoch > 0 && nextEpoch(epoch - 1, region, peer.region) === epoch;
}

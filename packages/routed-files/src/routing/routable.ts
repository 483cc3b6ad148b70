/** What paths are routed to, what is known of its load, and what routing makes of a path. */
import type { DirectoryPath } from "./path.ts";

/** Something that paths can be routed to: a mount target. Ids are unique. */
export interface Routable {
  readonly id: string;
  /** The Availability Zone it is in. */
  readonly zone?: string | undefined;
}

/** What one router measures of a target. */
export interface TargetLoad {
  /** Requests in flight, each weighted by its bytes. */
  readonly inFlight: number;
  /** 1 for a target as fast as the others, less for one that is far slower, 0 for one that is not connected. */
  readonly speed: number;
}

/** All that a decision depends on besides the path. It does not change while a decision is made. */
export interface Snapshot {
  /** In the order of the targets that the ranking was prepared for. */
  readonly loads: readonly TargetLoad[];
  /** Whether the latency of the own zone's target lets requests stay in the zone, however loaded it is. */
  readonly stayInZone: boolean;
  /** Index of the target that is to be measured with this request. */
  readonly probe?: number | undefined;
  /** For a path that is hot: two numbers from 0 to below 1, which choose the two targets to compare. */
  readonly spread?: readonly [number, number] | undefined;
}

/**
 * All targets in the order in which `path` prefers them. The same for the same path, set of targets and snapshot; a
 * strategy that looks at no load needs no snapshot, and without one all targets count as idle.
 */
export type Ranking<Target extends Routable> = (path: DirectoryPath, snapshot?: Snapshot) => Target[];

/** What the strategies that look at loads are told. */
export interface RankingOptions {
  /** How far above the mean the load of a target may be, as a multiple of it: more than 1. */
  readonly loadFactor: number;
  /** The Availability Zone that the router is in. */
  readonly ownZone?: string | undefined;
}

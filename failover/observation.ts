/** What the failover program sees of two regions, and what it can do there. */
import type { RegionRole } from "@efs-mount-autoscaling/mount-table";

/** `home` is where the primary normally is. */
export const SIDES = ["home", "standby"] as const;

export type Side = (typeof SIDES)[number];

export function otherSide(side: Side): Side {
  return side === "home" ? "standby" : "home";
}

/**
 * Whether a file system takes writes, by its replication overwrite protection (EFS, FileSystemProtectionDescription):
 * `replica` takes none, `overwritable` is allowed to become one.
 */
export type FileSystemState = "writable" | "replica" | "overwritable";

/** A replication that a file system is part of, as its own region sees it. */
export interface ReplicationView {
  /** The side whose file system is the source; undefined where it is none of the two. */
  readonly source: Side | undefined;
  readonly destination: Side | undefined;
  readonly status: "enabling" | "enabled" | "deleting" | "paused" | "error";
  /** The destination has what was written before, in milliseconds since 1970; undefined before the first sync is over. */
  readonly replicatedUntil: number | undefined;
}

/** One region. What needs its APIs is only there while they answer. */
export interface RegionView {
  readonly name: string;
  /** Its APIs answer. */
  readonly reachable: boolean;
  /** Why they do not. */
  readonly problem?: string | undefined;
  /** Its routers answer. */
  readonly routersAnswer: boolean;
  /** Whether the one that was asked takes writes, or why it takes none; undefined where it does not say. */
  readonly routersWrite?: true | { readonly refusal: string } | undefined;
  readonly role: RegionRole | undefined;
  /** When the role was written, in milliseconds since 1970 by the clock of AWS. */
  readonly roleModifiedAt: number;
  /** Milliseconds for which this role has been there, at least: by the clock of AWS, or as this run has seen it. */
  readonly roleAge: number;
  readonly fileSystem: FileSystemState | undefined;
  /** Its policy denies writes to all clients. */
  readonly fenced: boolean;
  readonly replication: ReplicationView | undefined;
  /** Milliseconds for which this run of the program has seen this replication, or none. */
  readonly replicationAge: number;
}

export interface Observation extends Readonly<Record<Side, RegionView>> {
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Each is idempotent. */
export type Action =
  | { readonly kind: "write-role"; readonly side: Side; readonly role: RegionRole }
  /** Denies writes in the policy of the file system; the other statements stay. */
  | { readonly kind: "fence"; readonly side: Side }
  | { readonly kind: "unfence"; readonly side: Side }
  /**
   * Ends the replication that the side's file system is part of: in both regions, or only in this one. What is left in
   * the other one is of no use, and has to be ended there.
   */
  | { readonly kind: "delete-replication"; readonly side: Side; readonly where: "everywhere" | "here" }
  | { readonly kind: "allow-overwrite"; readonly side: Side }
  | { readonly kind: "protect"; readonly side: Side }
  | { readonly kind: "create-replication"; readonly from: Side };

/** What a router says of its region: to operators, to clients, and to the status page. */
import type { Role } from "@efs-mount-autoscaling/mount-table";
import type { Refusal } from "./authority.ts";
import type { Region } from "./region.ts";

export interface RegionReport {
  readonly writable: boolean;
  /** Why it takes no writes. */
  readonly reason: Refusal | undefined;
  /** What follows is undefined until it is known. */
  readonly role: Role | undefined;
  readonly epoch: number | undefined;
  readonly region: string | undefined;
  readonly peer: { readonly region: string; readonly url: string | undefined } | undefined;
  /** How far the replica is behind at most; undefined where there is none. */
  readonly replicaLagSeconds: number | undefined;
}

export function reportOn({ role: document, verdict, replicaLag }: Region): RegionReport {
  const isRefused = "refusal" in verdict;
  return {
    writable: !isRefused,
    reason: isRefused ? verdict.refusal : undefined,
    role: document?.role,
    epoch: document?.epoch,
    region: document?.region,
    peer: document && { region: document.peer.region, url: document.peer.url },
    replicaLagSeconds: replicaLag === undefined ? undefined : replicaLag / 1_000,
  };
}

/** A region whose documents and replication tests set. */
import type { RegionRole } from "@efs-mount-autoscaling/mount-table";
import { Region, type RegionOptions } from "../../fargate-app/src/region/region.ts";
import type { RegionSources, Replication } from "../../fargate-app/src/region/sources.ts";
import { type LogLine, memoryLog } from "./memory-router.ts";

const PRIMARY_URL = "http://tokyo.example";

/** What there is to read. What is undefined cannot be read. */
export class RegionWorld implements RegionSources {
  document: RegionRole | undefined;
  peerDocument: RegionRole | undefined;
  state: Replication | undefined = { isSource: false, isDestination: false, replicatedUntil: undefined };
  reads = 0;

  readonly role = async () => found(this.document);
  readonly peerRole = async () => found(this.peerDocument);
  readonly replication = async () => {
    this.reads += 1;
    return found(this.state);
  };
}

function found<Document>(document: Document | undefined): Document {
  if (document === undefined) throw new Error("It cannot be read");
  return document;
}

export function standbyRole(changes: Partial<RegionRole> = {}): RegionRole {
  return {
    role: "standby",
    epoch: 1,
    region: "ap-northeast-3",
    peer: { region: "ap-northeast-1", url: PRIMARY_URL },
    alone: false,
    takeovers: [],
    changed_at: new Date(0).toISOString(),
    ...changes,
  };
}

export function primaryRole(changes: Partial<RegionRole> = {}): RegionRole {
  return {
    ...standbyRole(),
    role: "primary",
    region: "ap-northeast-1",
    peer: { region: "ap-northeast-3", url: "http://osaka.example", parameter_name: "region" },
    ...changes,
  };
}

/** A region that has read what there is once, and reads it again only when told to. */
export async function startRegion(
  world: RegionWorld,
  options: Partial<RegionOptions> = {},
): Promise<{ region: Region; lines: LogLine[] }> {
  const { log, lines } = memoryLog();
  const region = new Region({ sources: world, lease: 60_000, readAfterTimeout: 0, log, ...options });
  await region.poll();
  return { region, lines };
}

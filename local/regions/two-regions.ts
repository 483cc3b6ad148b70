/** Two regions on this machine, as two stacks on AWS: a primary, and a standby that is not paired with it yet. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { nextEpoch, type RegionRole, serializeRegionRole } from "@efs-mount-autoscaling/mount-table";
import { type Location, OSAKA, TOKYO } from "../account.ts";
import { REGION_PARAMETER_NAME } from "../environments.ts";
import type { LogSink } from "../logs/log-line.ts";
import { type Cleanups, startWith } from "../machine/cleanups.ts";
import { findCommonPort } from "../machine/loopback.ts";
import { makeTemporaryDirectory } from "../machine/temporary-directory.ts";
import type { RegionPorts } from "../stack.ts";
import type { RegionSettings } from "./messages.ts";
import { type Outputs, writeOutputs } from "./outputs.ts";
import { Region } from "./region.ts";

export interface TwoRegionsOptions {
  /** Milliseconds from one sync of the replication to the next: what a takeover may lose. */
  readonly syncInterval: number;
  /** Milliseconds that EFS takes to delete a replication. */
  readonly deletionDelay: number;
  /** Seconds for which a router may write without confirming that its region is the primary. */
  readonly roleLeaseSeconds: number;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

export interface TwoRegions {
  readonly home: Region;
  readonly standby: Region;
  /** For the failover program. */
  readonly outputs: Outputs;
  /** Stops both, and removes every file. */
  close(): Promise<void>;
}

const LOOPBACK = ["127.0.0.1"];

export function startTwoRegions(options: TwoRegionsOptions): Promise<TwoRegions> {
  return startWith((cleanups) => start(options, cleanups));
}

async function start(options: TwoRegionsOptions, cleanups: Cleanups): Promise<TwoRegions> {
  const { log, signal } = options;
  const directory = await makeTemporaryDirectory("efs-mount-autoscaling-regions-");
  cleanups.add(() => directory.remove());
  const taken = new Set<number>();
  const ports = { tokyo: await findPorts(TOKYO, taken), osaka: await findPorts(OSAKA, taken) };

  const region = async (name: "tokyo" | "osaka", location: Location, peer: Location, peerPorts: RegionPorts) => {
    const home = join(directory.path, name);
    await mkdir(home);
    const settings: RegionSettings = {
      name,
      directory: home,
      ports: ports[name],
      role: serializeRegionRole(roleOf(location.region, peer.region, peerPorts, name === "tokyo")),
      peers: { [peer.region]: peerPorts.replication },
      replication: { syncInterval: options.syncInterval, deletionDelay: options.deletionDelay },
      environment: { ROLE_LEASE_SECONDS: String(options.roleLeaseSeconds) },
      tasks: 2,
      mountTargets: 2,
      fileCountThreshold: 1_000_000,
      monitorInterval: 60_000,
    };
    const started = new Region(settings, log);
    cleanups.add(() => started.stop());
    return started;
  };

  const home = await region("tokyo", TOKYO, OSAKA, ports.osaka);
  const standby = await region("osaka", OSAKA, TOKYO, ports.tokyo);
  await Promise.all([home.start(signal), standby.start(signal)]);
  const { roleLeaseSeconds } = options;
  const outputs = await writeOutputs({ home, standby, directory: directory.path, roleLeaseSeconds });
  return { home, standby, outputs, close: () => cleanups.run() };
}

async function findPorts({ subnets }: Location, taken: Set<number>): Promise<RegionPorts> {
  return {
    nfs: await findPort(
      subnets.flatMap(({ addresses }) => addresses),
      taken,
    ),
    controlPlane: await findPort(LOOPBACK, taken),
    loadBalancer: await findPort(LOOPBACK, taken),
    replication: await findPort(LOOPBACK, taken),
  };
}

/** One that nothing of ours will listen on. */
async function findPort(addresses: readonly string[], taken: Set<number>): Promise<number> {
  for (;;) {
    const port = await findCommonPort(addresses);
    if (taken.has(port)) continue;
    taken.add(port);
    return port;
  }
}

/** As the Pulumi program writes it first: `failback` makes a pair of the two. */
function roleOf(region: string, peer: string, peerPorts: RegionPorts, isPrimary: boolean): RegionRole {
  return {
    role: isPrimary ? "primary" : "standby",
    epoch: isPrimary ? nextEpoch(0, region, peer) : 0,
    region,
    alone: true,
    peer: {
      region: peer,
      url: `http://127.0.0.1:${peerPorts.loadBalancer}`,
      parameter_name: REGION_PARAMETER_NAME,
      endpoint: `http://127.0.0.1:${peerPorts.controlPlane}`,
    },
    takeovers: [],
    changed_at: new Date().toISOString(),
  };
}

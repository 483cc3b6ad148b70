/** The demo of two regions: one ends in mid-flow, the other one takes over, and gives back. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { LogSink } from "../../logs/log-line.ts";
import { runFailover } from "../../regions/failover.ts";
import { startTwoRegions, type TwoRegions } from "../../regions/two-regions.ts";
import { count } from "../figures.ts";
import type { Screen } from "../screen.ts";
import { Clients } from "./clients.ts";
import { findLoss, findTwoWriters, olderThan, recoveryPoint, type Side, type Write } from "./ledger.ts";
import type { RegionsResult } from "./result.ts";

interface RegionsOptions {
  readonly screen: Pick<Screen, "say">;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

const SYNC_INTERVAL = 1_500;
const DELETION_DELAY = 500;
export const ROLE_LEASE_SECONDS = 3;
/** Milliseconds that each part of the load takes. */
const LOAD = 5_000;
const LOAD_AFTER = 3_000;
/** For what the first region had on its way to be counted, when it has ended. */
const SETTLE = 300;
const FIRST_WRITE_TIMEOUT = 60_000;

/** Runs the demo, and stops everything it started. */
export async function runRegions(options: RegionsOptions): Promise<RegionsResult> {
  const { screen, log, signal } = options;
  screen.say("Starting two regions: Tokyo, the primary, and Osaka, its standby");
  const regions = await startTwoRegions({
    syncInterval: SYNC_INTERVAL,
    deletionDelay: DELETION_DELAY,
    roleLeaseSeconds: ROLE_LEASE_SECONDS,
    log,
    signal,
  });
  try {
    const clients = new Clients({ home: regions.home.url, standby: regions.standby.url });
    try {
      return await runOn(regions, clients, options);
    } finally {
      await clients.stop();
    }
  } finally {
    await regions.close();
  }
}

async function runOn(
  { home, standby, outputs }: TwoRegions,
  clients: Clients,
  { screen: { say }, signal }: RegionsOptions,
): Promise<RegionsResult> {
  const failover = (what: string, ...parameters: string[]) => {
    say(what);
    return runFailover({ outputs, parameters, say, signal });
  };
  await failover("Making a pair of them", "failback");
  const { writes } = clients;
  clients.start();
  await sleep(LOAD, undefined, { signal });

  say(`Ending all processes of Tokyo at once, after ${count(acknowledgedIn(writes).length)} acknowledged writes`);
  const endedAt = Date.now();
  await home.kill();
  // What it acknowledged stays as the replica has it, until that has been looked at.
  clients.directory = "meanwhile";
  const paths = new Set(writes.flatMap(({ path, side }) => (side === "home" ? [path] : [])));
  await sleep(SETTLE, undefined, { signal });
  const atFailover = writes.length;
  const replicatedUntil = await lastReplicated(standby.awsUrl);

  await failover("Taking over in Osaka", "promote", "--primary-is-lost");
  const firstAt = await firstWrite(clients, "standby", atFailover, signal);
  say(`After ${((firstAt - endedAt) / 1000).toFixed(1)} s Osaka took the first write`);
  const replica = await clients.read("standby", paths, signal);
  const loss = findLoss(writes.slice(0, atFailover), replica);
  clients.directory = "files";
  await sleep(LOAD_AFTER, undefined, { signal });

  say("Starting Tokyo again: it still believes that it is the primary");
  await home.start(signal);
  const backAt = Date.now();
  await sleep(LOAD_AFTER, undefined, { signal });

  const failbackAt = Date.now();
  const atFailback = writes.length;
  await failover("Giving back to Tokyo", "failback");
  await firstWrite(clients, "home", atFailback, signal);
  const failbackEndedAt = Date.now();
  await sleep(LOAD_AFTER, undefined, { signal });
  await clients.stop();

  const inTheEnd = await clients.read("home", new Set(writes.map(({ path }) => path)), signal);
  say(`Compared ${count(inTheEnd.size)} files`);
  const afterwards = findLoss(writes.slice(atFailover), inTheEnd, replica);
  return {
    rtoSeconds: (firstAt - endedAt) / 1000,
    rpoSeconds: recoveryPoint(loss.lost, endedAt),
    lagSeconds: (endedAt - replicatedUntil) / 1000,
    acknowledged: acknowledgedIn(writes).length,
    acknowledgedLost: loss.lost.length,
    acknowledgedLostOlderThanLag: olderThan(loss.lost, replicatedUntil).length,
    lostAtFailback: afterwards.lost.length,
    mismatched: [...new Set([...loss.mismatched, ...afterwards.mismatched])],
    files: inTheEnd.size,
    twoWriters: findTwoWriters(writes).length,
    refusedByOldPrimary: refusedIn(writes, backAt, failbackAt).filter(
      ({ side, outcome }) => side === "home" && outcome === "refused",
    ).length,
    refusedDuringFailover: refusedIn(writes, endedAt, firstAt).length,
    refusedDuringFailback: refusedIn(writes, failbackAt, failbackEndedAt).filter(({ side }) => side === "standby")
      .length,
    failbackSeconds: (failbackEndedAt - failbackAt) / 1000,
    failbackPauseSeconds: longestPause(writes.slice(atFailback)) / 1000,
  };
}

function acknowledgedIn(writes: readonly Write[]): Write[] {
  return writes.filter(({ outcome }) => outcome === "acknowledged");
}

function refusedIn(writes: readonly Write[], from: number, to: number): Write[] {
  return writes.filter(({ outcome, sentAt }) => outcome !== "acknowledged" && sentAt >= from && sentAt < to);
}

/** Milliseconds between two acknowledged writes that follow each other. */
function longestPause(writes: readonly Write[]): number {
  const times = acknowledgedIn(writes)
    .map(({ endedAt }) => endedAt)
    .sort((a, b) => a - b);
  return Math.max(0, ...times.slice(1).map((time, index) => time - (times[index] ?? time)));
}

/** Waits for the first write from an index on that a region acknowledges. @returns when it did. */
async function firstWrite({ writes }: Clients, side: Side, from: number, signal: AbortSignal): Promise<number> {
  const deadline = Date.now() + FIRST_WRITE_TIMEOUT;
  let next = from;
  while (Date.now() < deadline) {
    for (; next < writes.length; next++) {
      const write = writes[next];
      if (write?.side === side && write.outcome === "acknowledged") return write.endedAt;
    }
    await sleep(20, undefined, { signal });
  }
  throw new Error(`The ${side} region took no write within ${FIRST_WRITE_TIMEOUT / 1000} s`);
}

const replicationsSchema = z.object({
  Replications: z.tuple([
    z.object({
      // Seconds since 1970.
      Destinations: z.tuple([z.object({ LastReplicatedTimestamp: z.number() })]),
    }),
  ]),
});

/**
 * When the last sync began that the replica's region knows to be finished, in milliseconds since 1970 (EFS,
 * DescribeReplicationConfigurations). Asked without the SDK: every demo would load it at its start.
 */
async function lastReplicated(awsUrl: string): Promise<number> {
  const response = await fetch(`${awsUrl}/2015-02-01/file-systems/replication-configurations`);
  const { Replications } = replicationsSchema.parse(await response.json());
  return Replications[0].Destinations[0].LastReplicatedTimestamp * 1_000;
}

/** What all routers of the service together say, from what each of them says. */
import { addCounts, countsSince, percentile, totalOf } from "@efs-mount-autoscaling/routed-files";
import {
  type Change,
  type Costs,
  HOT_SPOT_RANKS,
  type HotSpot,
  type HotSpots,
  MAX_CHANGES,
  type RegionOfTask,
  type RegionStatus,
  type ServiceStatus,
  type SharedChange,
  type TargetOfTask,
  type TargetStatus,
  type TaskChanges,
  type TaskOfService,
  type TaskStatus,
} from "./document.ts";
import { severityOf } from "./severity.ts";

/** A task as ECS lists it. */
export interface TaskRecord {
  readonly id: string;
  readonly zone?: string | undefined;
  /** As ECS calls it: `RUNNING`. */
  readonly status: string;
  /** The deployment that started it. */
  readonly deployment?: string | undefined;
  readonly createdAt?: number | undefined;
  readonly startedAt?: number | undefined;
  readonly address?: { readonly host: string; readonly port: number } | undefined;
}

/** What is known of one task. */
export interface Reading {
  readonly record: TaskRecord;
  readonly isSelf: boolean;
  /** What it said, or why it said nothing. */
  readonly now?: TaskStatus | undefined;
  readonly problem?: string | undefined;
  /** What it said some seconds ago, for rates. */
  readonly before?: TaskStatus | undefined;
}

/** Milliseconds. */
const SAME_CHANGE = 3_000;

type Merged = Omit<ServiceStatus, "time" | "fileSystemId" | "aloneBecause" | "monitor">;

/** @param kept Changes of state that tasks have kept, also those that are gone. */
export function mergeReadings(readings: readonly Reading[], kept: readonly TaskChanges[] = []): Merged {
  const deltas = readings.flatMap(deltasOf);
  const zones = new Map(deltas.map(({ now }) => [now.id, now.zone]));
  const ids = [...zones.keys()].sort((one, two) => order(`${zones.get(one)} ${one}`, `${zones.get(two)} ${two}`));
  const requests = deltas.reduce((sum, delta) => sum + delta.requestsPerSecond, 0);
  const said = readings.flatMap(({ now }) => now ?? []);
  return {
    ...(readings.every(({ before }) => before === undefined) && { withoutRates: true }),
    targets: ids.map((id) =>
      mergeTarget(
        deltas.filter(({ now }) => now.id === id),
        requests,
      ),
    ),
    total: {
      requestsPerSecond: requests,
      bytesPerSecond: deltas.reduce((sum, delta) => sum + delta.readPerSecond + delta.writtenPerSecond, 0),
      errorsPerSecond: deltas.reduce((sum, delta) => sum + delta.errorsPerSecond, 0),
      inFlight: deltas.reduce((sum, { now }) => sum + now.inFlight, 0),
      ...percentiles(deltas),
    },
    tasks: mergeTasks(readings),
    hotSpots: mergeHotSpots(said.map(({ hotSpots }) => hotSpots)),
    costs: mergeCosts(said.map(({ costs }) => costs)),
    changes: mergeChanges(changesByTask([...readings.flatMap(changesIn), ...kept])),
    ownRegion: mergeRegions(said.flatMap(({ ownRegion }) => ownRegion ?? [])),
  };
}

function order(one: string, two: string): number {
  return Number(one > two) - Number(one < two);
}

/** What one router did at one target lately, a second. */
interface Delta {
  readonly now: TargetOfTask;
  readonly requestsPerSecond: number;
  readonly readPerSecond: number;
  readonly writtenPerSecond: number;
  readonly errorsPerSecond: number;
  readonly latencies: Record<number, number>;
}

function deltasOf({ now, before }: Reading): Delta[] {
  if (now === undefined) return [];
  const seconds = before === undefined ? 0 : (now.time - before.time) / 1_000;
  return now.targets.map((target) => {
    const last = before?.targets.find(({ id }) => id === target.id);
    // A target that left the table and came back counts anew.
    const rate = (count: "requests" | "bytesRead" | "bytesWritten" | "errors") =>
      last === undefined || seconds <= 0 ? 0 : Math.max(0, target[count] - last[count]) / seconds;
    return {
      now: target,
      requestsPerSecond: rate("requests"),
      readPerSecond: rate("bytesRead"),
      writtenPerSecond: rate("bytesWritten"),
      errorsPerSecond: rate("errors"),
      latencies: last === undefined ? {} : countsSince(target.latencies, last.latencies),
    };
  });
}

function percentiles(deltas: readonly Delta[]): { p50: number | undefined; p99: number | undefined } {
  const counts = addCounts(deltas.map(({ latencies }) => latencies));
  return { p50: percentile(counts, 0.5), p99: percentile(counts, 0.99) };
}

function mergeTarget(deltas: readonly Delta[], allRequests: number): TargetStatus {
  const seen = deltas.map(({ now }) => now).sort((a, b) => severityOf(a.state) - severityOf(b.state));
  const [worst] = seen;
  if (worst === undefined) throw new Error("A target that no router sees cannot be merged");
  const alike = seen.filter(({ state }) => state === worst.state);
  const sum = (of: (delta: Delta) => number) => deltas.reduce((total, delta) => total + of(delta), 0);
  const requestsPerSecond = sum((delta) => delta.requestsPerSecond);
  return {
    id: worst.id,
    address: worst.address,
    zone: worst.zone,
    state: worst.state,
    since: Math.min(...alike.map(({ since }) => since)),
    reason: worst.reason,
    seenBy: alike.length,
    routers: seen.length,
    share: allRequests === 0 ? 0 : requestsPerSecond / allRequests,
    requestsPerSecond,
    readPerSecond: sum((delta) => delta.readPerSecond),
    writtenPerSecond: sum((delta) => delta.writtenPerSecond),
    inFlight: sum(({ now }) => now.inFlight),
    errors: sum(({ now }) => now.errors),
    errorsPerSecond: sum((delta) => delta.errorsPerSecond),
    ...percentiles(deltas),
  };
}

function mergeTasks(readings: readonly Reading[]): TaskOfService[] {
  const newest = readings
    .map(({ record }) => record)
    .reduce<TaskRecord | undefined>((a, b) => ((a?.createdAt ?? -1) >= (b.createdAt ?? 0) ? a : b), undefined);
  return readings
    .map((reading): TaskOfService => {
      const { record, now, problem, isSelf } = reading;
      const deltas = deltasOf(reading);
      return {
        id: record.id,
        zone: record.zone ?? now?.zone,
        status: record.status,
        isCurrent: record.deployment === newest?.deployment,
        startedAt: record.startedAt ?? now?.startedAt,
        isSelf,
        problem,
        ...(now && {
          requestsPerSecond: deltas.reduce((sum, delta) => sum + delta.requestsPerSecond, 0),
          inFlight: now.targets.reduce((sum, { inFlight }) => sum + inFlight, 0),
          memory: now.memory,
        }),
      };
    })
    .sort((a, b) => (a.startedAt ?? Number.MAX_VALUE) - (b.startedAt ?? Number.MAX_VALUE));
}

export function mergeHotSpots(all: readonly HotSpots[]): HotSpots {
  return {
    hot: [...new Set(all.flatMap(({ hot }) => hot))],
    paths: mergeRanks(all.map(({ paths }) => paths)),
    directories: mergeRanks(all.map(({ directories }) => directories)),
  };
}

function mergeRanks(ranks: readonly (readonly HotSpot[])[]): HotSpot[] {
  const total = ranks.reduce((sum, ranked) => sum + totalOf(ranked), 0);
  const rates = new Map<string, number>();
  for (const { path, perSecond } of ranks.flat()) rates.set(path, (rates.get(path) ?? 0) + perSecond);
  return [...rates]
    .sort(([, a], [, b]) => b - a)
    .slice(0, HOT_SPOT_RANKS)
    .map(([path, perSecond]) => ({ path, perSecond, share: total === 0 ? 0 : perSecond / total }));
}

export function mergeCosts(all: readonly Costs[]): Costs | undefined {
  return all.reduce<Costs | undefined>((a, b) => {
    if (a === undefined) return b;
    return {
      meteredBytes: add(a.meteredBytes, b.meteredBytes),
      dollars: a.dollars && b.dollars && add(a.dollars, b.dollars),
      dollarsAMonth: a.dollarsAMonth && b.dollarsAMonth && add(a.dollarsAMonth, b.dollarsAMonth),
      pricesAsOf: a.pricesAsOf,
    };
  }, undefined);
}

function add(a: Costs["meteredBytes"], b: Costs["meteredBytes"]): Costs["meteredBytes"] {
  return { lower: a.lower + b.lower, upper: a.upper + b.upper };
}

export function mergeRegions(all: readonly RegionOfTask[]): RegionStatus | undefined {
  const [newest] = all.toSorted((a, b) => (b.epoch ?? -1) - (a.epoch ?? -1));
  if (newest === undefined) return undefined;
  const { role, epoch, region, peer } = newest;
  const lags = all.flatMap(({ replicaLagSeconds }) => replicaLagSeconds ?? []);
  const refusedWrites: Record<string, number> = {};
  for (const [reason, count] of all.flatMap((each) => Object.entries(each.refusedWrites))) {
    refusedWrites[reason] = (refusedWrites[reason] ?? 0) + count;
  }
  return {
    ...{ role, epoch, region, peer, refusedWrites },
    writableRouters: all.filter(({ writable }) => writable).length,
    routers: all.length,
    reasons: [...new Set(all.flatMap(({ reason }) => reason ?? []))].sort(),
    replicaLagSeconds: lags.length === 0 ? undefined : Math.max(...lags),
  };
}

function changesIn({ record, now }: Reading): TaskChanges[] {
  return now === undefined ? [] : [{ taskId: record.id, changes: now.changes }];
}

/** What each task saw, once for all its processes, and whether it says so or has kept it. */
function changesByTask(all: readonly TaskChanges[]): Change[] {
  const byTask = new Map<string, Change[]>();
  for (const { taskId, changes } of all) byTask.set(taskId, [...(byTask.get(taskId) ?? []), ...changes]);
  return [...byTask.values()].flatMap((changes) => mergeChanges(changes).map(({ seenBy: _, ...change }) => change));
}

/** Routers see the same change at about the same time: it is shown once. */
export function mergeChanges(changes: readonly Change[]): SharedChange[] {
  const merged: SharedChange[] = [];
  for (const change of changes.toSorted((a, b) => b.time - a.time)) {
    const index = merged.findIndex(
      ({ time, target, state }) =>
        target === change.target && state === change.state && time - change.time < SAME_CHANGE,
    );
    const same = merged[index];
    if (same === undefined) merged.push({ ...change, seenBy: 1 });
    else merged[index] = { ...same, seenBy: same.seenBy + 1 };
  }
  return merged.slice(0, MAX_CHANGES);
}

/** Three routers in three zones, as processes: each strategy under the same load. */
import type { TaskMetadata } from "../../local/ecs/task-metadata.ts";
import type { RouterProcess } from "../../tests/support/router-bundle.ts";
import type { Address, FileService } from "../file-service.ts";
import { interleave } from "../interleave.ts";
import type { Bench } from "../row.ts";
import { type LoadSample, sendLoad } from "./load.ts";
import { STRATEGIES, type Strategy } from "./strategies.ts";

export const ZONES = ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"];
export const CLIENTS = 96;

/** Milliseconds. */
export const WARM_UP = 2_000;
export const DURATION = 2_000;
/** As there are fewer requests at a pace, and the slowest of them matter. */
const PACED_DURATION = 10_000;
export const ROUNDS = 1;

export interface Setup {
  readonly bench: Bench;
  readonly metadata: TaskMetadata;
}

export interface Scenario {
  readonly service: FileService;
  /** Where the routers of each zone find the mount targets; those of the service when absent. */
  readonly addresses?: readonly (readonly Address[])[];
  readonly drawPath: () => string;
  readonly clients?: number;
  /** Requests a second of each client, at random times; one after the other when absent. */
  readonly pace?: number;
  /** Goes on beside the load, until the signal fires. */
  readonly meanwhile?: (signal: AbortSignal) => Promise<void>;
}

export interface Sample extends LoadSample {
  /** Of the requests, from 0 to 1, that each target got. */
  readonly shares: readonly number[];
  /** Of the bytes, from 0 to 1. */
  readonly acrossZones: number;
}

export type Samples = Record<Strategy, Sample[]>;

/** Does the same with each strategy, alternately. */
export async function everyStrategy<Result>(
  { bench }: Setup,
  what: string,
  side: (strategy: Strategy) => Promise<Result>,
): Promise<Record<Strategy, Result[]>> {
  const sides = Object.fromEntries(STRATEGIES.map((strategy) => [strategy, () => side(strategy)]));
  return interleave(bench, what, ROUNDS, sides as Record<Strategy, () => Promise<Result>>);
}

/** Starts the routers, and ends them when they were measured. */
export async function run(
  { bench: { signal }, metadata }: Setup,
  { service, addresses, drawPath, clients = CLIENTS, pace, meanwhile }: Scenario,
  strategy: Strategy,
): Promise<Sample> {
  const routers = await Promise.all(
    ZONES.map((zone, index) =>
      service.startRouter(addresses?.[index] ?? service.addresses, {
        ROUTING_STRATEGY: strategy,
        ECS_CONTAINER_METADATA_URI_V4: metadata.uri(zone),
      }),
    ),
  );
  const load = { urls: routers.map(({ url }) => url), clients, drawPath, pace };
  await sendLoad({ ...load, duration: WARM_UP }, signal);
  const before = await countsOf(routers);
  const ended = new AbortController();
  const beside = meanwhile?.(ended.signal);
  const sample = await sendLoad({ ...load, duration: pace === undefined ? DURATION : PACED_DURATION }, signal);
  ended.abort();
  await beside;
  const after = await countsOf(routers);
  await Promise.all(routers.map((router) => router.stop()));
  const requests = after.requests.map((count, index) => count - (before.requests[index] ?? 0));
  const total = requests.reduce((sum, count) => sum + count, 0);
  return {
    ...sample,
    shares: requests.map((count) => count / total),
    acrossZones: (after.across - before.across) / (after.bytes - before.bytes),
  };
}

interface Counts {
  /** Of each target, at all routers. */
  readonly requests: readonly number[];
  readonly bytes: number;
  /** Of these, those that came from another zone. */
  readonly across: number;
}

async function countsOf(routers: readonly RouterProcess[]): Promise<Counts> {
  const lists = await Promise.all(routers.map((router) => router.targets()));
  const all = lists.flat();
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    requests: ZONES.map((_, index) => sum(lists.map((targets) => targets[index]?.requests ?? 0))),
    bytes: sum(all.map(({ bytesRead }) => bytesRead)),
    across: sum(all.map(({ bytesAcrossZones = 0 }) => bytesAcrossZones)),
  };
}

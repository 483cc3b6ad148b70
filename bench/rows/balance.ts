/** How evenly and how near the strategies route: real routers over three mount targets, and many routers simulated. */
import { setTimeout as sleep } from "node:timers/promises";
import { ROUTING_STRATEGIES, type RoutingStrategy } from "../../fargate-app/src/routing/strategies.ts";
import type { RouterProcess } from "../../tests/support/router-bundle.ts";
import { type LoadSample, sendLoad } from "../balance/load.ts";
import { type SimulationResult, simulate } from "../balance/simulator.ts";
import { startTaskMetadata } from "../balance/task-metadata.ts";
import { type Address, type FileService, startFileService } from "../file-service.ts";
import { makeFileTree } from "../file-tree/file-tree.ts";
import { httpLoad } from "../http-load.ts";
import { interleave } from "../interleave.ts";
import { startDelayProxy } from "../nfs/delay-proxy.ts";
import { compilePeer } from "../peers/compile.ts";
import { seededRandom, zipf } from "../random.ts";
import {
  type Bench,
  boundedFigure,
  type Figure,
  type Goal,
  type Peer,
  type Row,
  ratioAtLeast,
  ratioAtMost,
  valueAtMost,
} from "../row.ts";

export const balance: Row = {
  name: "balance",
  what: "Three routers in three zones, 96 clients, three mount targets: each strategy; and 300 routers in six zones, simulated",
  seconds: 420,
  check,
  measure,
};

const ZONES = ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"];
const CLIENTS = 96;
const FILES = 1_000;
const FILE_BYTES = 4 * 1024;
/** More than is shared by readers of a hot file. */
const LARGE_FILES = 10;
const LARGE_BYTES = 128 * 1024;
/** Of a mount target, so that it and not this machine is what is full. */
const SLOW_NETWORK = 1e6;
const FAST_NETWORK = 3e6;
const ZIPF_EXPONENT = 1.1;
/** Milliseconds. */
const WARM_UP = 5_000;
const DURATION = 2_500;
const ROUNDS = 1;
const FLAP = 400;
/** Milliseconds of a round trip. */
const DELAY = { healthy: 2, slow: 20, within: 0.3, across: 1 };
/** Requests a second of all clients: about a half of what the mount targets and this machine can do. */
const HALF_LOAD = 300;

const SIMULATED = { routers: 300, zones: 6, zipfExponent: ZIPF_EXPONENT };
const EXAMINED_STRATEGIES = ["rendezvous", "bounded-load", "zone-aware"] as const;

async function check(bench: Bench): Promise<Figure[]> {
  return simulated(bench, 400_000);
}

/** Many routers that each see only their own load: whether they run to the same target together. */
async function simulated({ signal, progress }: Bench, requests: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const strategy of EXAMINED_STRATEGIES) {
    progress(`${requests.toLocaleString("en")} requests simulated, ${strategy}`);
    const result: SimulationResult = await simulate({ ...SIMULATED, strategy, requests }, signal);
    const goal = strategy === "rendezvous" ? {} : { goal: valueAtMost(1.3) };
    const figure = (name: string, unit: string, value: number, more = {}): Figure => ({
      name: `${strategy}, ${requests.toLocaleString("en")} simulated, ${name}`,
      unit,
      better: "lower",
      ours: [value],
      ...more,
    });
    figures.push(
      figure("busiest target / mean", "", result.busiest, goal),
      figure("busiest target / mean, worst second", "", result.busiestInASecond, goal),
      figure("across zones", "%", result.shareAcrossZones * 100),
    );
  }
  return figures;
}

interface Sample extends LoadSample {
  /** Requests of the busiest target, as a multiple of the mean. */
  readonly busiest: number;
  /** Of the bytes, from 0 to 1. */
  readonly acrossZones: number;
}

type Samples = Record<RoutingStrategy, Sample[]>;

async function measure(bench: Bench): Promise<Figure[]> {
  const zoneOf = await startTaskMetadata(bench);
  const slowNetwork = await startFileService(bench, { mountTargets: ZONES.length, bytesPerSecond: SLOW_NETWORK });
  const fastNetwork = await startFileService(bench, { mountTargets: ZONES.length, bytesPerSecond: FAST_NETWORK });
  const unlimited = await startFileService(bench, { mountTargets: ZONES.length });
  for (const { directory } of [slowNetwork, unlimited]) {
    await makeFileTree(`${directory}/tree`, { files: FILES, bytes: FILE_BYTES });
  }
  await makeFileTree(`${fastNetwork.directory}/tree`, { files: LARGE_FILES, bytes: LARGE_BYTES });
  const setup = { bench, zoneOf };
  return [
    ...(await simulated(bench, 10_000_000)),
    ...(await evenly(setup, slowNetwork)),
    ...(await hotFiles(setup, slowNetwork, fastNetwork)),
    ...(await flapping(setup, unlimited)),
    ...(await delayed(setup, unlimited)),
  ];
}

interface Setup {
  readonly bench: Bench;
  readonly zoneOf: (zone: string) => string;
}

interface Scenario {
  readonly what: string;
  readonly service: FileService;
  /** Where the routers of each zone find the mount targets; those of the service when absent. */
  readonly addresses?: readonly (readonly Address[])[];
  readonly drawPath: () => string;
  readonly clients?: number;
  readonly pace?: number;
  /** Goes on beside the load, until the signal fires. */
  readonly meanwhile?: (signal: AbortSignal) => Promise<void>;
}

const uniform = () => drawFile(FILES, () => Math.floor(Math.random() * FILES));

function drawFile(count: number, draw: () => number): () => string {
  return () => `tree/file-${draw() % count}`;
}

async function evenly(setup: Setup, service: FileService): Promise<Figure[]> {
  const even = await everyStrategy(setup, { what: "uniform", service, drawPath: uniform() });
  const drawPath = drawFile(FILES, zipf(FILES, ZIPF_EXPONENT, seededRandom(1)));
  const skewed = await everyStrategy(setup, { what: "Zipf 1.1", service, drawPath });
  const busiest = { unit: "", better: "lower", value: ({ busiest }: Sample) => busiest } as const;
  return [
    ...figuresOf("uniform, busiest target / mean", even, busiest),
    ...figuresOf("Zipf 1.1, busiest target / mean", skewed, { ...busiest, goal: valueAtMost(1.3) }),
    {
      ...perSecondOf("full load, zone-aware", even["zone-aware"]),
      peer: { name: "bounded-load", values: even["bounded-load"].map(({ perSecond }) => perSecond) },
      goal: ratioAtLeast(0.97),
    },
    noFailures("uniform and Zipf 1.1", even, skewed),
  ];
}

async function hotFiles(setup: Setup, small: FileService, large: FileService): Promise<Figure[]> {
  const drawPath = () => "tree/file-0";
  const spread = await everyStrategy(setup, { what: "one hot file", service: large, drawPath });
  const shared = await hotSmallFile(setup, small);
  const rendezvous = { name: "rendezvous", values: spread.rendezvous.map(({ perSecond }) => perSecond) };
  const figure = (strategy: RoutingStrategy, goal: Goal): Figure => ({
    ...perSecondOf(`one hot file of 128 KiB, ${strategy}`, spread[strategy]),
    peer: rendezvous,
    goal,
  });
  return [
    figure("bounded-load", ratioAtLeast(2.5)),
    figure("zone-aware", ratioAtLeast(2.5)),
    ...shared,
    noFailures("one hot file", spread),
  ];
}

/** With h2load, because one process of Node.js cannot ask so often. */
async function hotSmallFile({ bench }: Setup, service: FileService): Promise<Figure[]> {
  const load = await httpLoad(bench);
  if (load === undefined) return [];
  const side = (environment: Record<string, string>) => async () => {
    const router = await service.startRouter(service.addresses, environment);
    const send = (duration: number) => load([`${router.url}/files/tree/file-0`], { connections: CLIENTS, duration });
    await send(WARM_UP);
    const { perSecond } = await send(DURATION);
    await router.stop();
    return perSecond;
  };
  const samples = await interleave(bench, "one hot file of 4 KiB", ROUNDS, {
    shared: side({ ROUTING_STRATEGY: "bounded-load" }),
    rendezvous: side({ ROUTING_STRATEGY: "rendezvous", HOT_SPOT_PERCENT: "0" }),
  });
  return [
    {
      name: "one hot file of 4 KiB, shared reads",
      unit: "/s",
      better: "higher",
      ours: samples.shared,
      peer: { name: "rendezvous", values: samples.rendezvous },
      goal: ratioAtLeast(10),
    },
  ];
}

/** One target ends and comes back, over and over. */
async function flapping(setup: Setup, service: FileService): Promise<Figure[]> {
  const [, address] = service.addresses;
  if (address === undefined) return [];
  const meanwhile = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      await service.stopMountTarget(address);
      await sleep(FLAP);
      await service.startMountTarget(address);
      await sleep(FLAP);
    }
  };
  const samples = await everyStrategy(setup, {
    what: "one target flaps",
    service,
    drawPath: uniform(),
    clients: 24,
    meanwhile,
  });
  return [noFailures("one target flaps", samples)];
}

/** What takes a delay in front of the mount targets: one that is slow, and zones. */
async function delayed(setup: Setup, service: FileService): Promise<Figure[]> {
  const { bench } = setup;
  const program = await compilePeer(bench, "delay-proxy.c");
  if (program === undefined) return [];
  const proxyOf = async (address: Address, delay: number): Promise<Address> => {
    const { port } = await startDelayProxy(bench, program, { ...address, path: "", directory: "" }, delay);
    return { host: "127.0.0.1", port };
  };
  const proxies = (delays: readonly number[]) =>
    Promise.all(service.addresses.map((address, index) => proxyOf(address, delays[index] ?? 0)));
  const everyZone = (addresses: readonly Address[]) => ZONES.map(() => addresses);
  const { healthy, slow, within, across } = DELAY;
  const scenario = { service, drawPath: uniform(), clients: 24, pace: HALF_LOAD / 24 };

  const allWell = everyZone(await proxies([healthy, healthy, healthy]));
  const well = await everyStrategy(setup, { ...scenario, what: "three healthy targets", addresses: allWell });
  const oneSlow = everyZone(await proxies([healthy, slow, healthy]));
  const unwell = await everyStrategy(setup, { ...scenario, what: "one slow target", addresses: oneSlow });
  const zoned = await Promise.all(ZONES.map((own) => proxies(ZONES.map((zone) => (zone === own ? within : across)))));
  const zones = await everyStrategy(setup, { ...scenario, what: "zones", addresses: zoned });

  const p99 = (samples: readonly Sample[]) => samples.map((sample) => sample.p99);
  const slowFigure = (strategy: RoutingStrategy): Figure => ({
    name: `one target 10 times slower, p99, ${strategy}`,
    unit: "ms",
    better: "lower",
    ours: p99(unwell[strategy]),
    peer: { name: "all healthy", values: p99(well[strategy]) },
    ...(strategy === "rendezvous" || strategy === "modulo" ? {} : { goal: ratioAtMost(2) }),
  });
  return [
    ...ROUTING_STRATEGIES.map(slowFigure),
    ...figuresOf("zones, half load, bytes across zones", zones, {
      unit: "%",
      better: "lower",
      value: ({ acrossZones }) => acrossZones * 100,
    }).map((figure) => (figure.name.endsWith("zone-aware") ? { ...figure, goal: valueAtMost(5) } : figure)),
    {
      name: "zones, half load, median, zone-aware",
      unit: "ms",
      better: "lower",
      ours: zones["zone-aware"].map(({ p50 }) => p50),
      peer: { name: "rendezvous", values: zones.rendezvous.map(({ p50 }) => p50) },
      goal: ratioAtMost(0.6),
    },
    noFailures("one slow target, and zones", well, unwell, zones),
  ];
}

async function everyStrategy({ bench, zoneOf }: Setup, scenario: Scenario): Promise<Samples> {
  const side = (strategy: RoutingStrategy) => () => run(bench, zoneOf, scenario, strategy);
  return interleave<Record<RoutingStrategy, Sample>>(bench, scenario.what, ROUNDS, {
    rendezvous: side("rendezvous"),
    modulo: side("modulo"),
    "bounded-load": side("bounded-load"),
    "zone-aware": side("zone-aware"),
  });
}

async function run(
  { signal }: Bench,
  zoneOf: Setup["zoneOf"],
  { service, addresses, drawPath, clients = CLIENTS, pace, meanwhile }: Scenario,
  strategy: RoutingStrategy,
): Promise<Sample> {
  const routers = await Promise.all(
    ZONES.map((zone, index) =>
      service.startRouter(addresses?.[index] ?? service.addresses, {
        ROUTING_STRATEGY: strategy,
        ECS_CONTAINER_METADATA_URI_V4: zoneOf(zone),
      }),
    ),
  );
  const load = { urls: routers.map(({ url }) => url), clients, drawPath, ...(pace === undefined ? {} : { pace }) };
  await sendLoad({ ...load, duration: WARM_UP }, signal);
  const before = await countsOf(routers);
  const ended = new AbortController();
  const beside = meanwhile?.(ended.signal);
  const sample = await sendLoad({ ...load, duration: DURATION }, signal);
  ended.abort();
  await beside;
  const after = await countsOf(routers);
  await Promise.all(routers.map((router) => router.stop()));
  const requests = after.requests.map((count, index) => count - (before.requests[index] ?? 0));
  const mean = requests.reduce((sum, count) => sum + count, 0) / requests.length;
  return {
    ...sample,
    busiest: Math.max(...requests) / mean,
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

interface FigureForm {
  readonly unit: string;
  readonly better: Figure["better"];
  readonly value: (sample: Sample) => number;
  /** Of the strategies that look at loads. */
  readonly goal?: Goal;
}

function figuresOf(name: string, samples: Samples, { unit, better, value, goal }: FigureForm): Figure[] {
  return ROUTING_STRATEGIES.map((strategy) => ({
    name: `${name}, ${strategy}`,
    unit,
    better,
    ours: samples[strategy].map(value),
    ...(goal === undefined || strategy === "rendezvous" || strategy === "modulo" ? {} : { goal }),
  }));
}

function perSecondOf(name: string, samples: readonly Sample[]): Figure & { readonly peer?: Peer } {
  return { name, unit: "/s", better: "higher", ours: samples.map(({ perSecond }) => perSecond) };
}

function noFailures(name: string, ...all: readonly Samples[]): Figure {
  const samples = all.flatMap((each) => Object.values(each).flat());
  return boundedFigure(
    `${name}, failed requests of ${samples.reduce((sum, { requests }) => sum + requests, 0).toLocaleString("en")}`,
    samples.reduce((sum, { failed }) => sum + failed, 0),
    0,
  );
}

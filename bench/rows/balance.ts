/** How evenly and how near the strategies route: real routers over three mount targets, and many routers simulated. */
import { setTimeout as sleep } from "node:timers/promises";
import { isByLoad } from "@efs-mount-autoscaling/routed-files";
import { startZoneMetadata } from "../../tests/support/task-metadata.ts";
import {
  CLIENTS,
  DURATION,
  everyStrategy,
  ROUNDS,
  run,
  type Sample,
  type Samples,
  type Scenario,
  type Setup,
  WARM_UP,
  ZONES,
} from "../balance/routers.ts";
import { herding, slowTarget, zonesAtHalfLoad } from "../balance/simulated.ts";
import { STRATEGIES, type Strategy } from "../balance/strategies.ts";
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
  what: "Three routers in three zones, 96 clients, three mount targets, with each strategy; and up to 300 routers, simulated",
  seconds: 75,
  parts: ["simulated", "even", "hot", "flapping", "slow", "zones"],
  // In these all routers wait for the same processors, and what is simulated says more; or the row failover says as much.
  partsOnDemand: ["flapping", "slow", "zones"],
  check,
  measure,
};

const SIMULATED_ROUTERS = 64;
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
const FLAP = 400;
/** Milliseconds of a round trip. */
const DELAY = { healthy: 2, slow: 20, within: 0.3, across: 1 };
/** Index of the one that is slow. */
const SLOW_TARGET = 1;
/** What the delays are measured with, so that the processor does not decide. */
const FEW_CLIENTS = 24;

async function check(bench: Bench): Promise<Figure[]> {
  if (!bench.wants("simulated")) return [];
  const { across } = await zonesAtHalfLoad(bench, SIMULATED_ROUTERS);
  return [...(await herding(bench, 400_000)), ...(await slowTarget(bench, SIMULATED_ROUTERS)), ...across];
}

async function measure(bench: Bench): Promise<Figure[]> {
  const metadata = await startZoneMetadata();
  bench.cleanups.add(() => metadata.close());
  const setup: Setup = { bench, metadata };
  const parts: Readonly<Record<string, () => Promise<Figure[]>>> = {
    // All else that is simulated is in the check.
    simulated: async () => [(await zonesAtHalfLoad(bench, SIMULATED_ROUTERS)).median],
    even: () => evenly(setup),
    hot: () => hotFiles(setup),
    flapping: () => flapping(setup),
    slow: () => oneSlow(setup),
    zones: () => inZones(setup),
  };
  const figures: Figure[] = [];
  for (const [part, measurePart] of Object.entries(parts)) {
    if (bench.wants(part)) figures.push(...(await measurePart()));
  }
  return figures;
}

/** @param bytesPerSecond of each mount target; unlimited when absent. */
async function startFiles({ bench }: Setup, bytesPerSecond?: number): Promise<FileService> {
  const service = await startFileService(bench, {
    mountTargets: ZONES.length,
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
  });
  await makeFileTree(`${service.directory}/tree`, { files: FILES, bytes: FILE_BYTES });
  await makeFileTree(`${service.directory}/large`, { files: LARGE_FILES, bytes: LARGE_BYTES });
  return service;
}

const uniform = () => drawFile(FILES, () => Math.floor(Math.random() * FILES));

function drawFile(count: number, draw: () => number): () => string {
  return () => `tree/file-${draw() % count}`;
}

async function evenly(setup: Setup): Promise<Figure[]> {
  const service = await startFiles(setup, SLOW_NETWORK);
  const measured = (what: string, drawPath: () => string) =>
    everyStrategy(setup, what, (strategy) => run(setup, { service, drawPath }, strategy));
  const even = await measured("uniform", uniform());
  const drawPath = drawFile(FILES, zipf(FILES, ZIPF_EXPONENT, seededRandom(1)));
  const skewed = await measured("Zipf 1.1", drawPath);
  const busiest = {
    unit: "",
    better: "lower",
    value: ({ shares }: Sample) => Math.max(...shares) * shares.length,
  } as const;
  return [
    ...figuresOf("uniform, busiest target / mean", even, busiest),
    ...figuresOf("Zipf 1.1, busiest target / mean", skewed, { ...busiest, goal: valueAtMost(1.3) }),
    {
      ...perSecondOf("full load, zone-aware", even["zone-aware"]),
      peer: { name: "bounded-load", values: even["bounded-load"].map(({ perSecond }) => perSecond) },
      goal: ratioAtLeast(0.97),
    },
    noFailures("uniform and Zipf 1.1", [even, skewed].flatMap(allOf)),
  ];
}

async function hotFiles(setup: Setup): Promise<Figure[]> {
  const service = await startFiles(setup, FAST_NETWORK);
  const scenario = { service, drawPath: () => "large/file-0" };
  const spread = await everyStrategy(setup, "one hot file", (strategy) => run(setup, scenario, strategy));
  const shared = await hotSmallFile(setup);
  const rendezvous = { name: "rendezvous", values: spread.rendezvous.map(({ perSecond }) => perSecond) };
  const figure = (strategy: Strategy, goal: Goal): Figure => ({
    ...perSecondOf(`one hot file of 128 KiB, ${strategy}`, spread[strategy]),
    peer: rendezvous,
    goal,
  });
  return [
    figure("bounded-load", ratioAtLeast(2.5)),
    figure("zone-aware", ratioAtLeast(2.5)),
    ...shared,
    noFailures("one hot file", allOf(spread)),
  ];
}

/** With h2load, because one process of Node.js cannot ask so often. */
async function hotSmallFile(setup: Setup): Promise<Figure[]> {
  const { bench } = setup;
  const load = await httpLoad(bench);
  if (load === undefined) return [];
  const service = await startFiles(setup, SLOW_NETWORK);
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
async function flapping(setup: Setup): Promise<Figure[]> {
  const service = await startFiles(setup);
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
  const scenario = { service, drawPath: uniform(), clients: FEW_CLIENTS, meanwhile };
  const samples = await everyStrategy(setup, "one target flaps", (strategy) => run(setup, scenario, strategy));
  return [noFailures("one target flaps", allOf(samples))];
}

/** One of three targets answers ten times as slowly. */
async function oneSlow(setup: Setup): Promise<Figure[]> {
  const service = await startFiles(setup);
  const delays = await delaysOf(setup, service);
  if (delays === undefined) return [];
  const { healthy, slow } = DELAY;
  const everywhere = async (...each: readonly number[]) => {
    const addresses = await delays(each);
    return ZONES.map(() => addresses);
  };
  const allHealthy = await atHalfLoad(setup, "three healthy targets", {
    service,
    addresses: await everywhere(healthy, healthy, healthy),
    drawPath: uniform(),
  });
  const slowed = { ...allHealthy, addresses: await everywhere(healthy, slow, healthy) };
  const pairs = await everyStrategy(setup, "three healthy targets, and one slow one", async (strategy) => ({
    well: await run(setup, allHealthy, strategy),
    unwell: await run(setup, slowed, strategy),
  }));
  return [
    ...STRATEGIES.flatMap((strategy): Figure[] => [
      {
        name: `one target 10 times slower, half load, p99, ${strategy}`,
        unit: "ms",
        better: "lower",
        ours: pairs[strategy].map(({ unwell }) => unwell.p99),
        peer: { name: "all healthy", values: pairs[strategy].map(({ well }) => well.p99) },
        ...(isByLoad(strategy) ? { goal: ratioAtMost(2) } : {}),
      },
      {
        name: `one target 10 times slower, half load, its share of the requests, ${strategy}`,
        unit: "%",
        better: "lower",
        ours: pairs[strategy].map(({ unwell }) => (unwell.shares[SLOW_TARGET] ?? 0) * 100),
      },
    ]),
    noFailures(
      "one slow target",
      Object.values(pairs).flatMap((each) => each.flatMap(({ well, unwell }) => [well, unwell])),
    ),
  ];
}

/** The targets of other zones are further away. */
async function inZones(setup: Setup): Promise<Figure[]> {
  const service = await startFiles(setup);
  const delays = await delaysOf(setup, service);
  if (delays === undefined) return [];
  const { within, across } = DELAY;
  const addresses = await Promise.all(
    ZONES.map((own) => delays(ZONES.map((zone) => (zone === own ? within : across)))),
  );
  const scenario = await atHalfLoad(setup, "zones", { service, addresses, drawPath: uniform() });
  const zones = await everyStrategy(setup, "zones", (strategy) => run(setup, scenario, strategy));
  const acrossZones = { unit: "%", better: "lower", value: (sample: Sample) => sample.acrossZones * 100 } as const;
  return [
    ...figuresOf("zones, half load, bytes across zones", zones, acrossZones).map((figure) =>
      figure.name.endsWith("zone-aware") ? { ...figure, goal: valueAtMost(5) } : figure,
    ),
    {
      name: "zones, half load, median, zone-aware",
      unit: "ms",
      better: "lower",
      ours: zones["zone-aware"].map(({ p50 }) => p50),
      peer: { name: "rendezvous", values: zones.rendezvous.map(({ p50 }) => p50) },
      goal: ratioAtMost(0.6),
    },
    noFailures("zones", allOf(zones)),
  ];
}

/** Mount targets as they are reached with these delays, in milliseconds; undefined when no delay can be made. */
async function delaysOf(
  { bench }: Setup,
  { addresses }: FileService,
): Promise<((delays: readonly number[]) => Promise<Address[]>) | undefined> {
  const program = await compilePeer(bench, "delay-proxy.c");
  if (program === undefined) return undefined;
  const proxyOf = async (address: Address, delay: number): Promise<Address> => {
    const { port } = await startDelayProxy(bench, program, { ...address, path: "", directory: "" }, delay);
    return { host: "127.0.0.1", port };
  };
  return (delays) => Promise.all(addresses.map((address, index) => proxyOf(address, delays[index] ?? 0)));
}

/** The scenario with half of the requests that this machine does in it, whatever else it does. */
async function atHalfLoad(setup: Setup, what: string, scenario: Scenario): Promise<Scenario> {
  setup.bench.progress(`${what}, full load`);
  const few = { ...scenario, clients: FEW_CLIENTS };
  const { perSecond } = await run(setup, few, "rendezvous");
  setup.bench.note(`Half load of ${what}: ${Math.round(perSecond / 2)} requests a second.`);
  return { ...few, pace: perSecond / 2 / FEW_CLIENTS };
}

interface FigureForm {
  readonly unit: string;
  readonly better: Figure["better"];
  readonly value: (sample: Sample) => number;
  /** Of the strategies that look at loads. */
  readonly goal?: Goal;
}

function figuresOf(name: string, samples: Samples, { unit, better, value, goal }: FigureForm): Figure[] {
  return STRATEGIES.map((strategy) => ({
    name: `${name}, ${strategy}`,
    unit,
    better,
    ours: samples[strategy].map(value),
    ...(goal !== undefined && isByLoad(strategy) ? { goal } : {}),
  }));
}

function perSecondOf(name: string, samples: readonly Sample[]): Figure & { readonly peer?: Peer } {
  return { name, unit: "/s", better: "higher", ours: samples.map(({ perSecond }) => perSecond) };
}

function allOf(samples: Samples): Sample[] {
  return Object.values(samples).flat();
}

function noFailures(name: string, samples: readonly Sample[]): Figure {
  return boundedFigure(
    `${name}, failed requests of ${samples.reduce((sum, { requests }) => sum + requests, 0).toLocaleString("en")}`,
    samples.reduce((sum, { failed }) => sum + failed, 0),
    0,
  );
}

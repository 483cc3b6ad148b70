/** What the simulator shows of the strategies: many routers, and none of the noise of a machine. */
import { type Bench, type Figure, ratioAtMost, valueAtMost } from "../row.ts";
import { type Latencies, type Simulation, type SimulationResult, simulate } from "./simulator.ts";
import { STRATEGIES, type Strategy } from "./strategies.ts";

/** Milliseconds. A read at EFS takes about 1 ms within the zone (EFS user guide, "Performance summary"). */
const ZONES: Latencies = { service: 0.7, withinZone: 0.3, acrossZones: 1 };
const ALL_HEALTHY: Latencies = { service: 0.7, withinZone: 2, acrossZones: 2 };
const ONE_SLOW: Latencies = { ...ALL_HEALTHY, slowTarget: 20 };

/** So that many routers run to the same target together, if they do. */
const HERD = { rate: 384, zones: 6, utilization: 0.6, zipfExponent: 1.1, warmUp: 2_000 };

const HALF_LOAD = { rate: 100, zones: 3, utilization: 0.5, zipfExponent: 0, warmUp: 20_000 };

/** Seconds of {@link HALF_LOAD}. */
const DURATION = 60;

type Simulate = (what: string, simulation: Simulation) => Promise<SimulationResult>;

function simulatorOf({ signal, progress }: Bench): Simulate {
  return (what, simulation) => {
    progress(`${simulation.requests.toLocaleString("en")} requests simulated, ${what}, ${simulation.strategy}`);
    return simulate(simulation, signal);
  };
}

/** Whether routers that each see only their own load run to the same target together. */
export async function herding(bench: Bench, requests: number): Promise<Figure[]> {
  const run = simulatorOf(bench);
  const figures: Figure[] = [];
  for (const strategy of STRATEGIES) {
    const result = await run("300 routers in 6 zones", {
      ...HERD,
      latency: { ...ZONES, service: 2 },
      strategy,
      requests,
      routers: 300,
    });
    const of = `${requests.toLocaleString("en")} requests simulated, 300 routers`;
    const goal = strategy === "rendezvous" ? {} : { goal: valueAtMost(1.3) };
    figures.push(
      { ...lower(`${of}, busiest target / mean, ${strategy}`, "", result.busiest), ...goal },
      { ...lower(`${of}, busiest target / mean, worst second, ${strategy}`, "", result.busiestInASecond), ...goal },
    );
  }
  return figures;
}

/** What one target that is ten times slower does to the slowest requests. */
export async function slowTarget(bench: Bench, routers: number): Promise<Figure[]> {
  const run = simulatorOf(bench);
  const figures: Figure[] = [];
  for (const strategy of STRATEGIES) {
    const simulation = halfLoad(strategy, routers);
    const well = await run("all healthy", { ...simulation, latency: ALL_HEALTHY });
    const unwell = await run("one target 10 times slower", { ...simulation, latency: ONE_SLOW });
    figures.push({
      ...lower(`simulated, ${routers} routers, one target 10 times slower, p99, ${strategy}`, "ms", unwell.p99),
      peer: { name: "all healthy", values: [well.p99] },
      ...(strategy === "rendezvous" ? {} : { goal: ratioAtMost(2) }),
    });
  }
  return figures;
}

interface ZoneFigures {
  readonly across: Figure[];
  /** What it comes to depends on what a target itself needs. */
  readonly median: Figure;
}

/** How much stays within its zone, and how much sooner it is there. */
export async function zonesAtHalfLoad(bench: Bench, routers: number): Promise<ZoneFigures> {
  const run = simulatorOf(bench);
  const of = (strategy: Strategy) => run("half load", { ...halfLoad(strategy, routers), latency: ZONES });
  const [rendezvous, zoneAware] = [await of("rendezvous"), await of("zone-aware")];
  const name = (what: string, strategy: string) => `simulated, ${routers} routers, half load, ${what}, ${strategy}`;
  return {
    across: [
      lower(name("across zones", "rendezvous"), "%", rendezvous.shareAcrossZones * 100),
      { ...lower(name("across zones", "zone-aware"), "%", zoneAware.shareAcrossZones * 100), goal: valueAtMost(5) },
    ],
    median: {
      ...lower(name("median", "zone-aware"), "ms", zoneAware.p50),
      peer: { name: "rendezvous", values: [rendezvous.p50] },
      goal: ratioAtMost(0.6),
    },
  };
}

function halfLoad(strategy: Strategy, routers: number): Omit<Simulation, "latency"> {
  return { ...HALF_LOAD, strategy, routers, requests: routers * HALF_LOAD.rate * DURATION };
}

function lower(name: string, unit: string, value: number): Figure {
  return { name, unit, better: "lower", ours: [value] };
}

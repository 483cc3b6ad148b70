/**
 * Many routers over the mount targets of one file system, simulated event by event: the routing is that of the router,
 * the network and the targets are models. Each router sees only its own requests, as it does in truth.
 */
import { createHistogram } from "node:perf_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  Balancer,
  type FilePath,
  filePath,
  LoadMeter,
  type Measured,
  type RoutingStrategy,
} from "@efs-mount-autoscaling/routed-files";
import { seededRandom, zipf } from "../random.ts";
import { EventQueue } from "./event-queue.ts";

export interface Simulation {
  readonly strategy: RoutingStrategy;
  readonly requests: number;
  readonly routers: number;
  /** Requests a second at each router. */
  readonly rate: number;
  /** Each has one mount target, and its share of the routers. */
  readonly zones: number;
  /** Requests in service, of all that the mount targets can serve at a time. */
  readonly utilization: number;
  /** Of the paths, by a Zipf law; 0: all alike. */
  readonly zipfExponent: number;
  readonly latency: Latencies;
  /** Milliseconds that do not count: until then, little has been measured. */
  readonly warmUp: number;
}

/** Milliseconds. */
export interface Latencies {
  /** That a target needs for a request: the mean of an exponential distribution. */
  readonly service: number;
  /** Of a round trip. */
  readonly withinZone: number;
  readonly acrossZones: number;
  /** Of a round trip to the first zone's target, whichever zone it is from; absent: it is like the others. */
  readonly slowTarget?: number;
}

export interface SimulationResult {
  /** Requests of the busiest target, as a multiple of the mean. */
  readonly busiest: number;
  /** The same of one second alone, the worst of them all: herds go to another target every now and then. */
  readonly busiestInASecond: number;
  /** Of all requests. */
  readonly shareAcrossZones: number;
  /** Of requests, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const PATHS = 100_000;
const SEED = 13;
/** A path with a larger share of the requests is hot: the router's default. */
const HOT_SHARE = 0.05;
/** Events between two looks at whether anyone still wants the result. */
const SLICE = 200_000;

interface SimulatedTarget {
  readonly zone: string;
  /** Requests that it serves at a time. */
  readonly parallel: number;
  /** When each of the requests that it serves will be done. */
  readonly busyUntil: EventQueue<true>;
}

interface RouterTarget extends Measured {
  readonly target: SimulatedTarget;
  readonly index: number;
}

interface Router {
  readonly zone: string;
  readonly balancer: Balancer<RouterTarget>;
}

/** The end of a request, as its router sees it. */
interface Arrival {
  readonly router: Router;
  readonly target: RouterTarget;
  readonly start: number;
  readonly end: () => void;
}

export async function simulate(
  { strategy, requests, routers: count, rate, zones, utilization, zipfExponent, latency, warmUp }: Simulation,
  signal: AbortSignal,
): Promise<SimulationResult> {
  const random = seededRandom(SEED);
  const exponential = (mean: number) => -mean * Math.log(1 - random());
  const drawPath = zipf(PATHS, zipfExponent, random);
  const paths = Array.from({ length: PATHS }, (_, index) => filePath(`data/${index % 100}/file-${index}`));
  const hot = hotPaths(paths, zipfExponent);
  const interval = 1_000 / (rate * count);
  const parallel = Math.ceil(latency.service / interval / zones / utilization);
  const targets = Array.from(
    { length: zones },
    (_, index): SimulatedTarget => ({ zone: `zone-${index}`, parallel, busyUntil: new EventQueue<true>() }),
  );
  const clock = { now: 0 };
  const routers = Array.from({ length: count }, (_, index) =>
    newRouter(strategy, `zone-${index % zones}`, targets, clock, random),
  );

  const figures = new Figures(zones, warmUp);
  const replies = new EventQueue<Arrival>();
  let nextRequest = exponential(interval);
  for (let sent = 0, events = 0; sent < requests || replies.size > 0; events++) {
    if (events % SLICE === 0) {
      await nextTurn();
      signal.throwIfAborted();
    }
    if (sent < requests && nextRequest < replies.nextTime) {
      clock.now = nextRequest;
      nextRequest += exponential(interval);
      sent += 1;
      const router = routers[Math.floor(random() * routers.length)];
      const path = paths[drawPath()];
      if (router === undefined || path === undefined) continue;
      const [target] = router.balancer.rank(path, { measures: true, hot: hot.has(path) });
      if (target === undefined) continue;
      const across = target.target.zone !== router.zone;
      const ownNetwork = across ? latency.acrossZones : latency.withinZone;
      const network = target.index === 0 ? (latency.slowTarget ?? ownNetwork) : ownNetwork;
      const served = serve(target.target, clock.now + network / 2, exponential(latency.service));
      replies.push(served + network / 2, { router, target, start: clock.now, end: target.meter.begin() });
      figures.sent(target.index, across, clock.now);
    } else {
      clock.now = replies.nextTime;
      const arrival = replies.shift();
      if (arrival === undefined) continue;
      arrival.end();
      const took = clock.now - arrival.start;
      arrival.router.balancer.measure(arrival.target, took);
      figures.answered(took, clock.now);
    }
  }
  return figures.result();
}

function hotPaths(paths: readonly FilePath[], exponent: number): ReadonlySet<FilePath> {
  const weights = paths.map((_, index) => 1 / (index + 1) ** exponent);
  const total = weights.reduce((sum, weight) => sum + weight);
  return new Set(paths.filter((_, index) => (weights[index] ?? 0) / total > HOT_SHARE));
}

function newRouter(
  strategy: RoutingStrategy,
  zone: string,
  targets: readonly SimulatedTarget[],
  clock: { readonly now: number },
  random: () => number,
): Router {
  const own = targets.map(
    (target, index): RouterTarget => ({
      id: `fsmt-${index}`,
      zone: target.zone,
      meter: new LoadMeter(),
      isConnected: true,
      target,
      index,
    }),
  );
  return { zone, balancer: new Balancer(own, { strategy, ownZone: zone, now: () => clock.now, random }) };
}

/** @returns when the request is done that arrives at `time`: first come, first served. */
function serve({ parallel, busyUntil }: SimulatedTarget, time: number, duration: number): number {
  while (busyUntil.nextTime <= time) busyUntil.shift();
  let start = time;
  if (busyUntil.size >= parallel) {
    start = busyUntil.nextTime;
    busyUntil.shift();
  }
  const end = start + duration;
  busyUntil.push(end, true);
  return end;
}

class Figures {
  readonly #counts: number[];
  #second = 0;
  #secondCounts: number[];
  #worstSecond = 0;
  #across = 0;
  readonly #warmUp: number;
  readonly #microseconds = createHistogram({ figures: 3 });

  constructor(targets: number, warmUp: number) {
    this.#warmUp = warmUp;
    this.#counts = new Array<number>(targets).fill(0);
    this.#secondCounts = [...this.#counts];
  }

  sent(target: number, across: boolean, now: number): void {
    if (now < this.#warmUp) return;
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#worstSecond = Math.max(this.#worstSecond, busiest(this.#secondCounts));
      this.#secondCounts.fill(0);
      this.#second = second;
    }
    this.#counts[target] = (this.#counts[target] ?? 0) + 1;
    this.#secondCounts[target] = (this.#secondCounts[target] ?? 0) + 1;
    if (across) this.#across += 1;
  }

  answered(took: number, now: number): void {
    if (now >= this.#warmUp) this.#microseconds.record(Math.max(1, Math.round(took * 1_000)));
  }

  result(): SimulationResult {
    const total = this.#counts.reduce((sum, count) => sum + count, 0);
    return {
      busiest: busiest(this.#counts),
      busiestInASecond: this.#worstSecond,
      shareAcrossZones: this.#across / total,
      p50: this.#microseconds.percentile(50) / 1_000,
      p99: this.#microseconds.percentile(99) / 1_000,
    };
  }
}

function busiest(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return total === 0 ? 0 : (Math.max(...counts) / total) * counts.length;
}

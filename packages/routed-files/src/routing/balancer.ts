/** Ranks paths over targets by a strategy, with what is measured of the targets while they are used. */
import type { LoadMeter } from "./load-meter.ts";
import type { DirectoryPath } from "./path.ts";
import type { Ranking, Routable, Snapshot, TargetLoad } from "./routable.ts";
import { isNear, speedsOf } from "./speed.ts";
import { FIRST_STAY, nextStay, type ZoneStay } from "./stay-in-zone.ts";
import { DEFAULT_LOAD_FACTOR, isByLoad, type RoutingStrategy, rankingOf } from "./strategies.ts";
import { indexInZone } from "./zone-aware.ts";

/** A target that is measured. */
export interface Measured extends Routable {
  readonly meter: LoadMeter;
  readonly isConnected: boolean;
}

export interface BalancerOptions {
  readonly strategy?: RoutingStrategy | undefined;
  /** Default {@link DEFAULT_LOAD_FACTOR}. */
  readonly loadFactor?: number | undefined;
  /** The Availability Zone that the router is in. */
  readonly ownZone?: string | undefined;
  /** Milliseconds on a clock that does not go back. */
  readonly now?: () => number;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/** What a request is, as far as routing cares. */
export interface Request {
  /** It reads little, may go to any target, and its latency is measured. */
  readonly measures?: boolean;
  /** Its path is hot, and it may go to any target. */
  readonly hot?: boolean;
}

/** Milliseconds without a response, after which a target is measured again. */
const PROBE_AFTER = 1_000;

/** At most one request in so many goes to a target for no other reason than to measure it. */
const PROBE_EVERY = 128;

/** As {@link PROBE_EVERY}, for a target that little is known of yet. */
const FIRST_PROBE_EVERY = 16;

/** Of the requests, one in so many measures a target that is slow: too few for the 99th percentile to show them. */
const SLOW_PROBE_EVERY = 512;

export class Balancer<Target extends Measured> {
  readonly #targets: readonly Target[];
  readonly #ranking: Ranking<Target>;
  readonly #byLoad: boolean;
  readonly #own: number;
  readonly #now: () => number;
  readonly #random: () => number;
  #speeds: readonly number[];
  #near = true;
  #stay: ZoneStay = FIRST_STAY;
  /** Requests so far that could measure a target; and as which of them the last probes were sent, of each target. */
  #measurable = 0;
  readonly #probes: number[];
  #lastProbe = 0;

  constructor(targets: readonly Target[], options: BalancerOptions = {}) {
    const { strategy = "rendezvous", loadFactor = DEFAULT_LOAD_FACTOR, ownZone } = options;
    this.#targets = targets;
    this.#ranking = rankingOf(targets, strategy, { loadFactor, ownZone });
    this.#byLoad = isByLoad(strategy);
    this.#own = indexInZone(targets, ownZone);
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    this.#speeds = targets.map(() => 1);
    this.#probes = targets.map(() => 0);
    this.#judge();
  }

  /** The targets in the order in which they should be tried. */
  rank(path: DirectoryPath, request: Request = {}): Target[] {
    return this.#byLoad ? this.#ranking(path, this.#snapshot(request)) : this.#ranking(path);
  }

  /** Takes the latency of a response of `target` into account, in milliseconds. */
  measure(target: Target, latency: number): void {
    if (target.meter.latency.add(latency, this.#now())) this.#judge();
  }

  #judge(): void {
    const means = this.#targets.map(({ meter }) => meter.latency.mean);
    this.#speeds = speedsOf(this.#targets.map(({ meter }) => meter.latency.peak));
    this.#near = isNear(means[this.#own], means);
  }

  #snapshot({ measures = false, hot = false }: Request): Snapshot {
    const now = this.#now();
    this.#stay = nextStay(this.#stay, this.#near, now);
    const loads = this.#targets.map(
      ({ meter, isConnected }, index): TargetLoad => ({
        inFlight: meter.inFlight,
        speed: isConnected ? (this.#speeds[index] ?? 1) : 0,
      }),
    );
    return {
      loads,
      stayInZone: this.#stay.stay,
      probe: measures ? this.#dueProbe(now) : undefined,
      spread: hot ? [this.#random(), this.#random()] : undefined,
    };
  }

  /** Of the targets that nothing has been heard of for a while, and that nothing is on its way to, the one for longest. */
  #dueProbe(now: number): number | undefined {
    this.#measurable += 1;
    const since = this.#measurable - this.#lastProbe;
    if (since < FIRST_PROBE_EVERY) return undefined;
    let due: number | undefined;
    let longest = Number.POSITIVE_INFINITY;
    for (const [index, { meter, isConnected }] of this.#targets.entries()) {
      const { lastSeen } = meter.latency;
      if (!isConnected || meter.inFlight > 0 || lastSeen >= longest || !this.#isDue(index, since, now)) continue;
      due = index;
      longest = lastSeen;
    }
    if (due === undefined) return undefined;
    this.#lastProbe = this.#measurable;
    this.#probes[due] = this.#measurable;
    return due;
  }

  /** @param since Requests since the last probe, of whichever target. */
  #isDue(index: number, since: number, now: number): boolean {
    const { latency } = this.#targets[index]?.meter ?? {};
    if (latency?.mean === undefined) return true;
    if (since < PROBE_EVERY || now - latency.lastSeen < PROBE_AFTER) return false;
    const isSlow = (this.#speeds[index] ?? 1) < 1;
    return !isSlow || this.#measurable - (this.#probes[index] ?? 0) >= SLOW_PROBE_EVERY;
  }
}

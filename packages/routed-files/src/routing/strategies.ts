/**
 * Which mount target a path goes to, and which ones follow while that one is away.
 *
 * A new strategy takes a file of its own, and its entry in {@link ROUTING_STRATEGIES} and {@link STRATEGIES}.
 */
import { boundedLoadRanking } from "./bounded-load.ts";
import { moduloRanking } from "./modulo.ts";
import { rendezvousRanking } from "./rendezvous.ts";
import type { Ranking, RankingOptions, Routable } from "./routable.ts";
import { zoneAwareRanking } from "./zone-aware.ts";

export const ROUTING_STRATEGIES = ["rendezvous", "modulo", "bounded-load", "zone-aware"] as const;

export type RoutingStrategy = (typeof ROUTING_STRATEGIES)[number];

type MakeRanking = <Target extends Routable>(targets: readonly Target[], options: RankingOptions) => Ranking<Target>;

interface Strategy {
  readonly rankingOf: MakeRanking;
  /** Whether a ranking needs a snapshot of the loads. */
  readonly byLoad: boolean;
  /** How it assigns a path to a mount target, in a few words for operators. */
  readonly summary: string;
}

const STRATEGIES: Readonly<Record<RoutingStrategy, Strategy>> = {
  rendezvous: { rankingOf: rendezvousRanking, byLoad: false, summary: "by hash" },
  modulo: { rankingOf: moduloRanking, byLoad: false, summary: "by hash and number of mount targets" },
  "bounded-load": { rankingOf: boundedLoadRanking, byLoad: true, summary: "by hash and load" },
  "zone-aware": { rankingOf: zoneAwareRanking, byLoad: true, summary: "in the task's own zone first" },
};

export const DEFAULT_LOAD_FACTOR = 1.25;

/** Prepares the ranking of paths over `targets`, whose order does not matter but for that of a snapshot's loads. */
export function rankingOf<Target extends Routable>(
  targets: readonly Target[],
  strategy: RoutingStrategy = "rendezvous",
  options: Partial<RankingOptions> = {},
): Ranking<Target> {
  return STRATEGIES[strategy].rankingOf(targets, { loadFactor: DEFAULT_LOAD_FACTOR, ...options });
}

/** Whether a ranking by this strategy needs a snapshot of the loads. */
export function isByLoad(strategy: RoutingStrategy): boolean {
  return STRATEGIES[strategy].byLoad;
}

/** How this strategy assigns a path to a mount target, in a few words for operators. */
export function summaryOf(strategy: RoutingStrategy): string {
  return STRATEGIES[strategy].summary;
}

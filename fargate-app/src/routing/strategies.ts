/**
 * Which mount target a path belongs to, and which ones follow while that one is away.
 *
 * A new strategy takes a file of its own, and its entry in {@link ROUTING_STRATEGIES} and {@link RANKINGS}.
 */
import { moduloRanking } from "./modulo.ts";
import { rendezvousRanking } from "./rendezvous.ts";
import type { Ranking, Routable } from "./routable.ts";

export const ROUTING_STRATEGIES = ["rendezvous", "modulo"] as const;

export type RoutingStrategy = (typeof ROUTING_STRATEGIES)[number];

type MakeRanking = <Target extends Routable>(targets: readonly Target[]) => Ranking<Target>;

const RANKINGS: Readonly<Record<RoutingStrategy, MakeRanking>> = {
  rendezvous: rendezvousRanking,
  modulo: moduloRanking,
};

/** Prepares the ranking of paths over `targets`, whose order does not matter. */
export function rankingOf<Target extends Routable>(
  targets: readonly Target[],
  strategy: RoutingStrategy = "rendezvous",
): Ranking<Target> {
  return RANKINGS[strategy](targets);
}

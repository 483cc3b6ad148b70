/** Which mount target a path belongs to, and which ones follow when that one is away. */
import { moduloRanking } from "./modulo.ts";
import { rendezvousRanking } from "./rendezvous.ts";
import type { Ranking, Routable } from "./routable.ts";

export const ROUTING_STRATEGIES = ["rendezvous", "modulo"] as const;

export type RoutingStrategy = (typeof ROUTING_STRATEGIES)[number];

/** Prepares the ranking of paths over `targets`, whose order does not matter. */
export function rankingOf<Target extends Routable>(
  targets: readonly Target[],
  strategy: RoutingStrategy = "rendezvous",
): Ranking<Target> {
  return strategy === "modulo" ? moduloRanking(targets) : rendezvousRanking(targets);
}

/** Which mount target a path belongs to, and which ones follow when that one is away. */
import { moduloRanking } from "./modulo.ts";
import type { DirectoryPath } from "./path.ts";
import { rendezvousRanking } from "./rendezvous.ts";

/** Something that paths can be routed to: a mount target. Ids are unique. */
export interface Routable {
  readonly id: string;
}

/** All targets in the order in which `path` prefers them. The same for the same path and the same set of targets. */
export type Ranking<Target extends Routable> = (path: DirectoryPath) => Target[];

export const ROUTING_STRATEGIES = ["rendezvous", "modulo"] as const;

export type RoutingStrategy = (typeof ROUTING_STRATEGIES)[number];

/** Prepares the ranking of paths over `targets`, whose order does not matter. */
export function rankingOf<Target extends Routable>(
  targets: readonly Target[],
  strategy: RoutingStrategy = "rendezvous",
): Ranking<Target> {
  return strategy === "modulo" ? moduloRanking(targets) : rendezvousRanking(targets);
}

/** The strategies that are compared: all but modulo, which spreads and waits as rendezvous does. */
import { ROUTING_STRATEGIES, type RoutingStrategy } from "@efs-mount-autoscaling/routed-files";

export type Strategy = Exclude<RoutingStrategy, "modulo">;

export const STRATEGIES: readonly Strategy[] = ROUTING_STRATEGIES.filter((strategy) => strategy !== "modulo");

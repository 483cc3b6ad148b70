/**
 * The target of the router's own Availability Zone first, as long as it does as well as the others; the rest by bounded
 * load. EFS is one file system whose limits are per file system, so routers in every zone that each use their own
 * zone's target spread the load over all of them, and pay nothing for traffic between zones.
 */
import { hasRoom, type Indexed, indexed, meanLoad, targetOf, withFirst, withRoomFirst } from "./bounded-load.ts";
import { rendezvousRanking } from "./rendezvous.ts";
import type { Ranking, RankingOptions, Routable, Snapshot } from "./routable.ts";

export function zoneAwareRanking<Target extends Routable>(
  targets: readonly Target[],
  { loadFactor, ownZone }: RankingOptions,
): Ranking<Target> {
  const rendezvous = rendezvousRanking(indexed(targets));
  const own = indexInZone(targets, ownZone);
  const inOrder = (order: Indexed<Target>[], snapshot: Snapshot): Indexed<Target>[] => {
    if (isPanic(snapshot)) return order;
    const load = snapshot.loads[own];
    const bound = loadFactor * meanLoad(snapshot.loads);
    const stay =
      snapshot.probe === undefined &&
      load !== undefined &&
      load.speed > 0 &&
      (snapshot.stayInZone || hasRoom(load, bound));
    if (!stay) return withRoomFirst(order, snapshot, bound);
    return withFirst(withRoomFirst(order, { ...snapshot, spread: undefined }, bound), own);
  };
  return (path, snapshot) => {
    const order = rendezvous(path);
    if (snapshot !== undefined) return inOrder(order, snapshot).map(targetOf);
    return (own < 0 ? order : withFirst(order, own)).map(targetOf);
  };
}

/** Index of the zone's target: EFS has one in each zone. While a table changes there may be two: then the first by id. */
export function indexInZone(targets: readonly Routable[], zone: string | undefined): number {
  let found = -1;
  for (const [index, target] of targets.entries()) {
    if (zone === undefined || target.zone !== zone) continue;
    const before = targets[found];
    if (before === undefined || target.id < before.id) found = index;
  }
  return found;
}

/**
 * More than half of the targets are not well: then what is measured says more of the router or the network than of the
 * targets, and moving all load onto the few others would only break them too (Envoy's panic threshold).
 */
function isPanic({ loads }: Snapshot): boolean {
  let unwell = 0;
  for (const { speed } of loads) if (speed < 1) unwell += 1;
  return unwell * 2 > loads.length;
}

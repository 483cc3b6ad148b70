/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016) over rendezvous hashing: a path goes
 * to the first target in its order that has room. With equal loads that is the first one of all.
 */
import { rendezvousRanking } from "./rendezvous.ts";
import type { Ranking, RankingOptions, Routable, Snapshot, TargetLoad } from "./routable.ts";

/** A target and its place in the snapshot's loads. */
export interface Indexed<Target> extends Routable {
  readonly index: number;
  readonly target: Target;
}

export function boundedLoadRanking<Target extends Routable>(
  targets: readonly Target[],
  { loadFactor }: RankingOptions,
): Ranking<Target> {
  const rendezvous = rendezvousRanking(indexed(targets));
  return (path, snapshot) => {
    const order = rendezvous(path);
    return (snapshot === undefined ? order : withRoomFirst(order, snapshot, loadFactor * meanLoad(snapshot.loads))).map(
      targetOf,
    );
  };
}

export function indexed<Target extends Routable>(targets: readonly Target[]): Indexed<Target>[] {
  return targets.map((target, index) => ({ id: target.id, index, target }));
}

export function targetOf<Target>({ target }: Indexed<Target>): Target {
  return target;
}

/**
 * Those with room first, otherwise in the order given. In front of them all is the target to be probed; for a path that
 * is hot, the less loaded of two (Mitzenmacher, 2001).
 *
 * @param bound See {@link hasRoom}.
 */
export function withRoomFirst<Target>(
  order: readonly Indexed<Target>[],
  snapshot: Snapshot,
  bound: number,
): Indexed<Target>[] {
  const { loads, probe, spread } = snapshot;
  const free: Indexed<Target>[] = [];
  const full: Indexed<Target>[] = [];
  for (const each of order) {
    const load = loads[each.index];
    (load === undefined || hasRoom(load, bound) ? free : full).push(each);
  }
  for (const each of full) free.push(each);
  const chosen = probe ?? (spread && lessLoadedOfTwo(loads, spread));
  return chosen === undefined ? free : withFirst(free, chosen);
}

/** The target with this index first, and the others in their order. */
export function withFirst<Target>(order: Indexed<Target>[], index: number): Indexed<Target>[] {
  const place = order.findIndex((each) => each.index === index);
  const [chosen] = place > 0 ? order.splice(place, 1) : [];
  return chosen === undefined ? order : [chosen, ...order];
}

/** The load of a target of full speed, were all of it and the new request spread by speed. */
export function meanLoad(loads: readonly TargetLoad[]): number {
  let inFlight = 1;
  let speed = 0;
  for (const load of loads) {
    if (load.speed === 0) continue;
    inFlight += load.inFlight;
    speed += load.speed;
  }
  return speed === 0 ? 0 : inFlight / speed;
}

/**
 * Whether a target may take one more request. The bound of a target is that of one of full speed, `loadFactor` times the
 * mean, times its own speed. It is rounded up, as in the paper, so that some target always has room; but down for a slow
 * one, which otherwise would always have a request, and with few of them in flight that is too many.
 */
export function hasRoom({ inFlight, speed }: TargetLoad, bound: number): boolean {
  return speed < 1 ? inFlight + 1 <= bound * speed : inFlight < bound * speed;
}

/** Index of the one that would end sooner what it has in flight; undefined when none is connected. */
function lessLoadedOfTwo(loads: readonly TargetLoad[], [first, second]: readonly [number, number]): number | undefined {
  const connected = loads.flatMap(({ speed }, index) => (speed > 0 ? [index] : []));
  const one = Math.floor(first * connected.length);
  // Of the others, so that two different ones are compared.
  const other = (one + 1 + Math.floor(second * (connected.length - 1))) % connected.length;
  const [a, b] = [connected[one], connected[other]];
  if (a === undefined || b === undefined) return undefined;
  return timeToEmpty(loads[b]) < timeToEmpty(loads[a]) ? b : a;
}

function timeToEmpty(load: TargetLoad | undefined): number {
  return load === undefined ? Number.POSITIVE_INFINITY : (load.inFlight + 1) / load.speed;
}

/** What an operator can do next: one sentence for whatever state two regions are in. */
import { declaredSide, hasData, highestEpoch, isKnown, takeoverOf, whyUnknown } from "./declaration.ts";
import { otherSide, type RegionView, SIDES, type Side } from "./observation.ts";

type View = Omit<RegionView, "replicationAge">;

/** @returns a sentence without its full stop. It begins with the command, where there is one to run. */
export function adviceOn(seen: Readonly<Record<Side, View>>): string {
  const views = SIDES.map((side) => seen[side]);
  if (views.every(({ reachable }) => !reachable)) {
    return "check your own network and credentials, since neither region's APIs answer";
  }
  const withoutRole = views.find(({ reachable, role }) => reachable && role === undefined);
  if (withoutRole !== undefined) return whyUnknown(withoutRole);
  const side = declaredSide(seen);
  if (side === undefined) return "give one stack the role primary, since neither region was ever the primary";
  return adviceWith(side, seen[side], seen[otherSide(side)], highestEpoch(seen));
}

function adviceWith(side: Side, primary: View, other: View, epoch: number): string {
  const to = otherSide(side);
  if (!isKnown(primary)) {
    return isKnown(other) && hasData(other, to)
      ? `${promote(to)}, if ${primary.name} is lost`
      : `wait for ${primary.name}, or restore a backup: ${other.name} does not have all of its files`;
  }
  const { role, name } = primary;
  if (role.epoch !== epoch) {
    return `find out who has written the role in ${other.name}: ${name} does not know of epoch ${epoch}, which is its own`;
  }
  switch (role.role) {
    case "standby":
      return takeoverOf(role) !== undefined || !isKnown(other)
        ? `run ${promote(side)} again, with the same options: ${name} is declared the primary, and takes no writes yet`
        : `run failback again: ${name} is declared the primary, and takes no writes yet`;
    case "frozen":
      return isKnown(other)
        ? `run failback again: ${name} takes no writes until then`
        : `${promote(side)}, if ${other.name} is lost: ${name} takes writes again, and has all that was written there`;
    case "primary":
      break;
  }
  if (!isKnown(other)) {
    return role.alone
      ? `failback, when ${other.name} is there again`
      : `${standbyIsLost(side)}, if ${other.name} is lost and ${name} takes no writes`;
  }
  if (!role.alone && !other.role.alone && other.replication?.source === side) {
    return side === "home" ? "nothing to do" : `failback, when ${other.name} is to be the primary again`;
  }
  return side === "home"
    ? "failback, to make a pair of them again"
    : `failback, once you have saved what only ${other.name} has`;
}

/** As it is typed: the program has a usual region for each command. */
function promote(side: Side): string {
  return side === "standby" ? "promote" : "promote --region home";
}

function standbyIsLost(side: Side): string {
  return side === "home" ? "standby-is-lost" : "standby-is-lost --region standby";
}

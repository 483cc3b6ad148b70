/**
 * The routing of the original design: SHA-256 of the path, modulo the number of targets.
 *
 * Another number of targets moves nearly all paths, so this is for those who need exactly this placement.
 */
import { remainder, sha256 } from "./path-hash.ts";
import type { Ranking, Routable } from "./routable.ts";

export function moduloRanking<Target extends Routable>(targets: readonly Target[]): Ranking<Target> {
  const byId = [...targets].sort((a, b) => (a.id < b.id ? -1 : 1));
  return (path) => {
    const first = remainder(sha256(path), byId.length);
    return [...byId.slice(first), ...byId.slice(0, first)];
  };
}

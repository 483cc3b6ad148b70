/**
 * Rendezvous hashing (highest random weight; Thaler and Ravishankar, 1998): every target scores every path, and the
 * path prefers the targets by falling score.
 *
 * A target's score for a path depends on nothing but the two, so a new target takes paths only for itself, and the
 * paths of a removed one spread over the rest while all others stay where they are.
 */
import { sha256, wordAt } from "./path-hash.ts";
import type { Ranking, Routable } from "./routable.ts";

interface Candidate<Target> {
  readonly target: Target;
  readonly seed: Words;
  /** For the path that is being ranked. */
  score: number;
}

/** The first 64 bits of a digest. */
interface Words {
  readonly high: number;
  readonly low: number;
}

export function rendezvousRanking<Target extends Routable>(targets: readonly Target[]): Ranking<Target> {
  const candidates: Candidate<Target>[] = [...targets]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((target) => ({ target, seed: words(target.id), score: 0 }));

  return (path) => {
    const hash = words(path);
    const ranked: Candidate<Target>[] = [];
    for (const candidate of candidates) {
      candidate.score = score(hash, candidate.seed);
      insert(ranked, candidate);
    }
    return ranked.map(({ target }) => target);
  };
}

/**
 * Insertion sort, the fastest for the handful of targets that a file system has (one per Availability Zone). Only
 * smaller scores are passed and candidates come by id, so ties are broken by id.
 */
function insert<Target>(ranked: Candidate<Target>[], candidate: Candidate<Target>): void {
  let place = ranked.length;
  for (; place > 0; place--) {
    const before = ranked[place - 1];
    if (before === undefined || before.score >= candidate.score) break;
    ranked[place] = before;
  }
  ranked[place] = candidate;
}

function words(text: string): Words {
  const digest = sha256(text);
  return { high: wordAt(digest, 0), low: wordAt(digest, 4) };
}

function score(path: Words, seed: Words): number {
  return mix(mix(path.high ^ seed.high) ^ path.low ^ seed.low) >>> 0;
}

/** A bijection of 32-bit integers in which every input bit changes every output bit half of the time (MurmurHash3). */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** Places that all workers of a task share: there are so many at once of each kind. */

export const PLACE_KINDS = ["connection", "viewer", "subscriber"] as const;

export type PlaceKind = (typeof PLACE_KINDS)[number];

export class Places {
  /** Taken by each worker. */
  readonly #taken: Record<PlaceKind, Map<number, number>> = {
    connection: new Map(),
    viewer: new Map(),
    subscriber: new Map(),
  };

  /** @returns whether one of `limit` places was free, and is taken now. */
  take(kind: PlaceKind, limit: number, worker: number): boolean {
    const taken = this.#taken[kind];
    let all = 0;
    for (const count of taken.values()) all += count;
    if (all >= limit) return false;
    taken.set(worker, (taken.get(worker) ?? 0) + 1);
    return true;
  }

  giveBack(kind: PlaceKind, worker: number): void {
    this.#taken[kind].set(worker, (this.#taken[kind].get(worker) ?? 0) - 1);
  }

  /** Gives back all places of a worker that has ended. */
  giveBackAll(worker: number): void {
    for (const kind of PLACE_KINDS) this.#taken[kind].delete(worker);
  }
}

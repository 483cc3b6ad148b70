/**
 * One read for all who ask for the same at the same time (single flight), never older than their requests.
 *
 * Who asks while a read is in flight does not get its result: the file may have changed after it was read and before
 * the request came. All who ask meanwhile share the next read, which begins when the one in flight is over.
 */

/** Milliseconds to wait for a read in flight: a slow one must not hold up the next. */
const MAX_WAIT = 25;

interface Lane<Result> {
  inFlight: number;
  /** The read that has not begun. */
  next: { readonly result: Promise<Result>; readonly begin: () => void } | undefined;
}

export class SharedReads<Result> {
  readonly #lanes = new Map<string, Lane<Result>>();
  #shared = 0;

  /** Requests that got the result of a read that another one had asked for. */
  get shared(): number {
    return this.#shared;
  }

  /** The result of a `read` that begins now or later: the one given here, or an equal one. */
  read(key: string, read: () => Promise<Result>): Promise<Result> {
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      const first: Lane<Result> = { inFlight: 0, next: undefined };
      this.#lanes.set(key, first);
      return this.#run(key, first, read);
    }
    if (lane.next !== undefined) this.#shared += 1;
    lane.next ??= this.#prepare(key, lane, read);
    return lane.next.result;
  }

  #prepare(key: string, lane: Lane<Result>, read: () => Promise<Result>): NonNullable<Lane<Result>["next"]> {
    let begin = () => {};
    const result = new Promise<Result>((resolve) => {
      begin = () => {
        clearTimeout(timer);
        // From here on, nobody may join: the read may be done before they ask.
        lane.next = undefined;
        resolve(this.#run(key, lane, read));
      };
      const timer = setTimeout(begin, MAX_WAIT);
    });
    return { result, begin };
  }

  async #run(key: string, lane: Lane<Result>, read: () => Promise<Result>): Promise<Result> {
    lane.inFlight += 1;
    try {
      return await read();
    } finally {
      lane.inFlight -= 1;
      lane.next?.begin();
      if (lane.inFlight === 0) this.#lanes.delete(key);
    }
  }
}

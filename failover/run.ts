/** Observes, decides and acts, step by step, until a command is done. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Action,
  type Observation,
  type RegionView,
  type ReplicationView,
  SIDES,
  type Side,
} from "./observation.ts";
import { type Command, type Decision, type Limits, nextStep } from "./plan.ts";

/** What is seen of a region at one moment. `roleAge` is by the clock of AWS alone; 0 where AWS does not tell. */
export type Glimpse = Omit<RegionView, "replicationAge">;

/** What is seen of a region whose APIs do not answer. */
export const NOTHING_SEEN = {
  role: undefined,
  roleModifiedAt: 0,
  roleAge: 0,
  fileSystem: undefined,
  fenced: false,
  replication: undefined,
} as const satisfies Partial<Glimpse>;

/** The two regions. */
export interface World {
  readonly look: (side: Side) => Promise<Glimpse>;
  readonly act: (action: Action) => Promise<void>;
}

export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds that never go back. */
  readonly elapsed: () => number;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
}

const REAL_CLOCK: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (milliseconds) => sleep(milliseconds),
};

/** What a run did, as it does it. */
export type Progress =
  | { readonly kind: "acting"; readonly say: string; readonly action: Action }
  | { readonly kind: "acted"; readonly seconds: number }
  | { readonly kind: "waiting"; readonly say: string; readonly seconds: number };

type Done = Extract<Decision, { kind: "done" }>;

/** The command cannot go on: something is to be done first, or took too long. Nothing has to be undone. */
export class FailoverError extends Error {
  override readonly name = "FailoverError";
}

/** Remembers since when it has seen what it sees: for how long a router may not have seen it. */
export class Observer {
  readonly #world: World;
  readonly #clock: Clock;
  readonly #since = new Map<string, { readonly what: string; readonly since: number }>();

  constructor(world: World, clock: Clock) {
    this.#world = world;
    this.#clock = clock;
  }

  async observe(): Promise<Observation> {
    const [home, standby] = await Promise.all(SIDES.map((side) => this.#world.look(side)));
    // After the look: what is seen was there before, so no age is too high.
    const seenAt = this.#clock.elapsed();
    if (home === undefined || standby === undefined) throw new FailoverError("A region was not looked at");
    return {
      now: this.#clock.now(),
      home: this.#aged("home", home, seenAt),
      standby: this.#aged("standby", standby, seenAt),
    };
  }

  #aged(side: Side, view: Glimpse, now: number): RegionView {
    return {
      ...view,
      roleAge: Math.max(view.roleAge, this.#age(`role of ${side}`, JSON.stringify(view.role), now)),
      replicationAge: this.#age(`replication of ${side}`, identityOf(view.replication), now),
    };
  }

  #age(of: string, what: string | undefined, now: number): number {
    if (what === undefined) {
      this.#since.delete(of);
      return 0;
    }
    const before = this.#since.get(of);
    if (before?.what === what) return now - before.since;
    this.#since.set(of, { what, since: now });
    return 0;
  }
}

/** How far it has come does not matter. */
function identityOf(replication: ReplicationView | undefined): string {
  if (replication === undefined) return "none";
  const { source, destination, status } = replication;
  return JSON.stringify({ source, destination, ending: status === "deleting" });
}

/** Milliseconds in which an action is not repeated: AWS may not show yet what it has done. */
const REPEAT_INTERVAL = 60_000;

/** Steps of one run. A plan that needs more goes in circles. */
const MAX_ACTIONS = 60;

export interface RunOptions {
  readonly command: Command;
  readonly world: World;
  readonly limits: Limits;
  /** Milliseconds between two looks while it waits. */
  readonly pollInterval: number;
  readonly clock?: Clock;
  readonly report?: (progress: Progress) => void;
}

/**
 * Runs a command to its end.
 *
 * @throws {FailoverError} when it refuses, or a wait passes its deadline.
 */
export async function runCommand({
  command,
  world,
  limits,
  pollInterval,
  clock = REAL_CLOCK,
  report,
}: RunOptions): Promise<Done> {
  const observer = new Observer(world, clock);
  let waiting: { readonly what: string; readonly since: number } | undefined;
  let actions = 0;
  let last: { readonly action: string; readonly at: number } | undefined;
  const takeEffect = (decision: Decision): Decision => {
    if (decision.kind !== "act" || last?.action !== JSON.stringify(decision.action)) return decision;
    if (clock.elapsed() - last.at >= REPEAT_INTERVAL) return decision;
    return { kind: "wait", say: `${decision.say}: it takes effect`, timeout: limits.deletionTimeout };
  };
  for (;;) {
    const decision = takeEffect(nextStep(command, await observer.observe(), limits));
    switch (decision.kind) {
      case "done":
        return decision;
      case "refuse":
        throw new FailoverError(decision.say);
      case "act": {
        waiting = undefined;
        actions += 1;
        if (actions > MAX_ACTIONS)
          throw new FailoverError(`No end after ${MAX_ACTIONS} steps; the last: ${decision.say}`);
        report?.({ kind: "acting", say: decision.say, action: decision.action });
        const begin = clock.elapsed();
        await world.act(decision.action);
        last = { action: JSON.stringify(decision.action), at: clock.elapsed() };
        report?.({ kind: "acted", seconds: (clock.elapsed() - begin) / 1_000 });
        break;
      }
      case "wait": {
        const what = decision.say.replace(/\d+/g, "");
        if (waiting?.what !== what) waiting = { what, since: clock.elapsed() };
        const waited = clock.elapsed() - waiting.since;
        if (waited > decision.timeout) {
          throw new FailoverError(
            `It took longer than ${decision.timeout / 1_000} s: ${decision.say}. Run the command again to go on`,
          );
        }
        report?.({ kind: "waiting", say: decision.say, seconds: waited / 1_000 });
        await clock.sleep(pollInterval);
      }
    }
  }
}

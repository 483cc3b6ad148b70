/** Observes, decides and acts, step by step, until a command is done. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Action,
  type Observation,
  otherSide,
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
  override readonly name: string = "FailoverError";
}

/** AWS answers, but not now: a region asks for fewer calls, or has not done what it was asked. It is asked again later. */
export class NotNowError extends FailoverError {
  override readonly name = "NotNowError";
  readonly region: string;

  constructor(region: string, problem: string, options?: ErrorOptions) {
    super(`${region} says ${problem}`, options);
    this.region = region;
  }
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

  /**
   * @param lost The region that is taken for one that does not answer where it only asks for fewer calls.
   * @throws {NotNowError} where another one does.
   */
  async observe(lost?: Side): Promise<Observation> {
    const [home, standby] = await Promise.all(SIDES.map((side) => this.#look(side, side === lost)));
    // After the look: what is seen was there before, so no age is too high.
    const seenAt = this.#clock.elapsed();
    if (home === undefined || standby === undefined) throw new FailoverError("A region was not looked at");
    return {
      now: this.#clock.now(),
      home: this.#aged("home", home, seenAt),
      standby: this.#aged("standby", standby, seenAt),
    };
  }

  async #look(side: Side, isLost: boolean): Promise<Glimpse> {
    try {
      return await this.#world.look(side);
    } catch (error) {
      if (!isLost || !(error instanceof NotNowError)) throw error;
      const { region: name, message: problem } = error;
      return { name, reachable: false, problem, routersAnswer: false, ...NOTHING_SEEN };
    }
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

/** Milliseconds in which an action is not retried after it has failed. */
const RETRY_INTERVAL = 15_000;

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
  const [working, answering] = [new Wait(clock, report), new Wait(clock, report)];
  let actions = 0;
  let last: Attempt | undefined;
  let lost: Side | undefined;
  for (;;) {
    let seen: Observation;
    try {
      seen = await observer.observe(lost);
    } catch (error) {
      if (!(error instanceof NotNowError)) throw error;
      const waited = answering.goOn("Not all can be seen", limits.deletionTimeout, error, error.message);
      if (command.otherIsLost && waited > limits.lease + limits.margin) lost = otherSide(command.side);
      await clock.sleep(pollInterval);
      continue;
    }
    answering.end();
    const decision = nextStep(command, seen, limits);
    if (decision.kind === "done") return decision;
    if (decision.kind === "refuse") throw new FailoverError(decision.say);
    if (decision.kind === "wait") {
      working.goOn(decision.say, decision.timeout);
      await clock.sleep(pollInterval);
      continue;
    }
    const { action, say } = decision;
    const identity = identityOfAction(action);
    const again = last?.identity === identity ? last : undefined;
    if (again !== undefined && clock.elapsed() - again.at < (again.failure ? RETRY_INTERVAL : REPEAT_INTERVAL)) {
      const why = again.failure === undefined ? "it takes effect" : `it will be retried: ${again.failure.message}`;
      working.goOn(say, limits.deletionTimeout, again.failure, why);
      await clock.sleep(pollInterval);
      continue;
    }
    if (again?.failure === undefined) working.end();
    if (actions >= MAX_ACTIONS) throw new FailoverError(`No end after ${MAX_ACTIONS} steps; the last: ${say}`);
    report?.({ kind: "acting", say, action });
    const begin = clock.elapsed();
    const failure = await failureOf(world.act(action));
    last = { identity, at: clock.elapsed(), failure };
    if (failure !== undefined) continue;
    actions += 1;
    report?.({ kind: "acted", seconds: (clock.elapsed() - begin) / 1_000 });
  }
}

/** What was done last, and why not, where AWS did not do it. */
interface Attempt {
  readonly identity: string;
  readonly at: number;
  readonly failure: NotNowError | undefined;
}

/** When a role was to be written does not make it another one. */
function identityOfAction(action: Action): string {
  return JSON.stringify(action, (name, value) => (name === "changed_at" ? undefined : value));
}

async function failureOf(action: Promise<void>): Promise<NotNowError | undefined> {
  try {
    await action;
    return undefined;
  } catch (error) {
    if (error instanceof NotNowError) return error;
    throw error;
  }
}

/** For how long something has been waited for, whatever else is seen in between. */
class Wait {
  readonly #clock: Clock;
  readonly #report: RunOptions["report"];
  #of: { readonly what: string; readonly since: number } | undefined;

  constructor(clock: Clock, report: RunOptions["report"]) {
    this.#clock = clock;
    this.#report = report;
  }

  end(): void {
    this.#of = undefined;
  }

  /**
   * @param why What there is to say besides.
   * @returns for how long, in milliseconds.
   * @throws {FailoverError} when it has taken too long.
   */
  goOn(say: string, timeout: number, cause?: Error, why?: string): number {
    const what = say.replace(/\d+/g, "");
    if (this.#of?.what !== what) this.#of = { what, since: this.#clock.elapsed() };
    const waited = this.#clock.elapsed() - this.#of.since;
    const all = why === undefined ? say : `${say}: ${why}`;
    if (waited > timeout) {
      throw new FailoverError(`It took longer than ${timeout / 1_000} s: ${all}. Run the command again to go on`, {
        cause,
      });
    }
    this.#report?.({ kind: "waiting", say: all, seconds: waited / 1_000 });
    return waited;
  }
}

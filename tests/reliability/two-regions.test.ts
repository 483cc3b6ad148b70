/**
 * The protocol of two regions, with the program's own decisions and the routers' own rules, in thousands of histories:
 * writes, syncs, cuts, deaths, operators who stop at any step, repeat commands, and are wrong about what is lost.
 */
import type { RegionRole, Takeover } from "@efs-mount-autoscaling/mount-table";
import { expect, test } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { adviceOn } from "../../failover/advice.ts";
import type { Action, Side } from "../../failover/observation.ts";
import { otherSide, SIDES } from "../../failover/observation.ts";
import { type Command, DEFAULT_LIMITS, type Limits, nextStep } from "../../failover/plan.ts";
import { FailoverError, NotNowError, Observer, runCommand } from "../../failover/run.ts";
import { MAX_SOURCE_LAG } from "../../fargate-app/src/region/authority.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { LEASE, MARGIN, MAX_SYNC, type SimulatedWrite, TwoRegions } from "../support/two-regions.ts";

const HISTORIES = rounds(100, 1_000);
const EVENTS = 500;
const READS_IN_A_ROW = 30;
const KEYS = ["a", "b", "c", "d", "e", "f"] as const;
const LIMITS: Limits = { ...DEFAULT_LIMITS, lease: LEASE, margin: MARGIN };
/** Of a session that ends in an error, as an operator would. */
const MAX_ATTEMPTS = 20;
/** What status says is next comes to its end after so many. */
const MAX_COMMANDS = 4;

const counts = {
  histories: 0,
  "acknowledged writes": 0,
  "reads with a token": 0,
  "reads that were redirected or refused": 0,
  "steps of the failover program": 0,
  "runs that ended half-way": 0,
  "commands that status said were next": 0,
  takeovers: 0,
  "planned changes of the primary": 0,
  "writes lost, younger than the replica": 0,
  "writes lost, older than the replica": 0,
  "writes lost in a planned change": 0,
  "two writers at a time": 0,
  "two writers at one epoch": 0,
  "reads that did not see their write": 0,
};
reportAtEnd("two regions", () => counts);

test(`${HISTORIES} histories: one writer, nothing lost but what a takeover declares, and every end is a good one`, async () => {
  for (let index = 0; index < HISTORIES; index++) await new History(Number(seed) + index, true).run();
  expect(counts["writes lost, older than the replica"]).toBe(0);
  expect(counts["writes lost in a planned change"]).toBe(0);
  expect(counts["two writers at a time"]).toBe(0);
  expect(counts["two writers at one epoch"]).toBe(0);
  expect(counts["reads that did not see their write"]).toBe(0);
  // What never happens proves nothing.
  expect(counts.takeovers).toBeGreaterThan(HISTORIES / 10);
  expect(counts["planned changes of the primary"]).toBeGreaterThan(HISTORIES / 10);
  expect(counts["writes lost, younger than the replica"]).toBeGreaterThan(0);
  expect(counts["runs that ended half-way"]).toBeGreaterThan(HISTORIES / 10);
  expect(counts["commands that status said were next"]).toBeGreaterThan(HISTORIES / 10);
});

test("routers that see only their own replication are safe, too, unless the regions are cut off from each other", async () => {
  for (let index = 0; index < HISTORIES / 10; index++) await new History(Number(seed) - 1 - index, false).run();
  expect(counts["two writers at a time"]).toBe(0);
  expect(counts["writes lost in a planned change"]).toBe(0);
});

interface Session {
  readonly command: Command;
  readonly observer: Observer;
}

class History {
  readonly #random: () => number;
  readonly #regions: TwoRegions;
  readonly #mayCut: boolean;
  #session: Session | undefined;
  /** An operator has said that the standby is lost, and was right: nobody may take over from there without asking. */
  #goesOnAlone: Side | undefined;

  constructor(seedOfHistory: number, confirmsByPeer: boolean) {
    this.#random = seededRandom(seedOfHistory);
    this.#regions = new TwoRegions(this.#random, confirmsByPeer);
    this.#mayCut = confirmsByPeer;
  }

  async run(): Promise<void> {
    counts.histories += 1;
    await this.#finish({ name: "failback", side: "home", otherIsLost: false });
    for (let event = 0; event < EVENTS; event++) {
      await this.#event();
      this.#check();
    }
    this.#session = undefined;
    if (this.#random() < 0.5) await this.#loseAndPromote();
    await this.#comeBack();
  }

  async #event(): Promise<void> {
    const regions = this.#regions;
    const dice = this.#random();
    if (dice < 0.25) regions.beginWrite(this.#pick(SIDES), this.#pick(KEYS));
    else if (dice < 0.5) regions.continueWrite();
    else if (dice < 0.6) for (let read = 0; read < READS_IN_A_ROW; read++) this.#read();
    else if (dice < 0.75) regions.advance(this.#random() * 3_000);
    else if (dice < 0.93) await this.#operate();
    else if (dice < 0.945) regions.restartRouter(this.#pick(SIDES));
    else if (dice < 0.955) regions.die(this.#pick(SIDES));
    else if (dice < 0.975) this.#revive(this.#pick(SIDES));
    else if (dice < 0.985 && this.#mayCut) regions.linked = !regions.linked;
    else regions.advance(this.#random() * 60_000);
    regions.reach = regions.linked
      ? new Set(SIDES)
      : regions.reach.size === 1
        ? regions.reach
        : new Set([this.#pick(SIDES)]);
  }

  /** One step of a run, or its beginning, or its end at any step. */
  async #operate(): Promise<void> {
    const { world, clock } = this.#regions;
    if (this.#session === undefined) {
      const command = this.#command();
      // Another operator, with another clock.
      this.#regions.operatorSkew = (this.#random() - 0.5) * 600_000;
      if (command !== undefined) this.#session = { command, observer: new Observer(world, clock) };
      return;
    }
    const { command, observer } = this.#session;
    const decision = nextStep(command, await observer.observe(), LIMITS);
    counts["steps of the failover program"] += 1;
    if (decision.kind === "act") {
      const crash = this.#random();
      if (crash < 0.05 || (command.name !== "failback" && !this.#isAllowed(command.side))) return this.#abandon();
      const { action } = decision;
      const before = SIDES.map((side) => this.#regions.roleOf(side));
      await world.act(action).catch(() => this.#abandon());
      if (crash < 0.1) this.#abandon();
      this.#note(action, before);
    } else if (decision.kind === "wait") {
      this.#regions.advance(this.#random() * 3_000);
      if (this.#random() < 0.02) this.#abandon();
    } else {
      this.#session = undefined;
    }
  }

  #abandon(): void {
    if (this.#session !== undefined) counts["runs that ended half-way"] += 1;
    this.#session = undefined;
  }

  #note(action: Action, [home, standby]: readonly (RegionRole | undefined)[]): void {
    if (action.kind !== "write-role" || action.role.role !== "primary") return;
    const { side, role } = action;
    const before = side === "home" ? home : standby;
    if (!role.alone) this.#goesOnAlone = undefined;
    else if (before?.role !== "standby") this.#goesOnAlone = side;
    if (before?.role !== "standby") return;
    const isTakeover = role.takeovers.at(-1)?.epoch === role.epoch;
    counts[isTakeover ? "takeovers" : "planned changes of the primary"] += 1;
    this.#checkData(side, !isTakeover);
  }

  /** Operators may be wrong about the primary. That the standby is lost they say only when it is. */
  #command(): Command | undefined {
    const side = this.#pick(SIDES);
    const otherIsLost = this.#random() < 0.5;
    const dice = this.#random();
    if (dice < 0.45) return { name: "failback", side: "home", otherIsLost: false };
    const name = dice < 0.9 ? "promote" : "standby-is-lost";
    if (!this.#isAllowed(side)) return undefined;
    if (name === "standby-is-lost" && this.#regions.regions[otherSide(side)].alive) return undefined;
    return { name, side, otherIsLost };
  }

  /** What docs/disaster-recovery.md asks of operators about a region that they cannot reach: not to forget it. */
  #isAllowed(side: Side): boolean {
    const other = otherSide(side);
    const { regions, reach } = this.#regions;
    if (regions[other].alive && reach.has(other)) return true;
    const wasDeclared = this.#regions.roleOf(other).epoch > this.#regions.roleOf(side).epoch;
    return !wasDeclared && this.#goesOnAlone !== other;
  }

  #read(): void {
    const { acknowledged } = this.#regions;
    const write = this.#random() < 0.7 ? acknowledged.at(-1) : this.#pick(acknowledged);
    const side = this.#pick(SIDES);
    if (write === undefined) return;
    const verdict = this.#regions.read(write, side);
    if (verdict === undefined) return;
    counts["reads with a token"] += 1;
    if (verdict !== "serve") counts["reads that were redirected or refused"] += 1;
    else if (!this.#regions.has(write, side)) counts["reads that did not see their write"] += 1;
  }

  #check(): void {
    const home = this.#regions.writableEpochs("home");
    const standby = this.#regions.writableEpochs("standby");
    if (home.length > 0 && standby.length > 0) counts["two writers at a time"] += 1;
    if (home.some((epoch) => standby.includes(epoch))) counts["two writers at one epoch"] += 1;
  }

  /** Every acknowledged write is there, unless a takeover says that it is younger than what was taken over. */
  #checkData(primary: Side, isPlanned: boolean): void {
    const { takeovers } = this.#regions.roleOf(primary);
    for (const write of this.#regions.acknowledged) {
      if (this.#regions.has(write, primary) || isDeclaredLost(write, takeovers)) continue;
      counts[isPlanned ? "writes lost in a planned change" : "writes lost, older than the replica"] += 1;
    }
  }

  /** Regions that must be gone for a long time are. */
  #revive(side: Side): void {
    this.#regions.revive(side);
    if (this.#regions.regions[side].alive) return;
    this.#regions.advance(MAX_SOURCE_LAG + 2 * LEASE);
    this.#regions.revive(side);
  }

  async #loseAndPromote(): Promise<void> {
    const regions = this.#regions;
    regions.linked = true;
    regions.reach = new Set(SIDES);
    this.#revive("standby");
    regions.die("home");
    if (!this.#isAllowed("standby")) return;
    const state = await this.#finish({ name: "promote", side: "standby", otherIsLost: true });
    if (state === undefined) return;
    expect(state).toMatchObject({ state: "alone", primary: "standby" });
    this.#expectWriter("standby");
    this.#checkData("standby", false);
  }

  async #comeBack(): Promise<void> {
    const regions = this.#regions;
    regions.linked = true;
    regions.reach = new Set(SIDES);
    for (const side of SIDES) this.#revive(side);
    regions.operatorSkew = 0;
    if (this.#random() < 0.5) await this.#followAdvice();
    const state = await this.#finish({ name: "failback", side: "home", otherIsLost: false });
    expect(state).toMatchObject({ state: "paired", primary: "home" });
    this.#expectWriter("home");
    this.#checkData("home", true);
    counts["acknowledged writes"] += regions.acknowledged.length;
    counts["writes lost, younger than the replica"] += regions.acknowledged.filter(
      (write) => !regions.has(write, "home"),
    ).length;
  }

  /** Whoever runs what `status` says is next, until it says that nothing is, has a pair. */
  async #followAdvice(): Promise<void> {
    const { world, clock } = this.#regions;
    for (let command = 0; command < MAX_COMMANDS; command++) {
      const advice = adviceOn(await new Observer(world, clock).observe());
      if (advice === "nothing to do") return;
      const [, name, side] = /^(?:run )?(promote|failback)(?: --region (home))?\b/.exec(advice) ?? [];
      expect(name, advice).toBeDefined();
      const usual = name === "promote" && side === undefined ? "standby" : "home";
      await this.#finish({ name: name === "promote" ? name : "failback", side: usual, otherIsLost: false });
      counts["commands that status said were next"] += 1;
    }
    throw new Error(`What status says is next does not end after ${MAX_COMMANDS} commands`);
  }

  /** Runs a command to its end, again where it ends in an error, and once more: that changes nothing. */
  async #finish(command: Command) {
    const { world, clock } = this.#regions;
    const options = {
      command,
      world: { look: this.#throttled(world.look), act: this.#checked(world.act) },
      limits: LIMITS,
      pollInterval: 1_000,
      clock,
    };
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      try {
        const done = await runCommand(options);
        const again = nextStep(command, await new Observer(world, clock).observe(), LIMITS);
        expect(again).toEqual(done);
        return done;
      } catch (error) {
        // A region without a complete replica must not take over, whoever says so.
        if (error instanceof FailoverError && /first sync is not over/.test(error.message)) return undefined;
        if (error instanceof FailoverError) throw error;
        this.#regions.advance(5_000);
      }
    }
    throw new Error(`${command.name} does not end`);
  }

  #throttled(look: TwoRegions["world"]["look"]): TwoRegions["world"]["look"] {
    return async (side) => {
      if (this.#random() < 0.02) throw new NotNowError(side, "ThrottlingException");
      return look(side);
    };
  }

  #checked(act: TwoRegions["world"]["act"]): TwoRegions["world"]["act"] {
    return async (action) => {
      this.#check();
      const before = SIDES.map((side) => this.#regions.roleOf(side));
      await act(action);
      this.#note(action, before);
      for (let step = 0; step < 4; step++) {
        this.#regions.beginWrite(this.#pick(SIDES), this.#pick(KEYS));
        this.#regions.continueWrite();
        this.#regions.advance(500);
        this.#check();
      }
    };
  }

  /** Of the two regions, this one takes writes, and the other one does not. */
  #expectWriter(side: Side): void {
    // Routers that look at their replication alone wait for its next sync, where the other region was away for long.
    this.#regions.advance(LEASE + MARGIN + MAX_SYNC);
    const takesWrites = (of: Side) => [1, 2, 3, 4, 5, 6].some(() => this.#regions.beginWrite(of, "a"));
    expect([side, takesWrites(side), takesWrites(otherSide(side))]).toEqual([side, true, false]);
  }

  #pick<Item>(items: readonly [Item, ...Item[]]): Item;
  #pick<Item>(items: readonly Item[]): Item | undefined;
  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random() * items.length)];
  }
}

function isDeclaredLost({ begun, committedAt = 0 }: SimulatedWrite, takeovers: readonly Takeover[]): boolean {
  return takeovers.some(
    ({ epoch, replicated_until }) => epoch > begun.epoch && committedAt >= Date.parse(replicated_until),
  );
}

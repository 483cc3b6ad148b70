/**
 * Runs of the monitor whose calls fail as planned, in an account where every change is watched.
 */
import type { MonitorResult } from "../../functions/file-monitor/result.ts";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import type { Environment } from "../../local/control-plane/operation.ts";
import type { Call, Fault, StaleRead } from "../../local/control-plane/server.ts";
import type { AwsState } from "../../local/control-plane/state.ts";
import { Interleaving } from "./interleaving.ts";
import { type Deployed, MonitorAccount } from "./monitor-account.ts";
import { violationsOf } from "./monitor-rules.ts";

/** What goes wrong with a call. After a death none of the run's calls is carried out. */
export const FAULTS = [
  "throttled",
  "server error",
  "server error after success",
  "timeout",
  "timeout after success",
  "connection closed",
  "lost response",
  "death before",
  "death after",
] as const;
export type FaultKind = (typeof FAULTS)[number];

/** The calls that may see an older state. */
export const READS = [
  "DescribeFileSystems",
  "DescribeMountTargets",
  "DescribeSubnets",
  "GetParameter",
  "DescribeServices",
  "ListServiceDeployments",
] as const;
export type Read = (typeof READS)[number];

export interface RunPlan {
  readonly isThresholdPassed: boolean;
  /** What goes wrong with the nth call. */
  readonly faults: ReadonlyMap<number, FaultKind>;
  /** Calls that see the account as it was some changes ago. */
  readonly stale?: { readonly reads: readonly Read[]; readonly changes: number } | undefined;
  /** How often the SDK sends a call. */
  readonly maxAttempts: number;
}

export const CLEAN_RUN: RunPlan = { isThresholdPassed: true, faults: new Map(), maxAttempts: 1 };

export interface Scenario extends Deployed {
  readonly maxMountTargets: number | undefined;
}

/** Milliseconds that a call may take, in runs that may get no response. */
const CALL_TIMEOUT = 100;

interface InFlightRun {
  readonly plan: RunPlan;
  readonly death: AbortController;
  calls: number;
  /** The index of the oldest state that it goes by. */
  oldestView: number;
}

export class MonitorWorld {
  readonly counts = {
    scenarios: 0,
    runs: 0,
    "runs that overlapped another": 0,
    "runs that failed": 0,
    "changes by hand": 0,
    "AWS calls": 0,
    "mount targets created": 0,
    "tables written": 0,
    deployments: 0,
  };
  readonly faults = new Map<string, number>([...FAULTS, "stale response"].map((kind) => [kind, 0]));
  /** What must not happen and did, in this scenario. */
  readonly violations: string[] = [];
  readonly #account: MonitorAccount;
  readonly #runs = new Map<string, InFlightRun>();
  /** Every state of the account in this scenario, the present one last. */
  readonly #states: AwsState[] = [];
  #maxMountTargets: number | undefined;
  #interleaving: Interleaving | undefined;
  /** How many runs are in flight at the same time, or were when the first of them began. */
  #runsTogether = 1;
  #isByHand = false;

  static async start(): Promise<MonitorWorld> {
    let world: MonitorWorld | undefined;
    world = new MonitorWorld(await MonitorAccount.start(async (call) => await world?.disturb(call)));
    return world;
  }

  private constructor(account: MonitorAccount) {
    this.#account = account;
    account.subscribe(() => this.#onChange());
  }

  close(): Promise<void> {
    return this.#account.close();
  }

  get state(): AwsState {
    return this.#account.state;
  }

  /** Whether mount targets that are created end in state error. */
  set breaksMountTargets(breaks: boolean) {
    this.#account.newMountTargets = breaks ? "error" : "available";
  }

  /** An account as `pulumi up` leaves it. */
  reset({ maxMountTargets, ...deployed }: Scenario): void {
    this.#byHand(() => this.#account.reset(deployed));
    this.#states.splice(0, this.#states.length, this.state);
    this.#maxMountTargets = maxMountTargets;
    this.violations.length = 0;
    this.counts.scenarios += 1;
  }

  /** Changes the account as people and other programs do. */
  change(change: (state: AwsState, environment: Environment) => AwsState): void {
    this.#byHand(() => this.#account.change(change));
    this.counts["changes by hand"] += 1;
  }

  #byHand(change: () => void): void {
    this.#isByHand = true;
    change();
    this.#isByHand = false;
  }

  /** Runs the monitor once, as the handler does. */
  async run(plan: RunPlan): Promise<MonitorResult> {
    const { isThresholdPassed, faults, stale, maxAttempts } = plan;
    this.counts.runs += 1;
    const name = `RUN-${this.counts.runs}`;
    const death = new AbortController();
    this.#runs.set(name, { plan, death, calls: 0, oldestView: this.#states.length - 1 });
    try {
      const result = await this.#account.run({
        name,
        maxAttempts,
        signal: death.signal,
        environment: {
          FILE_COUNT_THRESHOLD: isThresholdPassed ? "2" : "3",
          MAX_MOUNT_TARGETS: this.#maxMountTargets === undefined ? "" : String(this.#maxMountTargets),
          // Only what disturbs a run can keep the mount target it added out of its sight: it need not wait long for that.
          MOUNT_TARGET_TIMEOUT_SECONDS: faults.size > 0 || stale !== undefined ? "0.15" : "5",
        },
        ...(faults.size > 0 && { requestTimeout: CALL_TIMEOUT }),
      });
      if (result.statusCode === 500) this.counts["runs that failed"] += 1;
      return result;
    } finally {
      this.#runs.delete(name);
    }
  }

  /** Runs at the same time, whose calls are interleaved as `choices` says. */
  async runTogether(plans: readonly RunPlan[], choices: readonly number[], byHand: () => void): Promise<void> {
    this.#interleaving = new Interleaving(choices);
    this.counts["runs that overlapped another"] += plans.length;
    this.#runsTogether = plans.length;
    const changed = this.#interleaving.turn().then(byHand);
    await Promise.all([changed, ...plans.map((plan) => this.run(plan))]);
    this.#interleaving = undefined;
    this.#runsTogether = 1;
  }

  /** What becomes of a call. */
  async disturb(call: Call): Promise<Fault | StaleRead | undefined> {
    const run = this.#runs.get(call.accessKeyId ?? "");
    const number = run === undefined ? 0 : run.calls++;
    this.counts["AWS calls"] += 1;
    await this.#interleaving?.turn();
    // It comes from a run that has died, or gave up waiting for this very response.
    if (run === undefined || run.death.signal.aborted) return { takesEffect: false, response: "connection-closed" };
    const kind = run.plan.faults.get(number);
    if (kind !== undefined) {
      this.#count(kind);
      if (kind.startsWith("death")) run.death.abort();
      return faultOf(kind);
    }
    const { stale } = run.plan;
    if (stale === undefined || !stale.reads.some((read) => read === call.operation)) return undefined;
    const index = Math.max(0, this.#states.length - 1 - stale.changes);
    const asOf = this.#states[index];
    if (asOf === undefined) return undefined;
    run.oldestView = Math.min(run.oldestView, index);
    this.#count("stale response");
    return { asOf };
  }

  #onChange(): void {
    const before = this.#states.at(-1);
    const after = this.state;
    this.#states.push(after);
    if (this.#isByHand || before === undefined) return;
    if (after.mountTargets.length > before.mountTargets.length) this.counts["mount targets created"] += 1;
    if (after.parameters !== before.parameters) this.counts["tables written"] += 1;
    if (after.services !== before.services) this.counts.deployments += 1;
    const oldestView = Math.min(...[...this.#runs.values()].map((run) => run.oldestView));
    const violations = violationsOf({
      before,
      after,
      seen: this.#states.slice(oldestView, -1),
      maxMountTargets: this.#maxMountTargets,
      runs: this.#runsTogether,
    });
    this.violations.push(...violations);
  }

  #count(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }
}

function faultOf(kind: FaultKind): Fault {
  switch (kind) {
    case "throttled":
      return { takesEffect: false, response: new AwsError("ThrottlingException", 400, "Rate exceeded") };
    case "server error":
      return { takesEffect: false, response: new AwsError("InternalServerError", 500, "An error occurred") };
    case "server error after success":
      return { takesEffect: true, response: new AwsError("InternalServerError", 500, "An error occurred") };
    case "timeout":
      return { takesEffect: false, response: "none" };
    case "timeout after success":
      return { takesEffect: true, response: "none" };
    case "connection closed":
    case "death before":
      return { takesEffect: false, response: "connection-closed" };
    case "lost response":
    case "death after":
      return { takesEffect: true, response: "connection-closed" };
  }
}

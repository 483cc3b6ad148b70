/**
 * Runs of the monitor whose calls fail as planned, in an account where every change is watched.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addCount, type History, HOUR } from "../../functions/file-monitor/forecast/history.ts";
import { EMPTY_MEMORY, encodeMemory, type ForecastMemory } from "../../functions/file-monitor/forecast/memory.ts";
import type { MonitorResult } from "../../functions/file-monitor/result.ts";
import { ACCOUNT_ID, FILE_SYSTEM_ID, REGION } from "../../local/account.ts";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import type { Environment } from "../../local/control-plane/operation.ts";
import type { Call, Fault, StaleRead } from "../../local/control-plane/server.ts";
import type { AwsState } from "../../local/control-plane/state.ts";
import { type LocalS3, startLocalS3 } from "../../local/s3/server.ts";
import { Interleaving } from "./interleaving.ts";
import { type Deployed, MonitorAccount } from "./monitor-account.ts";
import { deletionsOf, isUnmarked, marksOf, violationsOf } from "./monitor-rules.ts";

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
  "DescribeMountTargetSecurityGroups",
  "DescribeAlarms",
] as const;
export type Read = (typeof READS)[number];

export interface RunPlan {
  readonly isThresholdPassed: boolean;
  /** Whether there are so few files that a mount target may go. */
  readonly hasFewFiles?: boolean;
  /** Default: on. */
  readonly scaleIn?: "off" | "observe";
  /** Whether the threshold is not passed yet, but a forecast says that it will be within the hour. */
  readonly isThresholdForeseen?: boolean;
  /** What goes wrong with the nth call. */
  readonly faults: ReadonlyMap<number, FaultKind>;
  /** The call that the run doesn't come to: it dies. */
  readonly deathBefore?: string;
  /** Calls that see the account as it was some changes ago. */
  readonly stale?: { readonly reads: readonly Read[]; readonly changes: number } | undefined;
  /** How often the SDK sends a call. */
  readonly maxAttempts: number;
}

export const CLEAN_RUN: RunPlan = { isThresholdPassed: true, faults: new Map(), maxAttempts: 1 };
export const CLEAN_RUN_OF_FEW_FILES: RunPlan = { ...CLEAN_RUN, isThresholdPassed: false, hasFewFiles: true };
export const CLEAN_RUN_WITH_FORESIGHT: RunPlan = { ...CLEAN_RUN, isThresholdPassed: false, isThresholdForeseen: true };

/** Whom the account's alarms tell. */
export const ALARM_TOPIC = `arn:aws:sns:${REGION}:${ACCOUNT_ID}:alarms`;

const BUCKET = "count-bucket";

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
    "mount targets created ahead of time": 0,
    "mount targets deleted": 0,
    "retirements taken back": 0,
    "tables written": 0,
    deployments: 0,
  };
  readonly faults = new Map<string, number>([...FAULTS, "stale response"].map((kind) => [kind, 0]));
  /** What must not happen and did, in this scenario. */
  readonly violations: string[] = [];
  readonly #account: MonitorAccount;
  readonly #s3: LocalS3;
  readonly #directory: string;
  readonly #runs = new Map<string, InFlightRun>();
  /** Every state of the account in this scenario, the present one last. */
  readonly #states: AwsState[] = [];
  #maxMountTargets: number | undefined;
  /** The ids of the mount targets that there are from the start. */
  #first: readonly string[] = [];
  #interleaving: Interleaving | undefined;
  /** How many runs are in flight at the same time, or were when the first of them began. */
  #runsTogether = 1;
  #isByHand = false;
  /** Mount targets that were created ahead of time, since a run could see that the threshold was passed, or one deleted. */
  #aheadOfTime = 0;

  static async start(): Promise<MonitorWorld> {
    let world: MonitorWorld | undefined;
    const directory = mkdtempSync(join(tmpdir(), "monitor-world-"));
    const account = await MonitorAccount.start(async (call) => await world?.disturb(call));
    const s3 = await startLocalS3({
      directory,
      buckets: [BUCKET],
      onCall: async ({ accessKeyId }) => await world?.disturbBucket(accessKeyId),
    });
    world = new MonitorWorld(account, s3, directory);
    return world;
  }

  private constructor(account: MonitorAccount, s3: LocalS3, directory: string) {
    this.#account = account;
    this.#s3 = s3;
    this.#directory = directory;
    account.subscribe(() => this.#onChange());
  }

  async close(): Promise<void> {
    await this.#account.close();
    await this.#s3.close();
    rmSync(this.#directory, { recursive: true });
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
    const kept = join(this.#directory, BUCKET, FILE_SYSTEM_ID);
    rmSync(kept, { recursive: true, force: true });
    mkdirSync(kept);
    writeFileSync(join(kept, "forecast"), encodeMemory(memoryOfRisesEveryDay(Date.now())));
    this.#aheadOfTime = 0;
    this.#first = this.state.mountTargets.map(({ mountTargetId }) => mountTargetId);
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
    const { isThresholdPassed, hasFewFiles = false, isThresholdForeseen = false, faults, stale, maxAttempts } = plan;
    if (isThresholdPassed) this.#aheadOfTime = 0;
    this.counts.runs += 1;
    const name = `RUN-${this.counts.runs}`;
    const death = new AbortController();
    this.#runs.set(name, { plan, death, calls: 0, oldestView: this.#states.length - 1 });
    try {
      const result = await this.#account.run({
        name,
        maxAttempts,
        signal: death.signal,
        s3Endpoint: this.#s3.url,
        environment: {
          FILE_COUNT_THRESHOLD: isThresholdPassed ? "2" : hasFewFiles ? "100" : isThresholdForeseen ? "4" : "3",
          THRESHOLD_MODE: isThresholdForeseen ? "forecast" : "fixed",
          COUNT_TREE_BUCKET: BUCKET,
          // Time is no condition here: what keeps requests safe must do so without it.
          SCALE_IN: plan.scaleIn ?? "on",
          SCALE_IN_MINUTES: "0",
          SCALE_IN_MINIMUM_AGE_HOURS: "0",
          DRAIN_SECONDS: "0",
          INITIAL_MOUNT_TARGETS: String(Math.max(1, this.#first.length)),
          KEPT_MOUNT_TARGET_IDS: this.#first.join(","),
          ALARM_TOPIC_ARN: ALARM_TOPIC,
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
    const fault = await this.disturbBucket(call.accessKeyId);
    const run = this.#runs.get(call.accessKeyId ?? "");
    if (fault !== undefined || run === undefined) return fault;
    const { stale, deathBefore } = run.plan;
    if (deathBefore === call.operation) {
      run.death.abort();
      return faultOf("death before");
    }
    if (stale === undefined || !stale.reads.some((read) => read === call.operation)) return undefined;
    const index = Math.max(0, this.#states.length - 1 - stale.changes);
    const asOf = this.#states[index];
    if (asOf === undefined) return undefined;
    run.oldestView = Math.min(run.oldestView, index);
    this.#count("stale response");
    return { asOf };
  }

  /** What becomes of a call to the bucket, where nothing is stale: S3 is strongly consistent. */
  async disturbBucket(accessKeyId = ""): Promise<Fault | undefined> {
    const run = this.#runs.get(accessKeyId);
    const number = run === undefined ? 0 : run.calls++;
    this.counts["AWS calls"] += 1;
    await this.#interleaving?.turn();
    // It comes from a run that has died, or gave up waiting for this very response.
    if (run === undefined || run.death.signal.aborted) return { takesEffect: false, response: "connection-closed" };
    const kind = run.plan.faults.get(number);
    if (kind === undefined) return undefined;
    this.#count(kind);
    if (kind.startsWith("death")) run.death.abort();
    return faultOf(kind);
  }

  #onChange(): void {
    const before = this.#states.at(-1);
    const after = this.state;
    this.#states.push(after);
    if (this.#isByHand || before === undefined) return;
    const deleted = deletionsOf(before, after).length;
    if (after.mountTargets.length > before.mountTargets.length) this.#onCreation();
    if (deleted > 0) this.#aheadOfTime = 0;
    this.counts["mount targets deleted"] += deleted;
    this.counts["retirements taken back"] += marksOf(before).filter((id) => isUnmarked(after, id)).length;
    if (after.parameters !== before.parameters) this.counts["tables written"] += 1;
    if (after.services !== before.services) this.counts.deployments += 1;
    const oldestView = Math.min(...[...this.#runs.values()].map((run) => run.oldestView));
    const violations = violationsOf({
      before,
      after,
      seen: this.#states.slice(oldestView, -1),
      maxMountTargets: this.#maxMountTargets,
      runs: this.#runsTogether,
      history: this.#states,
      first: this.#first,
    });
    this.violations.push(...violations);
  }

  /** The threshold is what it was for the runs in flight. */
  #onCreation(): void {
    this.counts["mount targets created"] += 1;
    if ([...this.#runs.values()].some(({ plan }) => plan.isThresholdPassed)) return;
    this.counts["mount targets created ahead of time"] += 1;
    this.#aheadOfTime += 1;
    if (this.#aheadOfTime > 1) this.violations.push(`${this.#aheadOfTime} mount targets created ahead of time`);
  }

  #count(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }
}

/** For six days, three files have become eight at this time of the day, and three again twelve hours later. */
function memoryOfRisesEveryDay(now: number): ForecastMemory {
  let history: History = [];
  for (let hoursAgo = 6 * 24; hoursAgo > 0; hoursAgo--) {
    history = addCount(history, { time: now - hoursAgo * HOUR, files: hoursAgo % 24 > 12 ? 8 : 3 });
  }
  return { ...EMPTY_MEMORY, history, leadTimes: [HOUR] };
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

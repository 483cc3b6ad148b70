/**
 * An account on the local control plane, as `pulumi up` leaves it, and runs of the monitor in it.
 *
 * Time is simulated: every call and every change has a millisecond of its own.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type AwsClientOptions, type AwsClients, createAwsClients } from "../../functions/file-monitor/aws/session.ts";
import { deadlineIn } from "../../functions/file-monitor/deadline.ts";
import { monitor } from "../../functions/file-monitor/monitor.ts";
import type { MonitorResult } from "../../functions/file-monitor/result.ts";
import type { Memory } from "../../functions/file-monitor/run.ts";
import { readSettings } from "../../functions/file-monitor/settings.ts";
import { createAccount, REGION, VPC_ID } from "../../local/account.ts";
import {
  finishServiceDeployment,
  primaryDeployment,
  updateDeployment,
} from "../../local/control-plane/ecs-deployments.ts";
import type { Environment } from "../../local/control-plane/operation.ts";
import {
  type Call,
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from "../../local/control-plane/server.ts";
import type { AwsState, Subnet } from "../../local/control-plane/state.ts";
import { monitorEnvironment } from "../../local/environments.ts";
import { addMountTargets, addService, putMountTable } from "../../local/initial-deployment.ts";
import { TASK_DEFINITION } from "./task-definition.ts";

export interface Deployed {
  /** The Availability Zone of each subnet. */
  readonly zones: readonly string[];
  /** The Availability Zones that have a mount target from the start. */
  readonly occupied: readonly string[];
}

export interface RunOptions {
  /** The run's access key: it names the run to those who see its calls. */
  readonly name?: string;
  /** Over the settings of a run that finds three files and has a threshold of 2. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How often the SDK sends a call. */
  readonly maxAttempts?: number;
  /** Milliseconds that a call may take. */
  readonly requestTimeout?: number;
  /** Milliseconds that the run may take. */
  readonly time?: number;
  /** Whether to count even where the last count is recent enough. */
  readonly mustCount?: boolean;
  /** What the runs before it, in the same process, have left; nothing when absent. */
  readonly memory?: Memory;
  /** Of the bucket; absent where the run keeps nothing. */
  readonly s3Endpoint?: string;
  /** Ends all calls of the run. */
  readonly signal?: AbortSignal;
}

export interface LogLine {
  readonly level: "INFO" | "WARN" | "ERROR";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class MonitorAccount {
  /** The calls since the last reset, in the order in which they came in. */
  readonly calls: Call[] = [];
  /** What becomes of a mount target that is created. */
  newMountTargets: "available" | "creating" | "error" = "available";
  readonly #directory = mkdtempSync(join(tmpdir(), "monitor-account-"));
  readonly #controlPlane: ControlPlane;
  #isClosed = false;
  #time = Date.UTC(2026, 0, 1);

  /** @param onCall sees every call before it takes effect, and may break it. */
  static async start(onCall?: ControlPlaneOptions["onCall"]): Promise<MonitorAccount> {
    let account: MonitorAccount | undefined;
    const controlPlane = await startControlPlane({
      state: createAccount(new Date(0)),
      clock: () => account?.now() ?? new Date(0),
      maxPageSize: 2,
      mountTargetCreationDelay: 2,
      mountTargetDeletionDelay: 2,
      onMountTargetAvailable: async () => await account?.untilCreated(),
      onCall: (call) => {
        account?.calls.push(call);
        return onCall?.(call);
      },
    });
    account = new MonitorAccount(controlPlane);
    return account;
  }

  private constructor(controlPlane: ControlPlane) {
    this.#controlPlane = controlPlane;
    for (const name of ["a", "b", "c"]) writeFileSync(join(this.#directory, name), "");
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#controlPlane.close();
    rmSync(this.#directory, { recursive: true });
  }

  get state(): AwsState {
    return this.#controlPlane.state();
  }

  subscribe(listener: () => void): void {
    this.#controlPlane.subscribe(listener);
  }

  now(): Date {
    this.#time += 1;
    return new Date(this.#time);
  }

  /** Begins anew, with an account in which one subnet of each occupied Availability Zone has a mount target. */
  reset({ zones, occupied }: Deployed): void {
    const subnets = zones.map(subnet);
    this.change((_, environment) => {
      const account = { ...createAccount(environment.now), subnets };
      const first = occupied.flatMap((zone) => subnets.find((one) => one.availabilityZone === zone) ?? []);
      const published = putMountTable(addMountTargets(account, first, environment), this.atItsOwnTime(environment));
      return addService(published, TASK_DEFINITION, 2, this.atItsOwnTime(environment));
    });
    this.newMountTargets = "available";
    this.calls.length = 0;
  }

  /** Changes the account as people and other programs do. */
  change(change: (state: AwsState, environment: Environment) => AwsState): void {
    this.#controlPlane.update(change);
  }

  /** For a second change of one update, later than the first. */
  atItsOwnTime(environment: Environment): Environment {
    return { ...environment, now: this.now() };
  }

  /** The monitor's own clients, of this account. */
  clients(options: AwsClientOptions = {}): AwsClients {
    return createAwsClients({
      endpoint: this.#controlPlane.url,
      region: REGION,
      credentials: { accessKeyId: "RUN", secretAccessKey: "test" },
      ...options,
    });
  }

  /** Runs the monitor once, as the handler does. */
  async run(options: RunOptions = {}): Promise<MonitorResult & { readonly log: readonly LogLine[] }> {
    const {
      name = "RUN",
      environment,
      mustCount = false,
      memory = { unsupportedZones: new Set() },
      maxAttempts = 1,
      requestTimeout,
      time = 10_000,
      s3Endpoint,
      signal,
    } = options;
    const deadline = deadlineIn(time);
    const clientOptions: AwsClientOptions = {
      credentials: { accessKeyId: name, secretAccessKey: "test" },
      maxAttempts,
      ...(requestTimeout !== undefined && { requestHandler: { requestTimeout, throwOnRequestTimeout: true } }),
    };
    const { s3, ...others } = this.clients(clientOptions);
    const clients = {
      ...others,
      s3: s3Endpoint === undefined ? s3 : this.clients({ ...clientOptions, endpoint: s3Endpoint }).s3,
    };
    const log: LogLine[] = [];
    const writer = (level: LogLine["level"]) => (message: string, fields: LogLine["fields"]) =>
      void log.push({ level, message, fields });
    try {
      const result = await monitor({
        mustCount,
        memory,
        settings: readSettings({
          ...monitorEnvironment(this.#controlPlane.url, this.#directory, 2, "rolling-deployment"),
          TARGET_DIRECTORY: "/",
          MOUNT_TARGET_POLL_INTERVAL_SECONDS: "0.002",
          MOUNT_TARGET_TIMEOUT_SECONDS: "5",
          ...environment,
        }),
        aws: {
          ...clients,
          signal: signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal]),
        },
        deadline,
        log: { info: writer("INFO"), warn: writer("WARN"), error: writer("ERROR") },
      });
      return { ...result, log };
    } finally {
      for (const client of Object.values(clients)) client.destroy();
    }
  }

  private async untilCreated(): Promise<void> {
    while (this.newMountTargets === "creating" && !this.#isClosed) await sleep(2);
    if (this.newMountTargets === "error") throw new Error("This mount target is broken");
  }
}

/** The service's newest deployment is over, and the tasks of earlier ones are gone. */
export function completeDeployment(state: AwsState, { now }: Environment): AwsState {
  const services = state.services.map((service) => {
    const { id } = primaryDeployment(service);
    const completed = updateDeployment(service, id, now, { rolloutState: "COMPLETED" });
    const alone = { ...completed, deployments: completed.deployments.filter((one) => one.id === id) };
    return finishServiceDeployment(alone, "SUCCESSFUL", now);
  });
  return { ...state, services };
}

function subnet(zone: string, index: number): Subnet {
  return {
    subnetId: `subnet-${index}`,
    vpcId: VPC_ID,
    availabilityZone: zone,
    availabilityZoneId: `id-of-${zone}`,
    cidrBlock: `10.0.${index}.0/24`,
    addresses: [`10.0.${index}.4`, `10.0.${index}.5`],
    supportsEfs: true,
    tags: {},
  };
}

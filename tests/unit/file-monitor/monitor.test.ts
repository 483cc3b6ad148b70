import { spawnSync } from "node:child_process";
import fs, { mkdtempSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { CountReport } from "../../../functions/file-monitor/result.ts";
import type { Memory } from "../../../functions/file-monitor/run.ts";
import { CLUSTER_NAME, FILE_SYSTEM_ID, SERVICE_NAME } from "../../../local/account.ts";
import { AwsError } from "../../../local/control-plane/aws-error.ts";
import {
  finishServiceDeployment,
  primaryDeployment,
  startDeployment,
  startRollback,
  updateDeployment,
} from "../../../local/control-plane/ecs-deployments.ts";
import { efs, setLifeCycleState } from "../../../local/control-plane/efs.ts";
import type { Environment } from "../../../local/control-plane/operation.ts";
import type { Fault, StaleRead } from "../../../local/control-plane/server.ts";
import { ssm } from "../../../local/control-plane/ssm.ts";
import type { AwsState, MountTarget, Service, Subnet } from "../../../local/control-plane/state.ts";
import { PARAMETER_NAME } from "../../../local/environments.ts";
import { addMountTargets, putMountTable } from "../../../local/initial-deployment.ts";
import { MonitorAccount, type RunOptions } from "../../support/monitor-account.ts";

let aws: MonitorAccount;
/** What goes wrong with the next call of an operation. */
const faults = new Map<string, Fault | StaleRead>();

beforeAll(async () => {
  aws = await MonitorAccount.start(({ operation }) => {
    const fault = faults.get(operation);
    faults.delete(operation);
    return fault;
  });
});

afterAll(() => aws.close());

/** Two subnets in the Availability Zone a, one each in b and c; a mount target in a. */
beforeEach(() => {
  faults.clear();
  aws.reset({ zones: ["a", "a", "b", "c"], occupied: ["a"] });
});

const run = (options?: RunOptions) => aws.run(options);

const LOST_RESPONSE: Fault = { takesEffect: true, response: "connection-closed" };

/**
 * Makes counts run out of time while they read a directory of this name, and at no other moment.
 *
 * @returns the variables of such a count.
 */
function runOutOfTimeAt(directory: string): Record<string, string> {
  const budget = 5_000;
  let timeIsUp = new AbortController();
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  const timeouts = vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => {
    if (milliseconds !== budget) return timeout(milliseconds);
    timeIsUp = new AbortController();
    return timeIsUp.signal;
  });
  const { readdir } = fs;
  const reads = vi.spyOn(fs, "readdir").mockImplementation((...args: unknown[]) => {
    if (String(args[0]).endsWith(`/${directory}`)) timeIsUp.abort();
    else Reflect.apply(readdir, fs, args);
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    timeouts.mockRestore();
    reads.mockRestore();
    syncBuiltinESMExports();
  });
  return { TARGET_DIRECTORY: "/", COUNT_CONCURRENCY: "1", COUNT_TIME_BUDGET_SECONDS: String(budget / 1000) };
}

function makeTree(files: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), "monitor-"));
  onTestFinished(() => fs.rmSync(root, { recursive: true }));
  for (const file of files) {
    fs.mkdirSync(join(root, dirname(file)), { recursive: true });
    fs.writeFileSync(join(root, file), "");
  }
  return root;
}

function refused(code: string): Fault {
  return { takesEffect: false, response: new AwsError(code, 400, code) };
}

function changeSubnets(zone: string, change: Partial<Subnet>): void {
  aws.change((state) => ({
    ...state,
    subnets: state.subnets.map((one) => (one.availabilityZone === zone ? { ...one, ...change } : one)),
  }));
}

function changeFileSystem(change: Partial<AwsState["fileSystems"][number]>): void {
  aws.change((state) => ({ ...state, fileSystems: state.fileSystems.map((one) => ({ ...one, ...change })) }));
}

/** Adds a mount target as somebody else does: one that is available, or is being created. */
function addMountTarget(zone: string, lifeCycleState: "available" | "creating" = "available"): void {
  aws.change((state, environment) => {
    const subnets = state.subnets.filter(({ availabilityZone }) => availabilityZone === zone).slice(0, 1);
    if (lifeCycleState === "available") return addMountTargets(state, subnets, environment);
    const input = { FileSystemId: FILE_SYSTEM_ID, SubnetId: subnets[0]?.subnetId };
    return efs.CreateMountTarget(state, input, environment).state;
  });
}

function mountTargets(): readonly MountTarget[] {
  return aws.state.mountTargets;
}

function zonesWithMountTarget(): string[] {
  return mountTargets().map((target) => target.availabilityZoneName);
}

function table(): AwsState["parameters"][number] | undefined {
  return aws.state.parameters[0];
}

function publishedZones(): string[] {
  return parseMountTable(table()?.value ?? "")
    .mount_targets.map((target) => target.availability_zone)
    .sort();
}

/** Writes the table of the mount targets there are, as an earlier run would have. */
function publish(): void {
  aws.change((state, environment) => putMountTable({ ...state, parameters: [] }, environment));
}

function writeTable(value: string, type: "String" | "SecureString" = "String"): void {
  const input = { Name: PARAMETER_NAME, Value: value, Type: type, Overwrite: true };
  aws.change((state, environment) => ssm.PutParameter(state, input, environment).state);
}

function deleteTable(): void {
  aws.change((state) => ({ ...state, parameters: [] }));
}

function changeService(change: (service: Service, environment: Environment) => Service): void {
  aws.change((state, environment) => ({ ...state, services: state.services.map((one) => change(one, environment)) }));
}

const READS_ONLY = /^(Describe|Get|List)/;

function operations(): string[] {
  return aws.calls.map(({ operation }) => operation);
}

function timesCalled(operation: string, runName = "RUN"): number {
  return aws.calls.filter((call) => call.operation === operation && call.accessKeyId === runName).length;
}

/** Runs, and once the run waits for a mount target that is being created, lets that one be available or broken. */
async function runUntilItWaits(outcome: "available" | "error") {
  const before = timesCalled("DescribeMountTargets");
  const running = run();
  await expect.poll(() => timesCalled("DescribeMountTargets")).toBeGreaterThan(before + 2);
  aws.newMountTargets = outcome;
  return running;
}

function writes(): string[] {
  return operations().filter((operation) => !READS_ONLY.test(operation));
}

const belowThreshold = { environment: { FILE_COUNT_THRESHOLD: "3" } };

describe("past the threshold", () => {
  test("one mount target is added, published and deployed, in this order", async () => {
    const result = await run();
    expect(result).toMatchObject({
      statusCode: 200,
      message: `Mount target ${mountTargets()[1]?.mountTargetId} added in b`,
      created: { availabilityZone: "b", state: "available" },
      availabilityZonesLeft: 1,
      creationFailed: false,
      tableUpdated: true,
      deployed: true,
    });
    expect(writes()).toEqual(["CreateMountTarget", "PutParameter", "UpdateService"]);
    expect(publishedZones()).toEqual(["a", "b"]);
  });

  test("run after run, until no Availability Zone is left", async () => {
    await run();
    await run();
    expect(publishedZones()).toEqual(["a", "b", "c"]);
    const result = await run();
    expect(result).toMatchObject({ statusCode: 200, message: "No action needed", availabilityZonesLeft: 0 });
    expect(result.log).toContainEqual(expect.objectContaining({ level: "WARN" }));
  });

  test("one that is being created is waited for", async () => {
    aws.newMountTargets = "creating";
    addMountTarget("c", "creating");
    const result = await runUntilItWaits("available");
    expect(result).toMatchObject({ statusCode: 200, created: { availabilityZone: "c" } });
    expect(writes()).toEqual(["PutParameter", "UpdateService"]);
  });

  test("a subnet that was deleted since it was listed gives way to the next of its Availability Zone", async () => {
    const { state } = aws;
    const inB = state.subnets.filter(({ availabilityZone }) => availabilityZone === "b");
    const deleted = inB.map((one) => ({
      ...one,
      subnetId: "subnet-0b",
      addresses: ["10.0.9.4", "10.0.9.5", "10.0.9.6"],
    }));
    faults.set("DescribeSubnets", { asOf: { ...state, subnets: [...state.subnets, ...deleted] } });
    const result = await run();
    expect(result).toMatchObject({ statusCode: 200, created: { subnetId: "subnet-2" } });
    expect(writes()).toEqual(["CreateMountTarget", "CreateMountTarget", "PutParameter", "UpdateService"]);
  });

  test("an Availability Zone that EFS does not support gives way to the next", async () => {
    changeSubnets("b", { supportsEfs: false });
    expect(await run()).toMatchObject({ statusCode: 200, created: { availabilityZone: "c" } });
  });

  test("where EFS supports none of the Availability Zones left, none can be added, and none is retried", async () => {
    changeSubnets("b", { supportsEfs: false });
    changeSubnets("c", { supportsEfs: false });
    const memory: Memory = { unsupportedZones: new Set() };
    const none = { statusCode: 200, message: "No action needed", creationFailed: false, availabilityZonesLeft: 0 };
    const result = await run({ memory });
    expect(result).toMatchObject(none);
    expect(result.log).toContainEqual(
      expect.objectContaining({ level: "WARN", message: expect.stringContaining("no mount target can be added") }),
    );
    expect(timesCalled("CreateMountTarget")).toBe(2);
    expect(await run({ memory })).toMatchObject(none);
    expect(timesCalled("CreateMountTarget")).toBe(2);
  });

  test("an Availability Zone that EFS does not support is not one that is left", async () => {
    changeSubnets("b", { supportsEfs: false });
    expect(await run()).toMatchObject({ created: { availabilityZone: "c" }, availabilityZonesLeft: 0 });
  });

  test("when no subnet can take it, the run fails and says why of each", async () => {
    changeSubnets("b", { addresses: [] });
    changeSubnets("c", { supportsEfs: false });
    expect(await run()).toMatchObject({
      statusCode: 500,
      error:
        "No subnet can take a mount target: subnet-2: NoFreeAddressesInSubnet, subnet-3: UnsupportedAvailabilityZone",
      creationFailed: true,
      tableUpdated: false,
      deployed: false,
    });
  });

  test.each([
    "IncorrectFileSystemLifeCycleState",
    "NetworkInterfaceLimitExceeded",
    "SecurityGroupLimitExceeded",
    "SecurityGroupNotFound",
    "BadRequest",
  ])("%s fails the run at once: no other subnet would do better", async (refusal) => {
    faults.set("CreateMountTarget", refused(refusal));
    expect(await run()).toMatchObject({ statusCode: 500, error: expect.stringContaining(refusal) });
    expect(writes()).toEqual(["CreateMountTarget"]);
  });

  test("one that is not available in time fails the run, and the next run waits on", async () => {
    aws.newMountTargets = "creating";
    const impatient = { environment: { MOUNT_TARGET_TIMEOUT_SECONDS: "0.01" } };
    expect(await run(impatient)).toMatchObject({ statusCode: 500, creationFailed: true, tableUpdated: false });
    const result = await runUntilItWaits("available");
    expect(result).toMatchObject({ statusCode: 200, created: { availabilityZone: "b" }, deployed: true });
    expect(mountTargets()).toHaveLength(2);
  });

  test("one that ends in an error fails the run and is not published", async () => {
    aws.newMountTargets = "creating";
    expect(await runUntilItWaits("error")).toMatchObject({
      statusCode: 500,
      error: `${mountTargets()[1]?.mountTargetId} is error`,
      tableUpdated: false,
    });
    expect(publishedZones()).toEqual(["a"]);
  });

  test("when another run creates the same one first, both wait for it", async () => {
    aws.newMountTargets = "creating";
    const runs = Promise.all([run({ name: "RUN-1" }), run({ name: "RUN-2" })]);
    for (const name of ["RUN-1", "RUN-2"]) {
      await expect.poll(() => timesCalled("DescribeMountTargets", name)).toBeGreaterThan(2);
    }
    aws.newMountTargets = "available";
    expect(await runs).toMatchObject([{ statusCode: 200 }, { statusCode: 200 }]);
    expect(zonesWithMountTarget()).toEqual(["a", "b"]);
  });

  test("a creation whose response is lost is found again, and no second one is made", async () => {
    faults.set("CreateMountTarget", LOST_RESPONSE);
    const result = await run({ maxAttempts: 2 });
    expect(result).toMatchObject({ statusCode: 200, created: { availabilityZone: "b" } });
    expect(mountTargets()).toHaveLength(2);
  });

  test("a One Zone file system can't have another", async () => {
    changeFileSystem({ availabilityZoneName: "a" });
    const result = await run();
    expect(result).toMatchObject({ statusCode: 200, message: "No action needed", availabilityZonesLeft: 0 });
    expect(result.log).toContainEqual(expect.objectContaining({ level: "WARN" }));
  });

  test("a file system whose mount targets are in another VPC fails the run, and says so", async () => {
    aws.change((state) => ({
      ...state,
      mountTargets: state.mountTargets.map((target) => ({ ...target, vpcId: "vpc-0123abcd" })),
    }));
    expect(await run()).toMatchObject({ statusCode: 500, error: expect.stringContaining("not in the same VPC") });
    expect(mountTargets()).toHaveLength(1);
  });

  test("no more than MAX_MOUNT_TARGETS", async () => {
    const limited = { environment: { MAX_MOUNT_TARGETS: "1" } };
    expect(await run(limited)).toMatchObject({ statusCode: 200, message: "No action needed", created: null });
  });

  test("the deadline of the run bounds the wait, and leaves time to publish", async () => {
    aws.newMountTargets = "creating";
    deleteTable();
    const patient = { environment: { MOUNT_TARGET_TIMEOUT_SECONDS: "900" }, time: 4_000 };
    expect(await run(patient)).toMatchObject({ statusCode: 500, creationFailed: true, tableUpdated: true });
  });
});

describe("below the threshold", () => {
  test("nothing is written where all is right", async () => {
    expect(await run(belowThreshold)).toMatchObject({ statusCode: 200, message: "No action needed" });
    expect(writes()).toEqual([]);
  });

  test.each([
    ["missing", undefined],
    ["broken", "{"],
    ["of another form", '{"mount_targets":[{"id":1}]}'],
  ])("a table that is %s is written anew, with a warning", async (_, value) => {
    if (value === undefined) deleteTable();
    else writeTable(value);
    const result = await run(belowThreshold);
    expect(result).toMatchObject({ statusCode: 200, tableUpdated: true, deployed: true });
    expect(result.log).toContainEqual(expect.objectContaining({ level: "WARN" }));
    expect(publishedZones()).toEqual(["a"]);
  });

  test("a mount target that was deleted leaves the table", async () => {
    addMountTarget("b");
    publish();
    aws.change((state) => ({ ...state, mountTargets: state.mountTargets.slice(1) }));
    expect(await run(belowThreshold)).toMatchObject({ statusCode: 200, tableUpdated: true, deployed: true });
    expect(publishedZones()).toEqual(["b"]);
  });

  test("a table of the same content but other spacing is left as it is", async () => {
    const value = JSON.stringify(JSON.parse(table()?.value ?? ""), null, 2);
    writeTable(value);
    changeService((service, environment) => startDeployment(service, service.taskDefinition, environment));
    expect(await run(belowThreshold)).toMatchObject({ tableUpdated: false, deployed: false });
    expect(table()?.value).toBe(value);
  });

  test("a SecureString stays one, under its key", async () => {
    writeTable(table()?.value ?? "", "SecureString");
    addMountTarget("b");
    await run({ environment: { FILE_COUNT_THRESHOLD: "3", SSM_KMS_KEY_ID: "alias/table" } });
    expect(table()).toMatchObject({ type: "SecureString", version: 3 });
    const [put] = aws.calls.filter(({ operation }) => operation === "PutParameter");
    expect(put?.input).toMatchObject({ Type: "SecureString", KeyId: "alias/table" });
  });

  test("without an available mount target the table stays as it is", async () => {
    for (const { mountTargetId } of mountTargets()) {
      aws.change((state) => setLifeCycleState(state, mountTargetId, "updating"));
    }
    expect(await run(belowThreshold)).toMatchObject({
      statusCode: 500,
      error: "fs-0e5a0000000000001 has no available mount target; the mount table is left as it is",
    });
    expect(writes()).toEqual([]);
  });

  test("a deployment that a dead run did not start is started", async () => {
    publish();
    expect(await run(belowThreshold)).toMatchObject({ statusCode: 200, tableUpdated: false, deployed: true });
    expect(await run(belowThreshold)).toMatchObject({ statusCode: 200, tableUpdated: false, deployed: false });
  });

  test("routers that read the table themselves are not deployed, nor looked at", async () => {
    deleteTable();
    const hotReload = { environment: { FILE_COUNT_THRESHOLD: "3", ROLLOUT: "hot-reload" } };
    expect(await run(hotReload)).toMatchObject({ statusCode: 200, tableUpdated: true, deployed: false });
    expect(operations()).not.toContain("DescribeServices");
  });

  test.each([
    ["does not exist", undefined],
    ["is INACTIVE", "INACTIVE"],
    ["is DRAINING", "DRAINING"],
  ] as const)("a service that %s is an error, after the table is put right", async (state, status) => {
    if (status !== undefined) changeService((service) => ({ ...service, status }));
    else aws.change((before) => ({ ...before, services: [] }));
    deleteTable();
    expect(await run(belowThreshold)).toMatchObject({
      statusCode: 500,
      error: `The service ${SERVICE_NAME} of the cluster ${CLUSTER_NAME} ${state}`,
      tableUpdated: true,
    });
  });
});

describe("a deployment that failed", () => {
  /** A table that is newer than the service's deployment. */
  beforeEach(publish);

  const deploy = () =>
    changeService((service, environment) => startDeployment(service, service.taskDefinition, environment));

  const succeed = () => changeService((service, { now }) => finishServiceDeployment(service, "SUCCESSFUL", now));

  /** As ECS leaves a service whose tasks fail to start, with what served before. */
  const fail = () =>
    changeService((service, { now }) =>
      finishServiceDeployment(
        updateDeployment(service, primaryDeployment(service).id, now, { rolloutState: "FAILED" }),
        "ROLLBACK_FAILED",
        now,
      ),
    );

  test("and whose rollback failed is retried, three times in all, and then is an error of every run", async () => {
    for (const failures of [0, 1, 2]) {
      const result = await run(belowThreshold);
      expect(result).toMatchObject({ statusCode: 200, deployed: true });
      const warnings = result.log.filter(({ level }) => level === "WARN");
      expect(warnings.map(({ fields }) => fields.failedDeployments)).toEqual(failures === 0 ? [] : [failures]);
      fail();
    }
    for (let again = 0; again < 3; again++) {
      const result = await run(belowThreshold);
      expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("3 deployments") });
      expect(result.log).toContainEqual(expect.objectContaining({ level: "ERROR" }));
    }
    expect(writes()).toEqual(["UpdateService", "UpdateService", "UpdateService"]);
  });

  test("and was rolled back is not repeated: the rollback's tasks have read the table", async () => {
    deploy();
    changeService((service, environment) => startRollback(service, service.taskDefinition, environment));
    changeService((service, { now }) => finishServiceDeployment(service, "ROLLBACK_SUCCESSFUL", now));
    expect(await run(belowThreshold)).toMatchObject({ statusCode: 200, deployed: false });
  });

  test("gets its retries anew with a new table", async () => {
    for (let times = 0; times < 3; times++) {
      deploy();
      fail();
    }
    addMountTarget("b");
    expect(await run(belowThreshold)).toMatchObject({ statusCode: 200, tableUpdated: true, deployed: true });
  });

  test("of somebody else, after the table's own succeeded, is left to them", async () => {
    deploy();
    succeed();
    deploy();
    fail();
    expect(await run(belowThreshold)).toMatchObject({ statusCode: 200, deployed: false });
  });

  test("is not repeated where nobody says how often it was", async () => {
    deploy();
    fail();
    faults.set("ListServiceDeployments", refused("AccessDeniedException"));
    const result = await run(belowThreshold);
    expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("ListServiceDeployments failed") });
    expect(writes()).toEqual([]);
  });

  test("but a table without any gets its deployment, with a warning", async () => {
    faults.set("ListServiceDeployments", refused("AccessDeniedException"));
    const result = await run(belowThreshold);
    expect(result).toMatchObject({ statusCode: 200, deployed: true });
    expect(result.log).toContainEqual(
      expect.objectContaining({ level: "WARN", message: expect.stringContaining("can't be listed") }),
    );
  });
});

describe("a failing call", () => {
  test.each<[string, Fault]>([
    ["refused", refused("AccessDeniedException")],
    ["carried out, and its response lost", LOST_RESPONSE],
  ])("is named in the error, when it is %s", async (_, fault) => {
    faults.set("PutParameter", fault);
    const result = await run();
    expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("PutParameter failed") });
    expect(operations()).not.toContain("UpdateService");
  });

  test("a deployment whose response was lost is not started twice", async () => {
    faults.set("UpdateService", LOST_RESPONSE);
    const result = await run({ maxAttempts: 3 });
    expect(result).toMatchObject({ statusCode: 500 });
    expect(await run(belowThreshold)).toMatchObject({ statusCode: 200, deployed: false });
    expect(timesCalled("UpdateService")).toBe(1);
  });

  test("all pages are read", async () => {
    aws.reset({ zones: [..."abcdefg"], occupied: [..."abcdef"] });
    expect(await run()).toMatchObject({ statusCode: 200, created: { availabilityZone: "g" } });
    expect(publishedZones()).toEqual([..."abcdefg"]);
  });
});

const RECENT_COUNT: CountReport = {
  fileCount: 3,
  countComplete: true,
  countDuration: 600_000,
  countAge: 0,
  fullCount: true,
  directoriesRead: 1,
  wrongDirectories: { count: 0, examples: [] },
  changedDirectories: { foundAt: 0, directories: [] },
  largestDirectory: { path: "/", files: 3 },
  skipped: { count: 0, examples: [] },
};

describe("a count", () => {
  test("of a missing directory fails the run, and nothing is called", async () => {
    const result = await run({ environment: { TARGET_DIRECTORY: "/missing" } });
    expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("ENOENT") });
    expect(operations()).toEqual([]);
  });

  test("that ran out of time decides if it is past the threshold already, and only then", async () => {
    const slow = { EFS_MOUNT_PATH: makeTree(["file", "endless/file"]), ...runOutOfTimeAt("endless") };
    const past = await run({ environment: { ...slow, FILE_COUNT_THRESHOLD: "0" } });
    expect(past).toMatchObject({ countComplete: false, thresholdPassed: true, created: { availabilityZone: "b" } });

    const below = await run({ environment: { ...slow, FILE_COUNT_THRESHOLD: "1000000000" } });
    expect(below).toMatchObject({ countComplete: false, message: "No action needed", created: null });
    expect(below.log).toContainEqual(expect.objectContaining({ level: "WARN" }));
  });

  test("that had to skip something says what, in the result and in the log", async () => {
    const directory = mkdtempSync(join(tmpdir(), "monitor-skips-"));
    const name = "n".repeat(250);
    spawnSync("sh", ["-c", `cd "${directory}"; for i in $(seq 20); do touch file; mkdir ${name}; cd ${name}; done`]);
    const result = await run({ environment: { EFS_MOUNT_PATH: directory } });
    spawnSync("rm", ["-rf", directory]);
    const skipped = {
      count: 1,
      examples: [{ path: expect.stringMatching(/^\/n+\/.*n$/), code: "ENAMETOOLONG" }],
    };
    expect(result).toMatchObject({ statusCode: 200, countComplete: true, skipped });
    expect(result.log).toContainEqual({
      level: "WARN",
      message: "Not everything could be read and counted",
      fields: { skipped },
    });
  });

  test("far from the threshold is left for later by scheduled runs, which still repair everything", async () => {
    const memory: Memory = { unsupportedZones: new Set() };
    const farAway = { memory, environment: { FILE_COUNT_THRESHOLD: "1000000" } };
    const first = await run(farAway);
    expect(first).toMatchObject({ fileCount: 3, countAge: 0 });

    const slow = { files: 3, complete: true, startedAt: Date.now() - 60_000, duration: 600_000 };
    memory.lastCount = {
      report: RECENT_COUNT,
      past: { last: slow, before: { ...slow, startedAt: slow.startedAt - 300_000 } },
    };
    deleteTable();
    const missing = { ...farAway, environment: { ...farAway.environment, TARGET_DIRECTORY: "/missing" } };
    const second = await run(missing);
    expect(second).toMatchObject({ statusCode: 200, fileCount: 3, tableUpdated: true, deployed: true });
    expect(second.countAge).toBeGreaterThanOrEqual(60_000);

    expect(await run({ ...missing, mustCount: true })).toMatchObject({ statusCode: 500 });
    expect(await run({ ...farAway, mustCount: true })).toMatchObject({ statusCode: 200, countAge: 0 });
  });

  test("close to the threshold is made by every run", async () => {
    const slow = { files: 3, complete: true, startedAt: Date.now(), duration: 600_000 };
    const memory: Memory = {
      unsupportedZones: new Set(),
      lastCount: { report: RECENT_COUNT, past: { last: slow, before: slow } },
    };
    expect(await run({ memory, ...belowThreshold })).toMatchObject({ countAge: 0, fileCount: 3 });
  });

  test("that is not this run's adds no mount target: files may have been deleted since", async () => {
    const old = { files: 900, complete: true, startedAt: Date.now() - 1, duration: 600_000 };
    const remember = (): Memory => ({
      unsupportedZones: new Set(),
      lastCount: { report: { ...RECENT_COUNT, fileCount: 900 }, past: { last: old, before: old } },
    });
    const environment = { FILE_COUNT_THRESHOLD: "100" };
    const below = await run({ memory: remember(), environment });
    expect(below).toMatchObject({ fileCount: 3, countAge: 0, thresholdPassed: false, created: null });
    const past = await run({ memory: remember(), environment: { FILE_COUNT_THRESHOLD: "2" } });
    expect(past).toMatchObject({ fileCount: 3, countAge: 0, created: { availabilityZone: "b" } });
    const full = await run({ memory: remember(), environment: { ...environment, MAX_MOUNT_TARGETS: "2" } });
    expect(full).toMatchObject({ fileCount: 900, message: "No action needed" });
    expect(full.countAge).toBeGreaterThan(0);
  });

  test("names the largest directory as a path inside the file system", async () => {
    const result = await run();
    expect(result.largestDirectory).toEqual({ path: "/", files: 3 });
  });
});

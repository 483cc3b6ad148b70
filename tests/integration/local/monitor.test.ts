/**
 * The monitor's bundle, run as Lambda runs it, against the local control plane.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  CLUSTER_NAME,
  createAccount,
  FILE_SYSTEM_ID,
  SECURITY_GROUP_ID,
  SERVICE_NAME,
  SUBNETS,
} from "../../../local/account.ts";
import { AwsError } from "../../../local/control-plane/aws-error.ts";
import { findService } from "../../../local/control-plane/ecs.ts";
import { primaryDeployment } from "../../../local/control-plane/ecs-deployments.ts";
import { type Call, type ControlPlane, type Fault, startControlPlane } from "../../../local/control-plane/server.ts";
import type { AwsState, Subnet } from "../../../local/control-plane/state.ts";
import { monitorEnvironment, PARAMETER_NAME, TARGET_DIRECTORY } from "../../../local/environments.ts";
import { addMountTargets, addService, putMountTable } from "../../../local/initial-deployment.ts";
import { createLambdaFunction, type LambdaFunction } from "../../../local/lambda/function.ts";
import type { LogLine } from "../../../local/logs/log-line.ts";
import { TASK_DEFINITION } from "../../support/task-definition.ts";

const THRESHOLD = 3;

let controlPlane: ControlPlane;
let monitor: LambdaFunction;
let mountPath: string;
let calls: Call[] = [];
let faultOf: (call: Call, index: number) => Fault | undefined = () => undefined;
const lines: LogLine[] = [];

beforeAll(async () => {
  mountPath = await mkdtemp(join(tmpdir(), "monitor-test-"));
  await mkdir(join(mountPath, TARGET_DIRECTORY));
  controlPlane = await startControlPlane({
    state: createAccount(new Date()),
    mountTargetCreationDelay: 20,
    maxPageSize: 2,
    onCall: (call) => {
      calls.push(call);
      return faultOf(call, calls.length - 1);
    },
  });
  monitor = createLambdaFunction({
    functionName: "file-monitor",
    region: "ap-northeast-1",
    accountId: "123456789012",
    bundle: join(process.cwd(), "dist/file-monitor/index.cjs"),
    handler: "handler",
    environment: {
      ...monitorEnvironment(controlPlane.url, mountPath, THRESHOLD, "rolling-deployment"),
      MOUNT_TARGET_POLL_INTERVAL_SECONDS: "0.01",
      COUNT_TIME_PERCENT: "1",
    },
    timeout: 60_000,
    memorySize: 512,
    log: (line) => lines.push(line),
  });
});

afterAll(async () => {
  await monitor.close();
  await controlPlane.close();
  await rm(mountPath, { recursive: true });
});

beforeEach(() => {
  faultOf = () => undefined;
  reset(2);
});

/** An account as `pulumi up` leaves it. */
function reset(mountTargets: number, change: Partial<AwsState> = {}) {
  controlPlane.update((_state, environment) => {
    const account = { ...createAccount(environment.now), ...change };
    const withTargets = addMountTargets(account, SUBNETS.slice(0, mountTargets), environment);
    return addService(putMountTable(withTargets, environment), TASK_DEFINITION, 2, environment);
  });
  calls = [];
}

async function setFileCount(count: number) {
  const directory = join(mountPath, TARGET_DIRECTORY);
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true });
  for (let i = 0; i < count; i++) await writeFile(join(directory, `file-${i}`), "");
}

async function run(event: object = {}) {
  // Dates of ECS and SSM are compared: a run must not share its millisecond with the one before.
  await new Promise((resolve) => setTimeout(resolve, 2));
  const invocation = await monitor.invoke(event);
  if (invocation.outcome === "failed") throw new Error(`${invocation.errorType}: ${invocation.errorMessage}`);
  return invocation.payload;
}

const state = () => controlPlane.state();
const deployments = () => findService(state(), CLUSTER_NAME, SERVICE_NAME).deployments;
const table = () => parseMountTable(state().parameters.find(({ name }) => name === PARAMETER_NAME)?.value ?? "");
const zones = () =>
  state()
    .mountTargets.map(({ availabilityZoneName }) => availabilityZoneName)
    .sort();
const available = () =>
  state()
    .mountTargets.filter(({ lifeCycleState }) => lifeCycleState === "available")
    .map((target) => ({ mount_target_id: target.mountTargetId, ip_address: target.ipAddress }))
    .sort((a, b) => (a.mount_target_id < b.mount_target_id ? -1 : 1));

test("at the threshold nothing changes", async () => {
  await setFileCount(THRESHOLD);
  const before = state();
  expect(await run()).toMatchObject({ statusCode: 200, fileCount: THRESHOLD, thresholdPassed: false });
  expect(state()).toBe(before);
});

test("above it: the third target, then the table, then the deployment; and nothing more the next time", async () => {
  await setFileCount(THRESHOLD + 1);
  expect(await run()).toMatchObject({ statusCode: 200, fileCount: THRESHOLD + 1, tableUpdated: true, deployed: true });
  expect(zones()).toEqual(["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]);
  expect(state().mountTargets.at(-1)).toMatchObject({
    fileSystemId: FILE_SYSTEM_ID,
    securityGroups: [SECURITY_GROUP_ID],
    ipAddress: "127.0.0.13",
    lifeCycleState: "available",
  });
  expect(table().mount_targets).toMatchObject(available());
  expect(deployments()).toMatchObject([{ status: "PRIMARY" }, { status: "ACTIVE" }]);
  const changing = calls.map(({ operation }) => operation).filter((name) => /^(Create|Put|Update)/.test(name));
  expect(changing).toEqual(["CreateMountTarget", "PutParameter", "UpdateService"]);
  expect(new Set(calls.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(["FILE-MONITOR"]));
  const before = state();
  expect(await run()).toMatchObject({ statusCode: 200, tableUpdated: false, deployed: false });
  expect(state()).toBe(before);
});

test("a scheduled run goes by a recent count, and one by hand counts", async () => {
  reset(3);
  await setFileCount(THRESHOLD * 10);
  // So many that a count takes a few milliseconds.
  const directory = join(mountPath, TARGET_DIRECTORY, "many");
  for (let i = 0; i < 400; i++) await mkdir(join(directory, `${i}`), { recursive: true });
  const scheduled = { source: "aws.events", "detail-type": "Scheduled Event" };
  for (let counts = 0; counts < 2; counts++) expect(await run()).toMatchObject({ countAge: 0 });
  expect(await run(scheduled)).toMatchObject({
    statusCode: 200,
    fileCount: THRESHOLD * 10,
    countAge: expect.toSatisfy((age) => age > 0),
  });
  expect(await run()).toMatchObject({ statusCode: 200, countAge: 0 });
});

describe("refusals of one zone", () => {
  // A process remembers the zones without EFS: the next test gets another.
  afterEach(() => monitor.close());

  const [a, c, d] = SUBNETS as [Subnet, Subnet, Subnet];
  test.each<[string, Subnet]>([
    ["a subnet without addresses", { ...c, addresses: [] }],
    ["a zone without EFS", { ...c, supportsEfs: false }],
  ])("%s: the next zone gets the target", async (_what, broken) => {
    reset(1, { subnets: [a, broken, d] });
    await setFileCount(THRESHOLD + 1);
    expect(await run()).toMatchObject({ statusCode: 200, deployed: true });
    expect(zones()).toEqual(["ap-northeast-1a", "ap-northeast-1d"]);
    expect(table().mount_targets).toMatchObject(available());
  });

  test("a file system that is not available: an error, and nothing changes", async () => {
    controlPlane.update((before) => ({
      ...before,
      fileSystems: before.fileSystems.map((one) => ({ ...one, lifeCycleState: "updating" as const })),
    }));
    await setFileCount(THRESHOLD + 1);
    const before = state();
    expect(await run()).toMatchObject({ statusCode: 500 });
    expect(state()).toBe(before);
  });
});

test("after a fault at any call the table is right, and two clean runs later everything is", async () => {
  const responses: Fault["response"][] = [
    new AwsError("ThrottlingException", 400, "Rate exceeded"),
    new AwsError("InternalServerError", 500, "An error occurred"),
    "connection-closed",
  ];
  const faulty = fc.record({
    mountTargets: fc.integer({ min: 1, max: 3 }),
    extraFiles: fc.integer({ min: 0, max: 1 }),
    at: fc.nat(14),
    takesEffect: fc.boolean(),
    response: fc.constantFrom(...responses),
    /** More than the SDK's own retries, or only one call. */
    lasting: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(faulty, async ({ mountTargets, extraFiles, at, lasting, ...fault }) => {
      reset(mountTargets);
      await setFileCount(THRESHOLD + extraFiles);
      faultOf = (_call, index) => (index === at || (lasting && index > at) ? fault : undefined);
      await run();
      faultOf = () => undefined;
      const ids = available().map(({ mount_target_id }) => mount_target_id);
      for (const { mount_target_id } of table().mount_targets) expect(ids).toContain(mount_target_id);
      expect(new Set(zones()).size).toBe(zones().length);

      await run();
      expect(await run()).toMatchObject({ statusCode: 200 });
      expect(zones()).toHaveLength(extraFiles === 0 ? mountTargets : SUBNETS.length);
      expect(table().mount_targets).toMatchObject(available());
      const deployedAt = primaryDeployment(findService(state(), CLUSTER_NAME, SERVICE_NAME)).createdAt;
      expect(deployedAt.getTime()).toBeGreaterThanOrEqual(state().parameters[0]?.lastModifiedDate.getTime() ?? 0);
    }),
    { numRuns: 20 },
  );
}, 240_000);

import { parseMonitorStatus } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { statusOf } from "../../../functions/file-monitor/act/publish-status.ts";
import { summarizeDirectories } from "../../../functions/file-monitor/observe/count/changed-directories.ts";
import { AwsError } from "../../../local/control-plane/aws-error.ts";
import type { Fault } from "../../../local/control-plane/server.ts";
import { STATUS_PARAMETER_NAME } from "../../../local/environments.ts";
import { completeDeployment, MonitorAccount } from "../../support/monitor-account.ts";

let fault: Fault | undefined;
let account: MonitorAccount;

beforeAll(async () => {
  account = await MonitorAccount.start(({ operation, input }) =>
    operation === "PutParameter" && JSON.stringify(input).includes(STATUS_PARAMETER_NAME) ? fault : undefined,
  );
});
afterEach(() => {
  fault = undefined;
});
afterAll(() => account.close());

const ZONES = ["a", "c", "d"].map((zone) => `ap-northeast-1${zone}`);

test("a run says what it saw and did, in a parameter of its own", async () => {
  account.reset({ zones: ZONES, occupied: ZONES.slice(0, 1) });
  const result = await account.run({ environment: { STATUS_PARAMETER_NAME } });
  expect(result.statusCode).toBe(200);
  const value = account.state.parameters.find(({ name }) => name === STATUS_PARAMETER_NAME)?.value ?? "";
  expect(parseMonitorStatus(value)).toMatchObject({
    succeeded: true,
    fileCount: 3,
    threshold: 2,
    createdIn: ZONES[1],
    deployed: true,
    availabilityZonesLeft: 1,
    counts: [[expect.any(Number), 3]],
  });
});

test("a run says which mount target is retiring, where one was deleted, and why", async () => {
  account.reset({ zones: ZONES, occupied: ZONES });
  account.change(completeDeployment);
  const [, , surplus] = account.state.mountTargets;
  const memory = { unsupportedZones: new Set<string>() };
  const run = async () => {
    await account.run({
      memory,
      environment: {
        STATUS_PARAMETER_NAME,
        FILE_COUNT_THRESHOLD: "100",
        SCALE_IN: "on",
        SCALE_IN_MINUTES: "0",
        SCALE_IN_MINIMUM_AGE_HOURS: "0",
        DRAIN_SECONDS: "0",
        INITIAL_MOUNT_TARGETS: "2",
      },
    });
    account.change(completeDeployment);
    return parseMonitorStatus(account.state.parameters.find(({ name }) => name === STATUS_PARAMETER_NAME)?.value ?? "");
  };
  const retiring = await run();
  expect(retiring).toMatchObject({
    retiring: surplus?.mountTargetId,
    scaleInReason: "every run of the last 0 minutes has found fewer than 70 files",
  });
  expect(retiring).not.toHaveProperty("deletedIn");
  const deleted = await run();
  expect(deleted).toMatchObject({ deletedIn: ZONES[2], scaleInReason: "no router uses it any more" });
  expect(deleted).not.toHaveProperty("retiring");
  expect(deleted?.events).toMatchObject([
    { kind: "mount-target-retiring", subject: surplus?.mountTargetId },
    { kind: "deployment-started" },
    { kind: "mount-target-deleted", subject: ZONES[2] },
    { kind: "deployment-started" },
  ]);
  expect(await run()).toMatchObject({ scaleInReason: expect.stringContaining("INITIAL_MOUNT_TARGETS (2) stay") });
});

test("what runs did is remembered by those after them, in whichever process these run", async () => {
  account.reset({ zones: ZONES, occupied: ZONES.slice(0, 1) });
  const run = async () => {
    // As a new process, which remembers nothing.
    await account.run({ environment: { STATUS_PARAMETER_NAME }, memory: { unsupportedZones: new Set() } });
    return parseMonitorStatus(account.state.parameters.find(({ name }) => name === STATUS_PARAMETER_NAME)?.value ?? "");
  };
  await run();
  account.change(completeDeployment);
  for (let more = 0; more < 3; more += 1) {
    await run();
    account.change(completeDeployment);
  }
  const { events = [] } = (await run()) ?? {};
  expect(events.map(({ kind, subject }) => [kind, subject])).toEqual([
    ["mount-target-added", ZONES[1]],
    ["deployment-started", undefined],
    ["mount-target-added", ZONES[2]],
    ["deployment-started", undefined],
    ["deployment-completed", undefined],
  ]);
});

test("of runs that fail one after the other, the first is an event, and only the last events are kept", async () => {
  const failed = { statusCode: 500, error: "no" } as const;
  let status = statusOf(failed, {}, 1);
  status = statusOf(failed, {}, 2, status);
  expect(status.events).toEqual([{ time: 1, kind: "run-failed", subject: undefined }]);
  for (let time = 3; time < 100; time += 1) {
    const succeeds = time % 2 === 1;
    status = statusOf(succeeds ? { statusCode: 200, message: "" } : failed, {}, time, status);
  }
  expect(status.events).toHaveLength(12);
  expect(status.events?.at(-1)?.time).toBe(98);
});

test("a status that is not valid is replaced, and a WARN says so", async () => {
  account.reset({ zones: ZONES, occupied: ZONES });
  const value = () => account.state.parameters.find(({ name }) => name === STATUS_PARAMETER_NAME)?.value ?? "";
  await account.run({ environment: { STATUS_PARAMETER_NAME } });
  account.change((state) => ({
    ...state,
    parameters: state.parameters.map((one) => (one.name === STATUS_PARAMETER_NAME ? { ...one, value: "{]" } : one)),
  }));
  const memory = { unsupportedZones: new Set<string>() };
  const { log } = await account.run({ environment: { STATUS_PARAMETER_NAME }, memory });
  expect(log.filter(({ level }) => level === "WARN").map(({ message }) => message)).toContain(
    "The status of the run before is not valid: what it remembers is lost",
  );
  expect(parseMonitorStatus(value())).toMatchObject({ succeeded: true });
});

test("what a run did that could not say so is said by the next one", async () => {
  account.reset({ zones: ZONES, occupied: ZONES.slice(0, 1) });
  const memory = { unsupportedZones: new Set<string>() };
  fault = { takesEffect: false, response: new AwsError("InternalServerError", 500, "later") };
  await account.run({ environment: { STATUS_PARAMETER_NAME }, memory });
  fault = undefined;
  account.change(completeDeployment);
  await account.run({ environment: { STATUS_PARAMETER_NAME }, memory });
  const value = account.state.parameters.find(({ name }) => name === STATUS_PARAMETER_NAME)?.value ?? "";
  expect(
    parseMonitorStatus(value)
      ?.events?.map(({ kind }) => kind)
      .slice(0, 2),
  ).toEqual(["mount-target-added", "deployment-started"]);
  expect(parseMonitorStatus(value)?.events?.[0]?.subject).toBe(ZONES[1]);
});

test("that it cannot say so fails no run", async () => {
  account.reset({ zones: ZONES, occupied: ZONES });
  fault = { takesEffect: false, response: new AwsError("AccessDeniedException", 400, "no") };
  const { log, ...result } = await account.run({ environment: { STATUS_PARAMETER_NAME } });
  expect(result).toMatchObject({ statusCode: 200, message: "No action needed" });
  expect(log.filter(({ level }) => level === "WARN").map(({ message }) => message)).toContain(
    "The status of this run could not be published",
  );
});

test("with the longest of everything it fits into a standard parameter", () => {
  const text = "x".repeat(10_000);
  const quantile = 123_456_789.123;
  const status = statusOf(
    {
      statusCode: 500,
      error: text,
      thresholdReason: text,
      fileCount: 1e9,
      threshold: 1e9,
      effectiveThreshold: 1e9,
      countComplete: true,
      countAge: 1e6,
      changedDirectories: {
        foundAt: 1.8e12,
        // Nearly as long as it may be.
        directories: summarizeDirectories(Array.from({ length: 10 }, (_, index) => `${index}`.padEnd(68, "x"))),
      },
      created: null,
      deleted: {
        mountTargetId: "fsmt-0123456789abcdef0",
        availabilityZone: "ap-northeast-1a",
        subnetId: "subnet-0123456789abcdef0",
        ipAddress: undefined,
        state: "deleted",
      },
      retiring: "fsmt-0123456789abcdef0",
      scaleIn: { action: "none", reason: text },
      deployed: false,
      availabilityZonesLeft: 6,
    },
    {
      history: Array.from({ length: 500 }, (_, index) => ({ time: 1.8e12 + index, files: 1e9 })),
      forecast: { time: 1.8e12, q05: quantile, q50: quantile, q90: quantile, q95: quantile },
    },
    1.8e12,
    {
      time: 1.7e12,
      succeeded: true,
      outcome: "",
      counts: [],
      events: Array.from({ length: 20 }, () => ({
        time: 1.7e12,
        kind: "mount-target-retiring",
        subject: "fsmt-0123456789abcdef0",
      })),
    },
  );
  expect(status.counts.length).toBeGreaterThan(5);
  expect(JSON.stringify(status.changedDirectories?.directories).length).toBeGreaterThan(950);
  expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(4_096);
  expect(parseMonitorStatus(JSON.stringify(status))).toEqual(status);
});

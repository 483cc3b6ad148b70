/** Runs of the monitor that take a mount target away, on the local control plane, with no time between the steps. */
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Memory } from "../../../functions/file-monitor/run.ts";
import { ACCOUNT_ID, CLUSTER_NAME, REGION, SERVICE_NAME } from "../../../local/account.ts";
import { AwsError } from "../../../local/control-plane/aws-error.ts";
import { setLifeCycleState } from "../../../local/control-plane/efs.ts";
import type { Call, Fault, StaleRead } from "../../../local/control-plane/server.ts";
import type { Alarm, Task } from "../../../local/control-plane/state.ts";
import { completeDeployment, MonitorAccount } from "../../support/monitor-account.ts";

const TASK_GROUP = "sg-0e0e0e0e";
const TOPIC = `arn:aws:sns:${REGION}:${ACCOUNT_ID}:alarms`;

let aws: MonitorAccount;
let faults: Map<string, Fault | StaleRead>;
/** Called before each call takes effect. */
let onCall: (call: Call) => void;
let memory: Memory;
/** The id of the mount target in the last Availability Zone, which is not the stack's own. */
let surplus: string;

beforeAll(async () => {
  aws = await MonitorAccount.start((call) => {
    onCall(call);
    return faults.get(call.operation);
  });
});

afterAll(() => aws.close());

beforeEach(() => {
  faults = new Map();
  onCall = () => {};
  memory = { unsupportedZones: new Set() };
  aws.reset({ zones: ["a", "b", "c"], occupied: ["a", "b", "c"] });
  aws.change(completeDeployment);
  surplus = aws.state.mountTargets[2]?.mountTargetId ?? "";
});

function run(environment: Readonly<Record<string, string>> = {}, mustCount = true) {
  aws.calls.length = 0;
  return aws.run({
    memory,
    mustCount,
    environment: {
      FILE_COUNT_THRESHOLD: "100",
      SCALE_IN: "on",
      SCALE_IN_MINUTES: "0",
      SCALE_IN_MINIMUM_AGE_HOURS: "0",
      DRAIN_SECONDS: "0",
      INITIAL_MOUNT_TARGETS: "2",
      ALARM_TOPIC_ARN: TOPIC,
      ...environment,
    },
  });
}

const alarm = (stateValue: Alarm["stateValue"], ...alarmActions: string[]) =>
  aws.change((state) => ({
    ...state,
    alarms: [...state.alarms, { alarmName: `alarm-${stateValue}`, alarmActions, stateValue }],
  }));

const published = () => parseMountTable(aws.state.parameters[0]?.value ?? "").mount_targets;
const marked = () => published().flatMap((one) => (one.retiring_since === undefined ? [] : one.mount_target_id));
const operations = (calls: readonly Call[]) => [
  ...new Set(calls.map(({ service, operation }) => `${service}:${operation}`)),
];

describe.each(["rolling-deployment", "hot-reload"])("with %s", (ROLLOUT) => {
  test("one is marked, deleted by a later run, and no more go than there were at first", async () => {
    const first = await run({ ROLLOUT });
    expect(first).toMatchObject({
      statusCode: 200,
      message: `Mount target ${surplus} is retiring`,
      scaleIn: { action: "retire", mountTarget: { mountTargetId: surplus } },
      retiring: surplus,
      tableUpdated: true,
      deployed: ROLLOUT === "rolling-deployment",
    });
    expect(marked()).toEqual([surplus]);
    expect(aws.state.mountTargets).toHaveLength(3);
    aws.change(completeDeployment);

    expect(await run({ ROLLOUT })).toMatchObject({
      message: `Mount target ${surplus} deleted in c`,
      scaleIn: { action: "delete" },
      deleted: { mountTargetId: surplus },
      deletionFailed: false,
      retiring: null,
      mountTargets: [{ state: "available" }, { state: "available" }],
      tableUpdated: true,
    });
    expect(
      published()
        .map((one) => one.availability_zone)
        .sort(),
    ).toEqual(["a", "b"]);
    aws.change(completeDeployment);

    expect(await run({ ROLLOUT })).toMatchObject({
      message: "No action needed",
      scaleIn: { action: "none", reason: expect.stringContaining("INITIAL_MOUNT_TARGETS (2) stay") },
      tableUpdated: false,
    });
  });
});

test("while the routers are being replaced, it stays marked", async () => {
  await run();
  const before = aws.state.parameters;
  expect(await run()).toMatchObject({
    scaleIn: { action: "retire", reason: "routers may still use it" },
    tableUpdated: false,
  });
  expect(aws.state.parameters).toBe(before);
});

test("it makes these calls, which tests/infra/least-privilege.test.ts allows it", async () => {
  const task: Task = {
    taskId: "0e0e",
    clusterName: CLUSTER_NAME,
    serviceName: SERVICE_NAME,
    deploymentId: "ecs-svc/1",
    taskDefinition: aws.state.services[0]?.taskDefinition ?? "",
    lastStatus: "RUNNING",
    desiredStatus: "RUNNING",
    healthStatus: "HEALTHY",
    networkInterface: { availabilityZone: "c", securityGroups: [TASK_GROUP] },
    createdAt: new Date(),
  };
  aws.change((state) => ({ ...state, tasks: [task] }));
  expect(await run({ TASK_SECURITY_GROUP_ID: TASK_GROUP })).toMatchObject({
    scaleIn: { action: "retire", mountTarget: { availabilityZone: "b" } },
  });
  aws.change(completeDeployment);
  const made = operations(aws.calls);
  await run({ TASK_SECURITY_GROUP_ID: TASK_GROUP });
  expect(new Set([...made, ...operations(aws.calls)])).toEqual(
    new Set([
      "elasticfilesystem:DescribeFileSystems",
      "elasticfilesystem:DescribeMountTargets",
      "elasticfilesystem:DescribeMountTargetSecurityGroups",
      "elasticfilesystem:DeleteMountTarget",
      "ec2:DescribeSubnets",
      "ssm:GetParameter",
      "ssm:PutParameter",
      "ecs:DescribeServices",
      "ecs:ListServiceDeployments",
      "ecs:UpdateService",
      "ec2:DescribeNetworkInterfaces",
      "cloudwatch:DescribeAlarms",
    ]),
  );
});

test("observe says what it would do, and does nothing", async () => {
  const before = aws.state;
  const result = await run({ SCALE_IN: "observe" });
  expect(result).toMatchObject({ message: "No action needed", scaleIn: { action: "retire" }, retiring: null });
  expect(result.log.map(({ message }) => message)).toContain("With scaleIn on, a mount target would be retired");
  expect(aws.state).toBe(before);
});

test.each(["off", "observe"])("%s takes a retirement back", async (SCALE_IN) => {
  await run();
  expect(await run({ SCALE_IN })).toMatchObject({ tableUpdated: true });
  expect(marked()).toEqual([]);
});

test("more files take it back, and past the threshold another one is added besides", async () => {
  aws.change((state) => ({
    ...state,
    subnets: state.subnets.flatMap((one, index) =>
      index > 0 ? one : [one, { ...one, subnetId: "subnet-d", availabilityZone: "d", addresses: ["10.0.9.4"] }],
    ),
  }));
  await run();
  expect(await run({ FILE_COUNT_THRESHOLD: "2" })).toMatchObject({
    created: { availabilityZone: "d" },
    scaleIn: { action: "none" },
  });
  expect(marked()).toEqual([]);
  expect(published()).toHaveLength(4);
});

test("an alarm of the topic keeps it, and no other alarm does", async () => {
  alarm("OK", TOPIC);
  alarm("ALARM", `${TOPIC.replace("alarms", "others")}`);
  expect(await run()).toMatchObject({ scaleIn: { action: "retire" } });
  alarm("ALARM", TOPIC);
  expect(await run()).toMatchObject({
    scaleIn: { action: "none", reason: expect.stringContaining("alarms are on: alarm-ALARM") },
  });
  expect(marked()).toEqual([]);
});

test("one that somebody else has made stays", async () => {
  aws.change((state) => ({
    ...state,
    mountTargets: state.mountTargets.map((one) => ({ ...one, securityGroups: [] })),
  }));
  expect(await run()).toMatchObject({
    scaleIn: { action: "none", reason: expect.stringContaining("was made by somebody else") },
  });
});

test("one that is deleted by hand ends its retirement", async () => {
  await run();
  aws.change(completeDeployment);
  aws.change((state) => setLifeCycleState(state, surplus, "deleting"));
  await expect.poll(() => aws.state.mountTargets).toHaveLength(2);
  expect(await run()).toMatchObject({ scaleIn: { action: "none" }, retiring: null, tableUpdated: true });
  expect(memory.stability?.retirement).toBeUndefined();
});

const refused: Fault = { takesEffect: false, response: new AwsError("AccessDeniedException", 400, "Refused") };

test.each(["DescribeAlarms", "DescribeMountTargetSecurityGroups"])(
  "where %s is refused, the run goes on, nothing begins, and what has begun stays as it is",
  async (operation) => {
    faults.set(operation, refused);
    expect(await run()).toMatchObject({ statusCode: 200, scaleIn: { action: "none" } });
    faults.clear();
    await run();
    aws.change(completeDeployment);
    faults.set(operation, refused);
    const result = await run();
    expect(result).toMatchObject({
      statusCode: 200,
      scaleIn: { action: "retire" },
      retiring: surplus,
      tableUpdated: false,
    });
    expect(result.log.map(({ message }) => message)).toContain(
      "It can't be seen whether a mount target may be taken away",
    );
  },
);

test("a deletion that is refused is retried, whatever has come meanwhile", async () => {
  await run();
  aws.change(completeDeployment);
  faults.set("DeleteMountTarget", refused);
  expect(await run()).toMatchObject({ statusCode: 500, deleted: null, deletionFailed: true, retiring: surplus });
  faults.clear();
  alarm("ALARM", TOPIC);
  expect(await run({ FILE_COUNT_THRESHOLD: "2" })).toMatchObject({
    scaleIn: { action: "delete" },
    deleted: { mountTargetId: surplus },
  });
  expect(published()).toHaveLength(2);
});

test("a list that still has the deleted one as available gives it to no router again", async () => {
  await run();
  aws.change(completeDeployment);
  onCall = ({ operation }) => {
    if (operation === "DeleteMountTarget") faults.set("DescribeMountTargets", { asOf: aws.state });
  };
  const zones = () =>
    published()
      .map((one) => one.availability_zone)
      .sort();
  for (let runs = 0; runs < 2; runs++) {
    expect(await run({ MOUNT_TARGET_TIMEOUT_SECONDS: "0.05" })).toMatchObject({
      deleted: { mountTargetId: surplus },
      retiring: null,
    });
    expect(zones()).toEqual(["a", "b"]);
  }
  onCall = () => {};
  faults.clear();
  expect(await run()).toMatchObject({ scaleIn: { action: "none" }, tableUpdated: false });
  expect(zones()).toEqual(["a", "b"]);
});

describe("where the last count is recent enough", () => {
  const runWithoutCount = async (SCALE_IN: string) => {
    const { lastCount } = memory;
    if (lastCount !== undefined) {
      const last = { ...lastCount.past.last, duration: 60_000 };
      memory.lastCount = { ...lastCount, past: { last, before: last } };
    }
    return await run({ SCALE_IN, FILE_COUNT_THRESHOLD: "100000" }, false);
  };

  test("observe counts no more often than off", async () => {
    await runWithoutCount("observe");
    for (let runs = 0; runs < 2; runs++) {
      const { countAge, scaleIn } = await runWithoutCount("observe");
      expect(scaleIn).toMatchObject({ action: "retire" });
      expect(countAge).toBeGreaterThan(0);
    }
  });

  test("on counts before a retirement begins and before its deletion begins, and not in between", async () => {
    await runWithoutCount("observe");
    expect(await runWithoutCount("on")).toMatchObject({ scaleIn: { action: "retire" }, countAge: 0 });
    const between = await runWithoutCount("on");
    expect(between).toMatchObject({ scaleIn: { action: "retire", reason: "routers may still use it" } });
    expect(between.countAge).toBeGreaterThan(0);
    aws.change(completeDeployment);
    expect(await runWithoutCount("on")).toMatchObject({ deleted: { mountTargetId: surplus }, countAge: 0 });
  });

  test("on counts no more for a deletion that has begun", async () => {
    await runWithoutCount("on");
    aws.change(completeDeployment);
    faults.set("DeleteMountTarget", refused);
    expect(await runWithoutCount("on")).toMatchObject({ deletionFailed: true });
    faults.clear();
    const { countAge, deleted } = await runWithoutCount("on");
    expect(deleted).toMatchObject({ mountTargetId: surplus });
    expect(countAge).toBeGreaterThan(0);
  });
});

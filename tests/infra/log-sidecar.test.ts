/** The seam between the router service and its log sidecar. */
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, expect, test, vi } from "vitest";
import type { LogSidecar } from "../../components/log-sidecar.ts";
import { RouterService } from "../../components/router-service.ts";
import { create, lookUp, type Properties } from "./aws-stand-in.ts";

// Pulumi keeps the code of dynamic resources in the stack's state, and cannot keep what vitest makes of it.
vi.mock("../../components/shared-log-group.ts", async () => {
  const { dynamicResource } = await import("./dynamic-resources.ts");
  return { SharedLogGroup: dynamicResource("SharedLogGroup") };
});

const SIDECAR: Omit<LogSidecar, "errorLogGroup"> = {
  container: { name: "log-router", image: "log-router@sha256:0", healthCheck: { command: ["CMD", "true"] } },
  logConfiguration: { logDriver: "awsfirelens" },
  volumes: ["log-buffer"],
  taskStatements: [{ Sid: "KeepLogs", Effect: "Allow", Action: "s3:PutObject", Resource: "arn:aws:s3:::logs/*" }],
  executionStatements: [
    { Sid: "PullLogRouter", Effect: "Allow", Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:::repository/logs" },
  ],
};

let registered: Map<string, Properties>;

beforeAll(async () => {
  registered = new Map();
  await pulumi.runtime.setMocks({
    newResource: ({ type, name, inputs }) => {
      registered.set(`${type.split(":").at(-1)} ${name}`, inputs);
      const { id, outputs } = create(type, name, inputs);
      return { id, state: outputs };
    },
    call: ({ token, inputs }) => lookUp(token, inputs),
  });
  const role = (name: string) => new aws.iam.Role(name, { assumeRolePolicy: "{}" });
  new RouterService("router", {
    family: "router",
    clusterName: "routers",
    tags: {},
    monitorStatus: { parameterName: pulumi.output("status"), parameterArn: pulumi.output("arn") },
    vpcId: "vpc-1",
    subnetIds: ["subnet-1", "subnet-2"],
    taskSecurityGroupId: "sg-1",
    loadBalancerSecurityGroupId: "sg-2",
    image: "router@sha256:0",
    imageRepositoryArn: "arn:aws:ecr:::repository/router",
    cpuArchitecture: "ARM64",
    taskCpu: 512,
    taskMemory: 1024,
    taskRole: role("task"),
    executionRole: role("execution"),
    fileSystemId: "fs-1",
    fileSystemArn: "arn:aws:elasticfilesystem:::file-system/fs-1",
    fileSystemDnsName: "fs-1.efs.ap-northeast-1.amazonaws.com",
    accessPoint: new aws.efs.AccessPoint("directory", { fileSystemId: "fs-1" }),
    efsIamAuthorization: true,
    parameterName: "/table",
    parameterArn: "arn:aws:ssm:::parameter/table",
    loadBalancerCidr: "10.0.0.0/16",
    environment: {},
    deletionProtection: false,
    startTimeoutSeconds: 180,
    drainSeconds: 60,
    minTasks: 2,
    maxTasks: 4,
    targetCpuPercent: 60,
    targetRequestsPerMinute: 1000,
    logGroupName: "/ecs/test",
    logRetentionDays: 7,
    logSidecar: { ...SIDECAR, errorLogGroup: new aws.cloudwatch.LogGroup("errors") },
    outlivedBy: [],
  });
  await pulumi.runtime.disconnect();
});

const task = () => registered.get("TaskDefinition router") ?? {};
const containers = () => JSON.parse(String(task().containerDefinitions));

test("the sidecar runs beside the router, with its volumes", () => {
  expect(containers().map(({ name }: { name: string }) => name)).toEqual(["router", "log-router"]);
  expect(task().volumes).toEqual([{ name: "log-buffer" }]);
});

test("there is no log group that nobody writes to", () => {
  expect([...registered.keys()].filter((name) => name.startsWith("LogGroup "))).toEqual(["LogGroup errors"]);
});

test("the router logs through it, starts once it is healthy, and so stops before it", () => {
  expect(containers()[0]).toMatchObject({
    logConfiguration: { logDriver: "awsfirelens" },
    dependsOn: [{ containerName: "log-router", condition: "HEALTHY" }],
  });
});

test.each([
  ["router-task", "KeepLogs"],
  ["router-execution", "PullLogRouter"],
])("the role of %s may do what the sidecar needs", (policy, sid) => {
  const { Statement } = JSON.parse(String(registered.get(`RolePolicy ${policy}`)?.policy));
  expect(Statement.map(({ Sid }: { Sid: string }) => Sid)).toContain(sid);
});

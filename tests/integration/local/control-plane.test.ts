/**
 * What the local control plane does beyond the contract that it shares with moto (aws-contract.test.ts): states that
 * take time, every refusal, faults, and the exact form of its responses.
 */
import * as ec2Sdk from "@aws-sdk/client-ec2";
import { DescribeSubnetsCommand, paginateDescribeSubnets } from "@aws-sdk/client-ec2";
import * as ecsSdk from "@aws-sdk/client-ecs";
import {
  DescribeServicesCommand,
  DescribeTasksCommand,
  ListTasksCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import * as efsSdk from "@aws-sdk/client-efs";
import {
  CreateMountTargetCommand,
  DeleteMountTargetCommand,
  DescribeFileSystemsCommand,
  DescribeMountTargetSecurityGroupsCommand,
  DescribeMountTargetsCommand,
  paginateDescribeMountTargets,
} from "@aws-sdk/client-efs";
import * as ssmSdk from "@aws-sdk/client-ssm";
import { GetParameterCommand, PutParameterCommand } from "@aws-sdk/client-ssm";
import { XMLParser } from "fast-xml-parser";
import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import {
  ACCOUNT_ID,
  CLUSTER_NAME,
  createAccount,
  FILE_SYSTEM_ID,
  SECURITY_GROUP_ID,
  SERVICE_NAME,
  SUBNETS,
  VPC_ID,
} from "../../../local/account.ts";
import { AwsError } from "../../../local/control-plane/aws-error.ts";
import {
  type Call,
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from "../../../local/control-plane/server.ts";
import type { AwsState, Service, Subnet, Task } from "../../../local/control-plane/state.ts";
import { clients } from "../../support/aws-clients.ts";

const TASK_DEFINITION = `arn:aws:ecs:ap-northeast-1:${ACCOUNT_ID}:task-definition/router:1`;
const PARAMETER = "/efs-mount-autoscaling/mount-targets";
const [subnetA, subnetC, subnetD] = SUBNETS as [Subnet, Subnet, Subnet];

const running: ControlPlane[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((controlPlane) => controlPlane.close()));
});

async function start(options: Partial<ControlPlaneOptions> = {}) {
  const controlPlane = await startControlPlane({ state: account(), ...options });
  running.push(controlPlane);
  return { controlPlane, ...clients(controlPlane.url) };
}

function account(change: Partial<AwsState> = {}): AwsState {
  const service: Service = {
    serviceName: SERVICE_NAME,
    clusterName: CLUSTER_NAME,
    status: "ACTIVE",
    desiredCount: 2,
    taskDefinition: TASK_DEFINITION,
    deploymentConfiguration: {
      minimumHealthyPercent: 100,
      maximumPercent: 200,
      deploymentCircuitBreaker: { enable: true, rollback: true },
    },
    deployments: [
      {
        id: "ecs-svc/1",
        status: "PRIMARY",
        taskDefinition: TASK_DEFINITION,
        desiredCount: 2,
        failedTasks: 0,
        createdAt: new Date("2025-01-01T00:00:00.250Z"),
        updatedAt: new Date("2025-01-01T00:00:00.250Z"),
        rolloutState: "COMPLETED",
        rolloutStateReason: "ECS deployment ecs-svc/1 completed.",
        isRollback: false,
      },
    ],
    serviceDeployments: [
      {
        id: "1",
        createdAt: new Date("2025-01-01T00:00:00.250Z"),
        finishedAt: new Date("2025-01-01T00:01:00Z"),
        status: "SUCCESSFUL",
      },
    ],
    events: [],
    createdAt: new Date("2025-01-01T00:00:00Z"),
  };
  const task = (taskId: string, lastStatus: Task["lastStatus"]): Task => ({
    taskId,
    clusterName: CLUSTER_NAME,
    serviceName: SERVICE_NAME,
    deploymentId: "ecs-svc/1",
    taskDefinition: TASK_DEFINITION,
    lastStatus,
    desiredStatus: "RUNNING",
    healthStatus: lastStatus === "RUNNING" ? "HEALTHY" : "UNKNOWN",
    createdAt: new Date("2025-01-01T00:00:00Z"),
  });
  return {
    ...createAccount(new Date("2025-01-01T00:00:00Z")),
    taskDefinitions: [
      { family: "router", revision: 1, containerName: "router", command: ["router"], environment: {}, stopTimeout: 30 },
    ],
    services: [service],
    tasks: [task("aaaa", "RUNNING"), task("bbbb", "PENDING")],
    ...change,
  };
}

async function createIn(efs: efsSdk.EFSClient, subnet: Subnet, more: object = {}) {
  return efs.send(new CreateMountTargetCommand({ FileSystemId: FILE_SYSTEM_ID, SubnetId: subnet.subnetId, ...more }));
}

describe("EFS", () => {
  test("a mount target is creating, then available, then deleting, then gone", async () => {
    const available = vi.fn(async () => {});
    const deleted = vi.fn(async () => {});
    const { efs } = await start({
      mountTargetCreationDelay: 100,
      mountTargetDeletionDelay: 100,
      onMountTargetAvailable: available,
      onMountTargetDeleted: deleted,
    });
    const created = await createIn(efs, subnetA, { SecurityGroups: [SECURITY_GROUP_ID] });
    expect(created).toMatchObject({
      LifeCycleState: "creating",
      FileSystemId: FILE_SYSTEM_ID,
      SubnetId: subnetA.subnetId,
      AvailabilityZoneName: "ap-northeast-1a",
      AvailabilityZoneId: "apne1-az4",
      IpAddress: "127.0.0.11",
      VpcId: VPC_ID,
      OwnerId: ACCOUNT_ID,
    });
    expect(created.MountTargetId).toMatch(/^fsmt-[0-9a-f]{17}$/);
    const id = { MountTargetId: created.MountTargetId };
    const lifeCycleState = async () =>
      (await efs.send(new DescribeMountTargetsCommand({ FileSystemId: FILE_SYSTEM_ID }))).MountTargets?.[0]
        ?.LifeCycleState;
    expect(available).not.toHaveBeenCalled();
    await vi.waitFor(async () => expect(await lifeCycleState()).toBe("available"), { timeout: 60_000 });
    expect(available).toHaveBeenCalledOnce();
    expect(await efs.send(new DescribeMountTargetSecurityGroupsCommand(id))).toMatchObject({
      SecurityGroups: [SECURITY_GROUP_ID],
    });
    await efs.send(new DeleteMountTargetCommand(id));
    expect(await lifeCycleState()).toBe("deleting");
    await vi.waitFor(async () => expect(await lifeCycleState()).toBeUndefined(), { timeout: 60_000 });
    expect(deleted).toHaveBeenCalledOnce();
    await expect(efs.send(new DescribeMountTargetsCommand(id))).rejects.toThrow(efsSdk.MountTargetNotFound);
    expect((await createIn(efs, subnetA)).IpAddress).toBe("127.0.0.11");
  });

  test("a mount target whose server does not start ends in state error", async () => {
    const onError = vi.fn();
    const failure = new Error("address in use");
    const { efs } = await start({ onMountTargetAvailable: () => Promise.reject(failure), onError });
    const { MountTargetId } = await createIn(efs, subnetA);
    await vi.waitFor(
      async () => {
        const response = await efs.send(new DescribeMountTargetsCommand({ MountTargetId }));
        expect(response.MountTargets?.[0]?.LifeCycleState).toBe("error");
      },
      { timeout: 60_000 },
    );
    expect(onError).toHaveBeenCalledExactlyOnceWith(failure);
  });

  test("DescribeMountTargets and DescribeFileSystems count and page", async () => {
    const { efs } = await start({ maxPageSize: 2 });
    for (const subnet of SUBNETS) await createIn(efs, subnet);
    const pages: number[] = [];
    const zones = new Set<string | undefined>();
    for await (const page of paginateDescribeMountTargets({ client: efs }, { FileSystemId: FILE_SYSTEM_ID })) {
      pages.push(page.MountTargets?.length ?? 0);
      for (const target of page.MountTargets ?? []) zones.add(target.AvailabilityZoneName);
    }
    expect(pages).toEqual([2, 1]);
    expect(zones.size).toBe(3);
    const one = await efs.send(new DescribeMountTargetsCommand({ FileSystemId: FILE_SYSTEM_ID, MaxItems: 1 }));
    expect(one.MountTargets).toHaveLength(1);
    const { FileSystems } = await efs.send(new DescribeFileSystemsCommand({}));
    expect(FileSystems).toMatchObject([
      {
        FileSystemId: FILE_SYSTEM_ID,
        NumberOfMountTargets: 3,
        LifeCycleState: "available",
        CreationTime: new Date("2025-01-01T00:00:00Z"),
      },
    ]);
  });

  const otherVpc: Subnet = { ...subnetC, subnetId: "subnet-0e5a0000000000ffe", vpcId: "vpc-0e5a0000000000002" };
  const secondInA: Subnet = { ...subnetA, subnetId: "subnet-0e5a0000000000fff", addresses: ["127.0.0.99"] };
  const withSubnet = (subnet: Subnet) =>
    account({ subnets: [...SUBNETS.filter((one) => one.subnetId !== subnet.subnetId), subnet] });
  const withFileSystem = (change: Partial<AwsState["fileSystems"][number]>) =>
    account({ fileSystems: account().fileSystems.map((one) => ({ ...one, ...change })) });

  test.each([
    ["a file system that does not exist", account({ fileSystems: [] }), subnetA, {}, efsSdk.FileSystemNotFound],
    [
      "a file system that is being made",
      withFileSystem({ lifeCycleState: "creating" }),
      subnetA,
      {},
      efsSdk.IncorrectFileSystemLifeCycleState,
    ],
    [
      "a One Zone file system, another zone",
      withFileSystem({ availabilityZoneName: "ap-northeast-1c" }),
      subnetA,
      {},
      efsSdk.AvailabilityZonesMismatch,
    ],
    ["a subnet that does not exist", account({ subnets: [] }), subnetA, {}, efsSdk.SubnetNotFound],
    [
      "a subnet without addresses",
      withSubnet({ ...subnetA, addresses: [] }),
      subnetA,
      {},
      efsSdk.NoFreeAddressesInSubnet,
    ],
    [
      "a zone without EFS",
      withSubnet({ ...subnetA, supportsEfs: false }),
      subnetA,
      {},
      efsSdk.UnsupportedAvailabilityZone,
    ],
    ["an address outside of the subnet", account(), subnetA, { IpAddress: "127.0.0.77" }, efsSdk.BadRequest],
    [
      "a security group that does not exist",
      account(),
      subnetA,
      { SecurityGroups: ["sg-none"] },
      efsSdk.SecurityGroupNotFound,
    ],
    [
      "too many security groups",
      account(),
      subnetA,
      { SecurityGroups: Array(6).fill(SECURITY_GROUP_ID) },
      efsSdk.SecurityGroupLimitExceeded,
    ],
  ])("CreateMountTarget refuses %s", async (_what, state, subnet, more, error) => {
    const { controlPlane, efs } = await start({ state });
    const refusal = await createIn(efs, subnet, more).catch((thrown: unknown) => thrown);
    expect(refusal).toBeInstanceOf(error);
    expect(refusal).toMatchObject({ ErrorCode: error.name, $metadata: { requestId: expect.stringMatching(/-/) } });
    expect(controlPlane.state()).toBe(state);
  });

  test.each([
    ["a second target in one zone", secondInA, {}, efsSdk.MountTargetConflict],
    ["a target in another VPC", otherVpc, {}, efsSdk.MountTargetConflict],
    [
      "an address in use",
      { ...secondInA, availabilityZone: "ap-northeast-1d", addresses: subnetA.addresses },
      { IpAddress: "127.0.0.11" },
      efsSdk.IpAddressInUse,
    ],
  ])("CreateMountTarget refuses %s", async (_what, subnet, more, error) => {
    const { efs } = await start({ state: withSubnet(subnet) });
    await createIn(efs, subnetA);
    await expect(createIn(efs, subnet, more)).rejects.toThrow(error);
  });
});

describe("EC2", () => {
  test("DescribeSubnets filters, and counts free addresses", async () => {
    const { ec2, efs } = await start();
    await createIn(efs, subnetA);
    const all = await ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: "vpc-id", Values: [VPC_ID] }] }));
    expect(all.Subnets?.map((subnet) => [subnet.AvailabilityZone, subnet.AvailableIpAddressCount])).toEqual([
      ["ap-northeast-1a", 0],
      ["ap-northeast-1c", 1],
      ["ap-northeast-1d", 1],
    ]);
    expect(all.Subnets?.[0]).toMatchObject({
      SubnetId: subnetA.subnetId,
      CidrBlock: "10.0.1.0/24",
      AvailabilityZoneId: "apne1-az4",
      State: "available",
      MapPublicIpOnLaunch: false,
      Tags: [{ Key: "Name", Value: "private-a" }],
    });
    const one = await ec2.send(
      new DescribeSubnetsCommand({
        Filters: [
          { Name: "availability-zone", Values: ["ap-northeast-1[acd]", "*1d"] },
          { Name: "tag:Name", Values: ["private-?"] },
        ],
      }),
    );
    expect(one.Subnets?.map((subnet) => subnet.SubnetId)).toEqual([subnetD.subnetId]);
    const none = await ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: "vpc-id", Values: ["vpc-other"] }] }));
    expect(none.Subnets).toEqual([]);
    const named = await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [subnetC.subnetId] }));
    expect(named.Subnets?.map((subnet) => subnet.SubnetId)).toEqual([subnetC.subnetId]);
  });

  test("DescribeSubnets pages", async () => {
    const { ec2 } = await start({ maxPageSize: 2 });
    const pages: number[] = [];
    for await (const page of paginateDescribeSubnets({ client: ec2 }, {})) pages.push(page.Subnets?.length ?? 0);
    expect(pages).toEqual([2, 1]);
  });

  test.each([
    [{ SubnetIds: ["subnet-none"] }, "InvalidSubnetID.NotFound"],
    [{ Filters: [{ Name: "colour", Values: ["red"] }] }, "InvalidParameterValue"],
    [{ MaxResults: 3 }, "InvalidParameterValue"],
    [{ MaxResults: 5, SubnetIds: [subnetA.subnetId] }, "InvalidParameterCombination"],
    [{ NextToken: "made-up" }, "InvalidNextToken"],
  ])("DescribeSubnets refuses %j", async (input, code) => {
    const { ec2 } = await start();
    await expect(ec2.send(new DescribeSubnetsCommand(input))).rejects.toMatchObject({
      name: code,
      $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/-/) },
    });
  });
});

describe("SSM", () => {
  test("a value has at most 4 KiB, 8 KiB in the advanced tier", async () => {
    const { ssm } = await start();
    const put = (bytes: number, more: object = {}) =>
      ssm.send(
        new PutParameterCommand({
          Name: PARAMETER,
          Value: "x".repeat(bytes),
          Type: "String",
          Overwrite: true,
          ...more,
        }),
      );
    await expect(put(4097)).rejects.toMatchObject({ name: "ValidationException" });
    expect((await put(4096)).Tier).toBe("Standard");
    expect((await put(4097, { Tier: "Intelligent-Tiering" })).Tier).toBe("Advanced");
    await expect(put(8193)).rejects.toMatchObject({ name: "ValidationException" });
  });
});

describe("ECS", () => {
  const service = { cluster: CLUSTER_NAME, service: SERVICE_NAME };

  test("DescribeServices shows deployments and counts, and what it does not find", async () => {
    const { ecs } = await start();
    const response = await ecs.send(
      new DescribeServicesCommand({ cluster: CLUSTER_NAME, services: [SERVICE_NAME, "other"] }),
    );
    expect(response.services).toMatchObject([
      {
        serviceName: SERVICE_NAME,
        status: "ACTIVE",
        desiredCount: 2,
        runningCount: 1,
        pendingCount: 1,
        taskDefinition: TASK_DEFINITION,
        deployments: [
          {
            status: "PRIMARY",
            rolloutState: "COMPLETED",
            runningCount: 1,
            pendingCount: 1,
            createdAt: new Date("2025-01-01T00:00:00.250Z"),
          },
        ],
      },
    ]);
    expect(response.failures).toMatchObject([{ reason: "MISSING", arn: expect.stringMatching(/other$/) }]);
    await expect(ecs.send(new DescribeServicesCommand({ cluster: "none", services: [SERVICE_NAME] }))).rejects.toThrow(
      ecsSdk.ClusterNotFoundException,
    );
  });

  test("UpdateService with forceNewDeployment starts a deployment; a new count alone does not", async () => {
    const { controlPlane, ecs } = await start();
    const changed = vi.fn();
    const unsubscribe = controlPlane.subscribe(changed);
    const scaled = await ecs.send(new UpdateServiceCommand({ ...service, desiredCount: 3 }));
    expect(scaled.service).toMatchObject({ desiredCount: 3, deployments: [{ id: "ecs-svc/1", desiredCount: 3 }] });
    const before = Date.now();
    const rolled = await ecs.send(new UpdateServiceCommand({ ...service, forceNewDeployment: true }));
    expect(rolled.service?.deployments).toMatchObject([
      { status: "PRIMARY", rolloutState: "IN_PROGRESS", desiredCount: 3, runningCount: 0, pendingCount: 0 },
      { id: "ecs-svc/1", status: "ACTIVE", rolloutState: "COMPLETED", runningCount: 1 },
    ]);
    expect(rolled.service?.deployments?.[0]?.createdAt?.getTime()).toBeGreaterThanOrEqual(before);
    expect(changed).toHaveBeenCalledTimes(2);
    await ecs.send(new DescribeServicesCommand({ cluster: CLUSTER_NAME, services: [SERVICE_NAME] }));
    unsubscribe();
    await ecs.send(new UpdateServiceCommand({ ...service, forceNewDeployment: true }));
    expect(changed).toHaveBeenCalledTimes(2);
  });

  test("ListServiceDeployments has every deployment since a time, and pages", async () => {
    const { ecs } = await start({ maxPageSize: 1 });
    const list = (input: object) => ecs.send(new ecsSdk.ListServiceDeploymentsCommand({ ...service, ...input }));
    const now = new Date();
    await ecs.send(new UpdateServiceCommand({ ...service, forceNewDeployment: true }));
    const first = await list({});
    const second = await list({ nextToken: first.nextToken });
    expect(second.nextToken).toBeUndefined();
    const all = [...(first.serviceDeployments ?? []), ...(second.serviceDeployments ?? [])];
    expect(all.map(({ status }) => status).sort()).toEqual(["IN_PROGRESS", "SUCCESSFUL"]);
    const since = await list({ createdAt: { after: new Date(now.getTime() - 1) } });
    expect(since.serviceDeployments).toMatchObject([{ status: "IN_PROGRESS" }]);
    await expect(list({ service: "none" })).rejects.toThrow(ecsSdk.ServiceNotFoundException);
  });

  test("UpdateService refuses what is missing, inactive or unknown", async () => {
    const state = account();
    const inactive = state.services.map((one): Service => ({ ...one, serviceName: "old", status: "INACTIVE" }));
    const { ecs } = await start({ state: { ...state, services: [...state.services, ...inactive] } });
    const update = (input: object) => ecs.send(new UpdateServiceCommand({ ...service, ...input }));
    await expect(update({ service: "none" })).rejects.toThrow(ecsSdk.ServiceNotFoundException);
    await expect(update({ service: "old" })).rejects.toThrow(ecsSdk.ServiceNotActiveException);
    await expect(update({ cluster: "none" })).rejects.toThrow(ecsSdk.ClusterNotFoundException);
    await expect(update({ taskDefinition: "router:9" })).rejects.toThrow(ecsSdk.ClientException);
    await expect(update({ desiredCount: -1 })).rejects.toThrow(ecsSdk.InvalidParameterException);
  });

  test("ListTasks and DescribeTasks", async () => {
    const { ecs } = await start({ maxPageSize: 1 });
    const listed: string[] = [];
    for await (const page of ecsSdk.paginateListTasks(
      { client: ecs },
      { cluster: CLUSTER_NAME, serviceName: SERVICE_NAME },
    )) {
      listed.push(...(page.taskArns ?? []));
    }
    expect(listed.map((arn) => arn.split("/").at(-1))).toEqual(["aaaa", "bbbb"]);
    const stopped = await ecs.send(new ListTasksCommand({ cluster: CLUSTER_NAME, desiredStatus: "STOPPED" }));
    expect(stopped.taskArns).toEqual([]);
    const described = await ecs.send(new DescribeTasksCommand({ cluster: CLUSTER_NAME, tasks: [...listed, "cccc"] }));
    expect(described.tasks).toMatchObject([
      { lastStatus: "RUNNING", healthStatus: "HEALTHY", startedBy: "ecs-svc/1", containers: [{ name: "router" }] },
      { lastStatus: "PENDING", healthStatus: "UNKNOWN" },
    ]);
    expect(described.failures).toMatchObject([{ reason: "MISSING" }]);
  });
});

describe("on the wire", () => {
  const get = async (url: string) => {
    const response = await fetch(url);
    return { response, body: await response.json() };
  };
  const postJson = async (url: string, target: string, body: object) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "x-amz-target": target, "content-type": "application/x-amz-json-1.1" },
      body: JSON.stringify(body),
    });
    return { response, body: await response.json() };
  };
  /** Every name in `response` at `path` must be a member of the SDK's model, `[…, …, …, …, members, …]`. */
  function expectInModel(response: unknown, path: readonly (string | number)[], schema: readonly unknown[]) {
    let value = response;
    for (const key of path) value = z.record(z.string(), z.unknown()).parse({ ...Object(value) })[key];
    const names = Object.keys(Object(value));
    expect(names.length).toBeGreaterThan(3);
    expect(schema[4]).toEqual(expect.arrayContaining(names));
  }

  test("every member of a response is in the SDK's model of it", async () => {
    const { controlPlane, efs, ssm } = await start();
    const target = await createIn(efs, subnetA);
    await ssm.send(new PutParameterCommand({ Name: PARAMETER, Value: "1", Type: "String" }));
    const { url } = controlPlane;
    const mountTargets = await get(`${url}/2015-02-01/mount-targets?MountTargetId=${target.MountTargetId}`);
    expectInModel(mountTargets.body, ["MountTargets", 0], efsSdk.MountTargetDescription$);
    const fileSystems = await get(`${url}/2015-02-01/file-systems`);
    expectInModel(fileSystems.body, ["FileSystems", 0], efsSdk.FileSystemDescription$);
    const parameter = await postJson(url, "AmazonSSM.GetParameter", { Name: PARAMETER });
    expectInModel(parameter.body, ["Parameter"], ssmSdk.Parameter$);
    expect(parameter.body).toMatchObject({ Parameter: { LastModifiedDate: expect.closeTo(Date.now() / 1000, -2) } });
    const ecsCall = (operation: string, input: object) =>
      postJson(url, `AmazonEC2ContainerServiceV20141113.${operation}`, { cluster: CLUSTER_NAME, ...input });
    const services = await ecsCall("DescribeServices", { services: [SERVICE_NAME] });
    expectInModel(services.body, ["services", 0], ecsSdk.Service$);
    expectInModel(services.body, ["services", 0, "deployments", 0], ecsSdk.Deployment$);
    const deployments = await ecsCall("ListServiceDeployments", { service: SERVICE_NAME });
    expectInModel(deployments.body, ["serviceDeployments", 0], ecsSdk.ServiceDeploymentBrief$);
    const tasks = await ecsCall("DescribeTasks", { tasks: ["aaaa"] });
    expectInModel(tasks.body, ["tasks", 0], ecsSdk.Task$);
    expectInModel(tasks.body, ["tasks", 0, "containers", 0], ecsSdk.Container$);
    const form = new URLSearchParams({ Action: "DescribeSubnets", Version: "2016-11-15" });
    const subnets = new XMLParser().parse(await (await fetch(url, { method: "POST", body: form })).text());
    const { tagSet, ...subnet } = subnets.DescribeSubnetsResponse.subnetSet.item[0];
    expect(tagSet).toEqual({ item: { key: "Name", value: "private-a" } });
    const capitalized = Object.entries(subnet).map(([name, value]) => [
      name.replace(/^./, (c) => c.toUpperCase()),
      value,
    ]);
    expectInModel(Object.fromEntries(capitalized), [], ec2Sdk.Subnet$);
  });

  test("errors have each protocol's shape", async () => {
    const { controlPlane } = await start();
    const { url } = controlPlane;
    const rest = await get(`${url}/2015-02-01/mount-targets?FileSystemId=fs-0`);
    expect(rest.response.status).toBe(404);
    expect(rest.response.headers.get("x-amzn-errortype")).toBe("FileSystemNotFound");
    expect(rest.body).toEqual({ ErrorCode: "FileSystemNotFound", Message: "File system 'fs-0' does not exist." });
    const json = await postJson(url, "AmazonSSM.GetParameter", { Name: "none" });
    expect(json.response.status).toBe(400);
    expect(json.body).toEqual({ __type: "ParameterNotFound", message: "Parameter none not found." });
    for (const operation of ["DeleteParameter", "toString", ""]) {
      const unknown = await postJson(url, `AmazonSSM.${operation}`, { Name: "none" });
      expect(unknown.body).toMatchObject({ __type: "UnknownOperationException" });
    }
    const form = await fetch(url, { method: "POST", body: new URLSearchParams({ Action: "RunInstances" }) });
    expect(form.status).toBe(400);
    expect(await form.text()).toMatch(
      /^<\?xml version="1.0" encoding="UTF-8"\?>\n<Response><Errors><Error><Code>InvalidAction<\/Code><Message>.*<\/Message><\/Error><\/Errors><RequestID>[-0-9a-f]+<\/RequestID><\/Response>$/,
    );
    const broken = await fetch(url, {
      method: "POST",
      headers: { "x-amz-target": "AmazonSSM.GetParameter" },
      body: "{",
    });
    expect(await broken.json()).toMatchObject({ __type: "SerializationException" });
    expect((await fetch(`${url}/2015-02-01/replication`)).status).toBe(404);
  });
});

describe("faults", () => {
  test("every call is seen, with who made it", async () => {
    const calls: Call[] = [];
    const { efs, ec2, ssm } = await start({
      onCall: (call) => {
        calls.push(call);
        return undefined;
      },
    });
    await createIn(efs, subnetA);
    await ec2.send(new DescribeSubnetsCommand({}));
    await ssm.send(new GetParameterCommand({ Name: PARAMETER })).catch(() => {});
    expect(calls).toMatchObject([
      {
        service: "elasticfilesystem",
        operation: "CreateMountTarget",
        accessKeyId: "AKIDLOCAL",
        input: { SubnetId: subnetA.subnetId },
      },
      { service: "ec2", operation: "DescribeSubnets" },
      { service: "ssm", operation: "GetParameter", input: { Name: PARAMETER } },
    ]);
  });

  test("a throttled call has no effect; the SDK's own retries get through", async () => {
    let left = 2;
    const { controlPlane } = await start({
      onCall: () =>
        left-- > 0
          ? { takesEffect: false, response: new AwsError("ThrottlingException", 400, "Rate exceeded") }
          : undefined,
    });
    const patient = clients(controlPlane.url, 3).ssm;
    await patient.send(new PutParameterCommand({ Name: PARAMETER, Value: "1", Type: "String" }));
    expect(controlPlane.state().parameters).toMatchObject([{ version: 1 }]);
  });

  test("a response can be lost after the call took effect", async () => {
    const { controlPlane, efs } = await start({ onCall: () => ({ takesEffect: true, response: "connection-closed" }) });
    await expect(createIn(efs, subnetA)).rejects.toThrow(/socket hang up|ECONNRESET/);
    expect(controlPlane.state().mountTargets).toHaveLength(1);
  });

  test("a call that reads can see an older state, which stays the past", async () => {
    let asOf: AwsState | undefined;
    const { controlPlane, efs } = await start({ onCall: () => asOf && { asOf } });
    const before = controlPlane.state();
    await createIn(efs, subnetA);
    asOf = before;
    const { MountTargets } = await efs.send(new DescribeMountTargetsCommand({ FileSystemId: FILE_SYSTEM_ID }));
    expect(MountTargets).toEqual([]);
    await expect(createIn(efs, subnetA)).rejects.toThrow("does not only read");
    expect(controlPlane.state().mountTargets).toHaveLength(1);
  });

  test("a call can go without a response, and close does not wait for it", async () => {
    const { controlPlane, efs } = await start({ onCall: () => ({ takesEffect: false, response: "none" }) });
    const signal = AbortSignal.timeout(200);
    const command = new DescribeMountTargetsCommand({ FileSystemId: FILE_SYSTEM_ID });
    await expect(efs.send(command, { abortSignal: signal })).rejects.toThrow();
    const pending = efs.send(command);
    pending.catch(() => {});
    await vi.waitFor(() => expect(signal.aborted).toBe(true), { timeout: 60_000 });
    await controlPlane.close();
    await expect(pending).rejects.toThrow();
  });
});

/**
 * The monitor's bundle against moto, a stand-in for AWS that this project has no part in.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CreateSecurityGroupCommand, CreateSubnetCommand, CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import {
  CreateFileSystemCommand,
  CreateMountTargetCommand,
  DeleteMountTargetCommand,
  EFSClient,
} from "@aws-sdk/client-efs";
import { GetParameterCommand, type ParameterType, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type BundleRun, runMonitorBundle } from "../support/monitor-bundle.ts";
import { type Command, findOnPath, type Requirement } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";

const moto: Requirement = {
  name: "moto's server",
  howToGet: "pip install 'moto[server]'",
  installedByCi: false,
  find: () => findOnPath("moto_server") ?? findPythonModule("moto.server"),
};

function findPythonModule(name: string): Command | undefined {
  const python = findOnPath("python3");
  if (!python) return undefined;
  return spawnSync(python[0], ["-c", `import ${name}`]).status === 0 ? [...python, "-m", name] : undefined;
}

const REGION = "ap-northeast-1";
const PARAMETER = "/efs-mount-autoscaling/mount-targets";
const ROUTER = { cluster: "cluster", service: "router" };

describeRequiring([moto], "the file monitor's bundle against moto", ([[program, ...leadingArguments]]) => {
  let server: ChildProcess;
  let endpoint: string;
  let mountPath: string;
  let stack: Stack;

  beforeAll(async () => {
    const address = ["-H", "127.0.0.1", "-p", "0"];
    server = spawn(program, [...leadingArguments, ...address], { stdio: ["ignore", "ignore", "pipe"] });
    endpoint = await readEndpoint(server);
  });

  afterAll(async () => {
    server.kill();
    await once(server, "exit");
  });

  beforeEach(async () => {
    await fetch(`${endpoint}/moto-api/reset`, { method: "POST" });
    stack = await createStack(endpoint);
    mountPath = await mkdtemp(join(tmpdir(), "file-monitor-"));
    await mkdir(join(mountPath, "data"));
    for (const name of ["a", "b", "c"]) await writeFile(join(mountPath, "data", name), "");
    return () => rm(mountPath, { recursive: true });
  });

  function run(overrides: Readonly<Record<string, string>> = {}): Promise<BundleRun> {
    return runMonitorBundle({
      ...stack.environment,
      AWS_ENDPOINT_URL: endpoint,
      EFS_MOUNT_PATH: mountPath,
      ...overrides,
    });
  }

  test("below the threshold it writes the missing table, deploys, and then leaves all as it is", async () => {
    const first = await run({ FILE_COUNT_THRESHOLD: "3" });
    expect(first.result).toMatchObject({ statusCode: 200, message: "No action needed", fileCount: 3 });
    expect(first.result).toMatchObject({ created: null, tableUpdated: true, deployed: true });
    expect(await stack.publishedZones()).toEqual(["ap-northeast-1a", "ap-northeast-1c"]);

    const before = await stack.deploymentId();
    const second = await run({ FILE_COUNT_THRESHOLD: "3" });
    expect(second.result).toMatchObject({ statusCode: 200, tableUpdated: false, deployed: false });
    expect(await stack.deploymentId()).toBe(before);
  });

  test("past the threshold it adds a mount target, publishes it and deploys; then no Availability Zone is left", async () => {
    const first = await run({ FILE_COUNT_THRESHOLD: "2" });
    expect(first.result).toMatchObject({ statusCode: 200, thresholdPassed: true, tableUpdated: true, deployed: true });
    expect(first.result.created).toMatchObject({ availabilityZone: "ap-northeast-1d", state: "available" });
    expect(first.metrics).toMatchObject({ FileCount: 3, ThresholdExceeded: 1, MountTargets: 3, MountTargetCreated: 1 });
    expect(await stack.publishedZones()).toEqual(["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]);

    const second = await run({ FILE_COUNT_THRESHOLD: "2" });
    expect(second.result).toMatchObject({ statusCode: 200, message: "No action needed", created: null });
    expect(second.result).toMatchObject({ availabilityZonesLeft: 0, tableUpdated: false, deployed: false });
  });

  test("drops a deleted mount target from a SecureString, which stays one", async () => {
    await stack.writeTable("SecureString", "not a table");
    await stack.deleteFirstMountTarget();
    const { result } = await run();
    expect(result).toMatchObject({ statusCode: 200, tableUpdated: true });
    expect(await stack.readTable()).toMatchObject({ Type: "SecureString" });
    expect(await stack.publishedZones()).toEqual(["ap-northeast-1c"]);
  });

  test("a directory that is missing is a failure that changes nothing", async () => {
    await stack.writeTable("String", '{"mount_targets":[]}');
    const { result, metrics } = await run({ TARGET_DIRECTORY: "/missing" });
    expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("missing can't be read") });
    expect(metrics).toMatchObject({ RunFailed: 1 });
    expect(await stack.readTable()).toMatchObject({ Value: '{"mount_targets":[]}' });
  });

  test("a refused mount target is a failure that adds nothing to the table", async () => {
    await run();
    const before = await stack.readTable();
    const { result } = await run({ FILE_COUNT_THRESHOLD: "2", EFS_SECURITY_GROUP_ID: "sg-0123abcd" });
    expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("SecurityGroupNotFound") });
    expect(result).toMatchObject({ creationFailed: true, tableUpdated: false, deployed: false });
    expect(await stack.readTable()).toEqual(before);
  });

  test("a missing service is a failure, but the table is right", async () => {
    const { result } = await run({ ECS_SERVICE_NAME: "missing" });
    expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("missing"), tableUpdated: true });
    expect(await stack.publishedZones()).toEqual(["ap-northeast-1a", "ap-northeast-1c"]);
  });
});

type Stack = Awaited<ReturnType<typeof createStack>>;

/** Three subnets in three Availability Zones, mount targets in two of them, and a service. */
async function createStack(endpoint: string) {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const [ec2, ecs, efs, ssm] = [
    new EC2Client({ endpoint, region: REGION, credentials }),
    new ECSClient({ endpoint, region: REGION, credentials }),
    new EFSClient({ endpoint, region: REGION, credentials }),
    new SSMClient({ endpoint, region: REGION, credentials }),
  ];
  const vpc = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
  const VpcId = present(vpc.Vpc?.VpcId);
  const { GroupId } = await ec2.send(new CreateSecurityGroupCommand({ GroupName: "efs", Description: "efs", VpcId }));
  const { FileSystemId } = await efs.send(new CreateFileSystemCommand({ CreationToken: "test" }));
  const mountTargetIds: string[] = [];
  for (const [index, zone] of ["a", "c", "d"].entries()) {
    const { Subnet } = await ec2.send(
      new CreateSubnetCommand({ VpcId, AvailabilityZone: REGION + zone, CidrBlock: `10.0.${index}.0/24` }),
    );
    if (zone === "d") continue;
    const target = await efs.send(new CreateMountTargetCommand({ FileSystemId, SubnetId: Subnet?.SubnetId }));
    mountTargetIds.push(present(target.MountTargetId));
  }
  const container = { name: "router", image: "router", memory: 128 };
  await ecs.send(new CreateClusterCommand({ clusterName: ROUTER.cluster }));
  await ecs.send(new RegisterTaskDefinitionCommand({ family: "router", containerDefinitions: [container] }));
  await ecs.send(
    new CreateServiceCommand({ cluster: ROUTER.cluster, serviceName: ROUTER.service, taskDefinition: "router" }),
  );

  const readTable = async () =>
    (await ssm.send(new GetParameterCommand({ Name: PARAMETER, WithDecryption: true }))).Parameter;
  return {
    environment: {
      EFS_FILE_SYSTEM_ID: present(FileSystemId),
      EFS_SECURITY_GROUP_ID: present(GroupId),
      VPC_ID: VpcId,
      ECS_CLUSTER_NAME: ROUTER.cluster,
      ECS_SERVICE_NAME: ROUTER.service,
    },
    readTable,
    writeTable: (Type: ParameterType, Value: string) =>
      ssm.send(new PutParameterCommand({ Name: PARAMETER, Type, Value })),
    publishedZones: async () => {
      const table = parseMountTable(present((await readTable())?.Value));
      return table.mount_targets.map((target) => target.availability_zone).sort();
    },
    deleteFirstMountTarget: () => efs.send(new DeleteMountTargetCommand({ MountTargetId: mountTargetIds[0] })),
    deploymentId: async () => {
      const { services } = await ecs.send(
        new DescribeServicesCommand({ cluster: ROUTER.cluster, services: [ROUTER.service] }),
      );
      return services?.[0]?.deployments?.[0]?.id;
    },
  };
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("moto left out a member that AWS gives");
  return value;
}

async function readEndpoint(server: ChildProcess): Promise<string> {
  if (server.stderr === null) throw new Error("moto's standard error is not a pipe");
  const lines = createInterface(server.stderr);
  for await (const line of lines) {
    const address = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address === undefined) continue;
    // What it writes from now on must not fill the pipe.
    server.stderr.resume();
    return address;
  }
  throw new Error("moto's server ended before it listened");
}

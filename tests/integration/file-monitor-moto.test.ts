/**
 * The monitor's bundle against moto, a stand-in for AWS that this project has no part in.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeServicesCommand } from "@aws-sdk/client-ecs";
import { CreateMountTargetCommand, DeleteMountTargetCommand } from "@aws-sdk/client-efs";
import { GetParameterCommand, type ParameterType, PutParameterCommand } from "@aws-sdk/client-ssm";
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { clients } from "../support/aws-clients.ts";
import { type BundleRun, runMonitorBundle } from "../support/monitor-bundle.ts";
import {
  createFileSystem,
  createNetwork,
  createService,
  type Moto,
  moto,
  present,
  startMoto,
} from "../support/moto.ts";
import { describeRequiring } from "../support/requirements.ts";

const PARAMETER = "/efs-mount-autoscaling/mount-targets";
const ROUTER = { clusterName: "cluster", serviceName: "router" };

describeRequiring([moto], "the file monitor's bundle against moto", ([command]) => {
  let server: Moto;
  let mountPath: string;
  let stack: Stack;

  beforeAll(async () => {
    server = await startMoto(command);
  });

  afterAll(() => server.stop());

  beforeEach(async () => {
    await server.reset();
    stack = await createStack(server.endpoint);
    mountPath = await mkdtemp(join(tmpdir(), "file-monitor-"));
    await mkdir(join(mountPath, "data"));
    for (const name of ["a", "b", "c"]) await writeFile(join(mountPath, "data", name), "");
    return () => rm(mountPath, { recursive: true });
  });

  function run(overrides: Readonly<Record<string, string>> = {}): Promise<BundleRun> {
    return runMonitorBundle({
      ...stack.environment,
      AWS_ENDPOINT_URL: server.endpoint,
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
  const aws = clients(endpoint);
  const { vpcId, subnetIds, securityGroupId } = await createNetwork(aws, ["a", "c", "d"]);
  const fileSystemId = await createFileSystem(aws);
  const mountTargetIds: string[] = [];
  for (const SubnetId of subnetIds.slice(0, 2)) {
    const target = await aws.efs.send(new CreateMountTargetCommand({ FileSystemId: fileSystemId, SubnetId }));
    mountTargetIds.push(present(target.MountTargetId));
  }
  await createService(aws, ROUTER);

  const readTable = async () =>
    (await aws.ssm.send(new GetParameterCommand({ Name: PARAMETER, WithDecryption: true }))).Parameter;
  return {
    environment: {
      EFS_FILE_SYSTEM_ID: fileSystemId,
      EFS_SECURITY_GROUP_ID: securityGroupId,
      VPC_ID: vpcId,
      ECS_CLUSTER_NAME: ROUTER.clusterName,
      ECS_SERVICE_NAME: ROUTER.serviceName,
    },
    readTable,
    writeTable: (Type: ParameterType, Value: string) =>
      aws.ssm.send(new PutParameterCommand({ Name: PARAMETER, Type, Value })),
    publishedZones: async () => {
      const table = parseMountTable(present((await readTable())?.Value));
      return table.mount_targets.map((target) => target.availability_zone).sort();
    },
    deleteFirstMountTarget: () => aws.efs.send(new DeleteMountTargetCommand({ MountTargetId: mountTargetIds[0] })),
    deploymentId: async () => {
      const { services } = await aws.ecs.send(
        new DescribeServicesCommand({ cluster: ROUTER.clusterName, services: [ROUTER.serviceName] }),
      );
      return services?.[0]?.deployments?.[0]?.id;
    },
  };
}

/** The deployed stack that a comparison is made in, as its account has it. Nothing is changed here. */
import { DescribeSubnetsCommand, type EC2Client } from "@aws-sdk/client-ec2";
import {
  type ContainerDefinition,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  type ECSClient,
  type RuntimePlatform,
} from "@aws-sdk/client-ecs";
import { type EFSClient, paginateDescribeMountTargets } from "@aws-sdk/client-efs";
import { z } from "zod";
import type { environmentSchema } from "../../fargate-app/src/settings.ts";

export interface Deployed {
  readonly cluster: string;
  /** The router's container, as the service runs it. */
  readonly router: ContainerDefinition;
  readonly taskRoleArn: string;
  readonly executionRoleArn: string;
  readonly runtimePlatform: RuntimePlatform | undefined;
  readonly fileSystemId: string;
  readonly accessPointId: string;
  readonly hasIamAuthorization: boolean;
  /** A log group that the execution role may write to. */
  readonly logGroup: string;
  readonly region: string;
  /** The service's subnets in Availability Zones with a mount target: in others, ECS cannot mount. */
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
}

/** The stack is not there, or not as this project deploys it. The message says what is missing. */
export class NotDeployedError extends Error {
  override readonly name = "NotDeployedError";
}

const ROUTER = "router";

/** The name of a router's setting. */
export type Variable = keyof z.infer<typeof environmentSchema>;

const environment = z.object({
  EFS_FILE_SYSTEM_ID: z.string(),
  EFS_ACCESS_POINT_ID: z.string(),
  EFS_IAM_AUTHORIZATION: z.enum(["on", "off"]),
} satisfies Partial<Record<Variable, z.ZodType>>);

const logOptions = z.object({ "awslogs-group": z.string(), "awslogs-region": z.string() });

interface Clients {
  readonly ecs: ECSClient;
  readonly efs: EFSClient;
  readonly ec2: EC2Client;
}

/** @throws {NotDeployedError} */
export async function findDeployed(
  { ecs, efs, ec2 }: Clients,
  { cluster, service: name }: { readonly cluster: string; readonly service: string },
): Promise<Deployed> {
  const { services } = await ecs.send(new DescribeServicesCommand({ cluster, services: [name] }));
  const service = services?.find(({ status }) => status === "ACTIVE");
  if (service === undefined) throw new NotDeployedError(`The cluster ${cluster} has no service ${name}`);
  const { subnets = [], securityGroups = [] } = service.networkConfiguration?.awsvpcConfiguration ?? {};

  const described = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: service.taskDefinition }));
  const { containerDefinitions = [], taskRoleArn, executionRoleArn, runtimePlatform } = described.taskDefinition ?? {};
  const router = containerDefinitions.find((container) => container.name === ROUTER);
  if (router === undefined || taskRoleArn === undefined || executionRoleArn === undefined) {
    throw new NotDeployedError(`The service ${name} does not run a container "${ROUTER}" with roles of its own`);
  }
  const variables = environment.safeParse(
    Object.fromEntries((router.environment ?? []).map((variable) => [variable.name, variable.value])),
  );
  if (!variables.success) {
    throw new NotDeployedError(`The router of ${name} lacks settings: ${z.prettifyError(variables.error)}`);
  }
  const log = containerDefinitions
    .map(({ logConfiguration }) => logOptions.safeParse(logConfiguration?.options))
    .find(({ success }) => success)?.data;
  if (log === undefined) throw new NotDeployedError(`No container of ${name} writes to a log group`);

  const fileSystemId = variables.data.EFS_FILE_SYSTEM_ID;
  const zones = await zonesWithMountTarget(efs, fileSystemId);
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ SubnetIds: subnets }));
  const reachable = Subnets.flatMap(({ SubnetId, AvailabilityZone }) =>
    SubnetId !== undefined && AvailabilityZone !== undefined && zones.has(AvailabilityZone) ? [SubnetId] : [],
  );
  if (reachable.length === 0) {
    throw new NotDeployedError(`${fileSystemId} has no mount target in an Availability Zone of the service's subnets`);
  }
  return {
    cluster,
    router,
    taskRoleArn,
    executionRoleArn,
    runtimePlatform,
    fileSystemId,
    accessPointId: variables.data.EFS_ACCESS_POINT_ID,
    hasIamAuthorization: variables.data.EFS_IAM_AUTHORIZATION === "on",
    logGroup: log["awslogs-group"],
    region: log["awslogs-region"],
    subnets: reachable,
    securityGroups,
  };
}

async function zonesWithMountTarget(efs: EFSClient, FileSystemId: string): Promise<Set<string>> {
  const zones = new Set<string>();
  for await (const { MountTargets = [] } of paginateDescribeMountTargets({ client: efs }, { FileSystemId })) {
    for (const { LifeCycleState, AvailabilityZoneName } of MountTargets) {
      if (LifeCycleState === "available" && AvailabilityZoneName !== undefined) zones.add(AvailabilityZoneName);
    }
  }
  return zones;
}

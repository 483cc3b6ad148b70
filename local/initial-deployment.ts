/** What `pulumi up` leaves in the account: the first mount targets, the mount table, the service. */
import { type RegionRole, serializeMountTable, serializeRegionRole } from "@efs-mount-autoscaling/mount-table";
import { NO_MONITOR_STATUS } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { CLUSTER_NAME, SECURITY_GROUP_ID, SERVICE_NAME } from "./account.ts";
import { taskDefinitionArn } from "./control-plane/ecs.ts";
import { startDeployment } from "./control-plane/ecs-deployments.ts";
import { efs, setLifeCycleState } from "./control-plane/efs.ts";
import type { Environment } from "./control-plane/operation.ts";
import { secretsManager } from "./control-plane/secrets-manager.ts";
import { ssm } from "./control-plane/ssm.ts";
import type { AwsState, Service, Subnet, TaskDefinition } from "./control-plane/state.ts";
import {
  API_TOKEN_SECRET_ID,
  PARAMETER_NAME,
  REGION_PARAMETER_NAME,
  S3_ACCESS_KEYS_SECRET_ID,
  STATUS_PARAMETER_NAME,
} from "./environments.ts";

/** Adds a mount target in each subnet. They are available at once: their servers must be running. */
export function addMountTargets(state: AwsState, subnets: readonly Subnet[], environment: Environment): AwsState {
  const created = subnets.reduce(
    (before, { subnetId }) =>
      efs.CreateMountTarget(
        before,
        { FileSystemId: state.fileSystems[0]?.fileSystemId, SubnetId: subnetId, SecurityGroups: [SECURITY_GROUP_ID] },
        environment,
      ).state,
    state,
  );
  return created.mountTargets.reduce(
    (before, { mountTargetId }) => setLifeCycleState(before, mountTargetId, "available"),
    created,
  );
}

/** Writes the mount table of the mount targets there are. */
export function putMountTable(state: AwsState, environment: Environment): AwsState {
  const table = serializeMountTable({
    mount_targets: state.mountTargets.map((target) => ({
      mount_target_id: target.mountTargetId,
      ip_address: target.ipAddress,
      availability_zone: target.availabilityZoneName,
      subnet_id: target.subnetId,
    })),
  });
  return ssm.PutParameter(state, { Name: PARAMETER_NAME, Value: table, Type: "String" }, environment).state;
}

/** Adds the parameter for the status of the monitor, which has not run yet. */
export function addMonitorStatus(state: AwsState, environment: Environment): AwsState {
  const input = { Name: STATUS_PARAMETER_NAME, Value: NO_MONITOR_STATUS, Type: "String" };
  return ssm.PutParameter(state, input, environment).state;
}

/** Writes the role of the region. */
export function putRole(state: AwsState, role: RegionRole, environment: Environment): AwsState {
  const input = { Name: REGION_PARAMETER_NAME, Value: serializeRegionRole(role), Type: "String" };
  return ssm.PutParameter(state, input, environment).state;
}

/** Adds the secret with the API's token. */
export function addApiToken(state: AwsState, token: string, environment: Environment): AwsState {
  return addSecret(state, { name: "api-token", arn: API_TOKEN_SECRET_ID }, token, environment);
}

/** An access key of the S3 API. */
export interface S3AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly readOnly?: boolean;
  /** What `BUCKET/KEY` must begin with. */
  readonly prefixes?: readonly string[];
  /** Whom the file system takes its requests for; the router where absent. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly gids?: readonly number[] };
}

/** Adds the secret with the access keys of the S3 API. */
export function addS3AccessKeys(
  state: AwsState,
  accessKeys: readonly S3AccessKey[],
  environment: Environment,
): AwsState {
  const secret = { name: "s3-access-keys", arn: S3_ACCESS_KEYS_SECRET_ID };
  return addSecret(state, secret, JSON.stringify({ accessKeys }), environment);
}

function addSecret(
  state: AwsState,
  secret: { readonly name: string; readonly arn: string },
  text: string,
  environment: Environment,
): AwsState {
  const secrets = [...state.secrets, { ...secret, versions: [] }];
  const input = { SecretId: secret.arn, SecretString: text };
  return secretsManager.PutSecretValue({ ...state, secrets }, input, environment).state;
}

/** Adds the router's service, with its first deployment. */
export function addService(
  state: AwsState,
  definition: TaskDefinition,
  desiredCount: number,
  environment: Environment,
): AwsState {
  const service: Service = {
    serviceName: SERVICE_NAME,
    clusterName: CLUSTER_NAME,
    status: "ACTIVE",
    desiredCount,
    taskDefinition: taskDefinitionArn(state, definition),
    deploymentConfiguration: {
      minimumHealthyPercent: 100,
      maximumPercent: 200,
      deploymentCircuitBreaker: { enable: true, rollback: true },
    },
    deployments: [],
    serviceDeployments: [],
    events: [],
    createdAt: environment.now,
  };
  return {
    ...state,
    taskDefinitions: [...state.taskDefinitions, definition],
    services: [...state.services, startDeployment(service, service.taskDefinition, environment)],
  };
}

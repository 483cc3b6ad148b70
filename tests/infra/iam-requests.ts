/** What IAM is asked when a call comes in: an action, on resources, in a context. */
import { z } from "zod";
import { CLUSTER_NAME, FILE_SYSTEM_ID, REGION, SECURITY_GROUP_ID, SERVICE_NAME, SUBNETS } from "../../local/account.ts";
import type { Call } from "../../local/control-plane/server.ts";
import { API_TOKEN_SECRET_ID, PARAMETER_NAME, STATUS_PARAMETER_NAME } from "../../local/environments.ts";

/** One question to IAM. */
export interface IamRequest {
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string>>;
}

export const request = (action: string, resource: string, context: IamRequest["context"] = {}): IamRequest => ({
  action,
  resource,
  context,
});

/** ARNs of the stack's resources that the bundles' calls are about. */
export interface StackArns {
  readonly fileSystem: string;
  readonly parameter: string;
  readonly statusParameter: string;
  /** Any task of the cluster, and the cluster itself. */
  readonly task: string;
  readonly cluster: string;
  readonly service: string;
  readonly subnets: readonly string[];
  readonly mountTargetSecurityGroup: string;
  /** Any network interface of the account. */
  readonly networkInterface: string;
  /** The key of a SecureString parameter. */
  readonly parameterKey?: string | undefined;
  readonly apiToken: string;
  /** The key of the secrets. */
  readonly secretKey?: string | undefined;
}

const inputs = {
  fileSystem: z.looseObject({ FileSystemId: z.literal(FILE_SYSTEM_ID) }),
  mountTarget: z.looseObject({
    FileSystemId: z.literal(FILE_SYSTEM_ID),
    SubnetId: z.enum(SUBNETS.map(({ subnetId }) => subnetId)),
    SecurityGroups: z.tuple([z.literal(SECURITY_GROUP_ID)]),
  }),
  apiToken: z.looseObject({ SecretId: z.literal(API_TOKEN_SECRET_ID) }),
  parameter: z.looseObject({ Name: z.enum([PARAMETER_NAME, STATUS_PARAMETER_NAME]) }),
  tasks: z.looseObject({ cluster: z.string().endsWith(`:cluster/${CLUSTER_NAME}`) }),
  services: z.looseObject({ cluster: z.literal(CLUSTER_NAME), services: z.tuple([z.literal(SERVICE_NAME)]) }),
  service: z.looseObject({ cluster: z.literal(CLUSTER_NAME), service: z.literal(SERVICE_NAME) }),
};

/**
 * The questions that AWS asks IAM for a call, the call's local names taken for the stack's resources.
 *
 * @throws when the call is about anything but the system's own resources, or is not one that is known here.
 */
export function iamRequestsOf({ service, operation, input }: Call, arns: StackArns): IamRequest[] {
  const ask = (resource: string, action = `${service}:${operation}`, context: IamRequest["context"] = {}) => ({
    action,
    resource,
    context,
  });
  switch (`${service}:${operation}`) {
    case "elasticfilesystem:DescribeFileSystems":
    case "elasticfilesystem:DescribeMountTargets":
      inputs.fileSystem.parse(input);
      return [ask(arns.fileSystem)];
    case "elasticfilesystem:CreateMountTarget": {
      const { SubnetId } = inputs.mountTarget.parse(input);
      const subnet = arns.subnets[SUBNETS.findIndex(({ subnetId }) => subnetId === SubnetId)] ?? "";
      // EFS makes the mount target's network interface in the caller's name (EFS API reference, CreateMountTarget).
      return [
        ask(arns.fileSystem),
        ask("*", "ec2:DescribeSubnets"),
        ask("*", "ec2:DescribeNetworkInterfaces"),
        ...[subnet, arns.mountTargetSecurityGroup, arns.networkInterface].map((resource) =>
          ask(resource, "ec2:CreateNetworkInterface"),
        ),
      ];
    }
    case "ec2:DescribeSubnets":
      return [ask("*")];
    case "ecs:ListTasks":
    case "ecs:DescribeTasks": {
      inputs.tasks.parse(input);
      const resource = operation === "ListTasks" ? "*" : arns.task;
      return [ask(resource, `ecs:${operation}`, { "ecs:cluster": arns.cluster })];
    }
    case "ssm:GetParameter":
    case "ssm:PutParameter": {
      if (inputs.parameter.parse(input).Name === STATUS_PARAMETER_NAME) return [ask(arns.statusParameter)];
      const key = operation === "GetParameter" ? "kms:Decrypt" : "kms:Encrypt";
      const context = { "kms:ViaService": `ssm.${REGION}.amazonaws.com` };
      return [ask(arns.parameter), ...(arns.parameterKey === undefined ? [] : [ask(arns.parameterKey, key, context)])];
    }
    case "secretsmanager:GetSecretValue": {
      inputs.apiToken.parse(input);
      const context = { "kms:ViaService": `secretsmanager.${REGION}.amazonaws.com` };
      return [
        ask(arns.apiToken),
        ...(arns.secretKey === undefined ? [] : [ask(arns.secretKey, "kms:Decrypt", context)]),
      ];
    }
    case "ecs:DescribeServices":
      inputs.services.parse(input);
      return [ask(arns.service)];
    case "ecs:ListServiceDeployments":
    case "ecs:UpdateService":
      inputs.service.parse(input);
      return [ask(arns.service)];
    default:
      throw new Error(`Nothing is known of ${service}:${operation}: add it to tests/infra/iam-requests.ts`);
  }
}

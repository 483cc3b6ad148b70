import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { awslogs } from "./awslogs.ts";
import type { RouterEnvironment } from "./file-system-client.ts";
import { logInToRegistryStatement, policyDocument, pullStatement, writeLogStatement } from "./policy.ts";
import { type RouterSecrets, readSecretsStatements, secretsEnvironment } from "./router-access.ts";
import type { RouterBlueprint } from "./router-blueprint.ts";
import { routerContainer } from "./router-container.ts";
import { ANYWHERE, connect, connectToMountTargets, HTTPS_PORT, letOut, letTracesOut } from "./security-groups.ts";

export { type RouterBlueprint, readRouterBlueprint } from "./router-blueprint.ts";

/** Seconds that the router waits for a first mount target. The application starts after that, or the task ends. */
const START_SECONDS = 180;

/** What the containers of a task share, and nobody else reaches. */
const HOST = "127.0.0.1";

export interface RouterSidecarArgs extends RouterSecrets {
  /** What the stack of the file system tells. Example: `await readRouterBlueprint(new StackReference(…))`. */
  readonly blueprint: RouterBlueprint;
  /** The roles of the application's task definition, which get what the router needs. */
  readonly taskRole: aws.iam.RolePolicyArgs["role"];
  readonly executionRole: aws.iam.RolePolicyArgs["role"];
  /** A security group of the tasks. All its rules must be resources of their own: AWS's provider removes others. */
  readonly securityGroupId: pulumi.Input<string>;

  /** The container's name in the task. Default: `router`. */
  readonly containerName?: string;
  /** CPU units that the router is given where the task's are all in use. Default: 256. */
  readonly cpu?: number;
  /** MiB that it has. Default: 512. */
  readonly memory?: number;
  /** Where the file API listens, on 127.0.0.1. Default: 8100. */
  readonly port?: number;
  /** Where the S3 API listens, on 127.0.0.1. Default: 8101. */
  readonly s3Port?: number;

  /** Where its log goes, such as `{ logDriver: "awsfirelens" }`. Default: a log group of its own. */
  readonly logConfiguration?: aws.ecs.LogConfiguration;
  /** Days that the log group of its own keeps its lines. Default: 30. */
  readonly logRetentionDays?: number;
  /** Containers that start before it and stop after it, such as a log router, which then gets its last lines. */
  readonly dependsOn?: readonly aws.ecs.ContainerDependency[];

  /** Variables besides those that follow from the rest. Example: `{ ROUTING_STRATEGY: "rendezvous" }`. */
  readonly environment?: Partial<RouterEnvironment>;
}

/**
 * A router beside an application, in the application's own task: a container, what the task's roles must be allowed, and
 * the task's way to mount targets and AWS. Only the task's containers reach it, on 127.0.0.1.
 */
export class RouterSidecar extends pulumi.ComponentResource {
  /** For the task definition's `containerDefinitions`. */
  readonly container: aws.ecs.ContainerDefinition;
  /** For the application's `dependsOn`: it starts once a mount target is connected, and stops before the router. */
  readonly dependency: aws.ecs.ContainerDependency;
  /** The URLs of the file API and the S3 API; that one is undefined where there is none. */
  readonly url: string;
  readonly s3Url: string | undefined;
  readonly #name: string;

  constructor(name: string, args: RouterSidecarArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:RouterSidecar", name, {}, opts);
    this.#name = name;
    const { blueprint, containerName = "router", cpu = 256, memory = 512, port = 8100, s3Port = 8101 } = args;
    const region = blueprint.environment.AWS_REGION;

    const log = this.#log(args, containerName);
    this.#allow("task", args.taskRole, [...blueprint.taskStatements, ...readSecretsStatements(args, region)]);
    this.#allow("execution", args.executionRole, [
      logInToRegistryStatement,
      pullStatement("PullRouterImage", blueprint.imageRepositoryArn),
      ...log.statements,
    ]);
    this.#letOut(blueprint, args.securityGroupId);

    const environment: Omit<RouterEnvironment, "EFS_FILE_SYSTEM_ID"> = {
      ...secretsEnvironment(args, s3Port),
      HOST,
      PORT: port,
      START_TIMEOUT_SECONDS: START_SECONDS,
      // The task's vCPUs are the application's.
      ROUTER_WORKERS: 1,
      // The nearest mount target: nothing here is shared with routers elsewhere.
      ROUTING_STRATEGY: "zone-aware",
      ...blueprint.tracing?.environment,
      ...args.environment,
    };
    this.container = {
      ...routerContainer({
        name: containerName,
        image: blueprint.image,
        memory,
        environment: { ...blueprint.environment, ...environment },
        connectsWithinSeconds: START_SECONDS,
        logConfiguration: log.configuration,
        dependsOn: args.dependsOn ?? [],
      }),
      cpu,
      memory,
    };
    this.dependency = { containerName, condition: "HEALTHY" };
    this.url = `http://${HOST}:${port}`;
    this.s3Url = args.s3AccessKeysSecretArn === undefined ? undefined : `http://${HOST}:${s3Port}`;

    this.registerOutputs();
  }

  /** Where its log goes, and what ECS must be allowed for that. */
  #log({ blueprint, logConfiguration, logRetentionDays = 30 }: RouterSidecarArgs, containerName: string) {
    if (logConfiguration !== undefined) return { configuration: logConfiguration, statements: [] };
    const group = new aws.cloudwatch.LogGroup(this.#name, { retentionInDays: logRetentionDays }, { parent: this });
    return {
      configuration: awslogs(group, blueprint.environment.AWS_REGION, containerName),
      statements: [writeLogStatement("WriteRouterLog", group)],
    };
  }

  #allow(
    who: "task" | "execution",
    role: RouterSidecarArgs["taskRole"],
    statements: readonly aws.iam.PolicyStatement[],
  ): void {
    new aws.iam.RolePolicy(`${this.#name}-${who}`, { role, policy: policyDocument(statements) }, { parent: this });
  }

  /** To the mount targets, the collector, and AWS: from isolated subnets through the stack's endpoints. */
  #letOut({ mountTargetGroups, tracing, vpcEndpoints, peerCidr }: RouterBlueprint, from: pulumi.Input<string>): void {
    const opts = { parent: this };
    const toMountTargets = `${this.#name}-to-mount-targets`;
    for (const [index, to] of mountTargetGroups.entries()) {
      const traffic = { description: toMountTargets, from, to };
      // Rules had the number of their group in the list.
      const aliases = [{ name: `${toMountTargets}-${index + 1}` }];
      connectToMountTargets(`${toMountTargets}-${to.id}`, traffic, { ...opts, aliases });
    }
    if (tracing !== undefined) letTracesOut(this.#name, { from, ...tracing.collector }, opts);
    const https = (destination: string) => ({ description: `${this.#name}-to-${destination}`, from, port: HTTPS_PORT });
    if (vpcEndpoints === undefined) {
      letOut(`${this.#name}-to-aws`, { ...https("aws"), to: ANYWHERE }, opts);
      return;
    }
    connect(`${this.#name}-to-vpc-endpoints`, { ...https("vpc-endpoints"), to: vpcEndpoints.securityGroupId }, opts);
    // The layers of images.
    letOut(`${this.#name}-to-s3`, { ...https("s3"), to: { prefixListId: vpcEndpoints.s3PrefixListId } }, opts);
    if (peerCidr !== undefined)
      letOut(`${this.#name}-to-the-other-region`, { ...https("the-other-region"), to: { cidrIpv4: peerCidr } }, opts);
  }
}

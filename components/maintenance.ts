import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { awslogs } from "./awslogs.ts";
import { containerVariables } from "./environment.ts";
import {
  clientEnvironment,
  type FileSystemClient,
  findMountTargetsStatements,
  POSIX_USER,
} from "./file-system-client.ts";
import {
  logInToRegistryStatement,
  mountStatement,
  policyDocument,
  pullStatement,
  writeLogStatement,
} from "./policy.ts";
import { TaskStopper } from "./task-stopper.ts";

/** Seconds after which a task that nobody stopped ends: half a day. */
const MAX_TASK_SECONDS = 43_200;

/** The container's name, which `aws ecs execute-command` asks for. */
const CONTAINER = "maintenance";

/** The root of `accessPoint` is the file system's, and its user is root. */
export interface MaintenanceArgs extends FileSystemClient {
  /** The task definition's name in the account and region. Example: `efs-mount-autoscaling-dev-maintenance`. */
  readonly family: string;
  readonly taskRole: aws.iam.Role;
  readonly executionRole: aws.iam.Role;
  readonly subnetIds: readonly pulumi.Input<string>[];
  readonly securityGroupId: pulumi.Input<string>;

  /** The routers' image, which has the `nfs` command. */
  readonly image: pulumi.Input<string>;
  readonly imageRepositoryArn: pulumi.Input<string>;
  readonly cpuArchitecture: "ARM64" | "X86_64";

  /** Where each session is recorded. Example: `/ecs/efs-mount-autoscaling-maintenance`. */
  readonly logGroupName: string;
  readonly logRetentionDays: number;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;

  /** What a task needs to reach AWS and the mount targets. */
  readonly outlivedBy: readonly pulumi.Resource[];
}

/**
 * What an operator needs to work on the file system as root: a task that waits, and is entered with ECS Exec. It is in a
 * cluster of its own, which records what is typed and shown.
 */
export class Maintenance extends pulumi.ComponentResource {
  /** The sessions. */
  readonly logGroup: aws.cloudwatch.LogGroup;
  /** Starts the task. */
  readonly startCommand: pulumi.Output<string>;
  /** Runs a command in the task. */
  readonly executeCommand: pulumi.Output<string>;
  readonly #name: string;

  constructor(name: string, args: MaintenanceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:Maintenance", name, {}, opts);
    this.#name = name;

    this.logGroup = this.#createLogGroup(args);
    const policies = [this.#allowTask(args), this.#allowExecution(args)];
    const cluster = this.#createCluster();
    const taskDefinition = this.#defineTask(args);
    this.#stopTasksFirst(args, cluster, policies);

    const { region } = aws.getRegionOutput({}, { parent: this });
    const where = pulumi.interpolate`--region ${region} --cluster ${cluster.name}`;
    const subnets = pulumi.all([...args.subnetIds]).apply((ids) => ids.join(","));
    this.startCommand = pulumi.interpolate`aws ecs run-task ${where} --task-definition ${taskDefinition.family} --launch-type FARGATE --enable-execute-command --network-configuration "awsvpcConfiguration={subnets=[${subnets}],securityGroups=[${args.securityGroupId}],assignPublicIp=DISABLED}" --query "tasks[0].taskArn" --output text`;
    // The cluster has no other tasks.
    const task = pulumi.interpolate`"$(aws ecs list-tasks ${where} --query "taskArns[0]" --output text)"`;
    this.executeCommand = pulumi.interpolate`aws ecs execute-command ${where} --task ${task} --container ${CONTAINER} --interactive --command "nfs ls /"`;

    this.registerOutputs();
  }

  #createLogGroup({ logGroupName, logRetentionDays }: MaintenanceArgs): aws.cloudwatch.LogGroup {
    return new aws.cloudwatch.LogGroup(
      this.#name,
      { name: logGroupName, retentionInDays: logRetentionDays },
      { parent: this },
    );
  }

  /** What ECS Exec needs: ECS developer guide, "Configuring ECS Exec". */
  #allowTask(args: MaintenanceArgs): aws.iam.RolePolicy {
    return new aws.iam.RolePolicy(
      `${this.#name}-task`,
      {
        role: args.taskRole.id,
        policy: policyDocument([
          ...findMountTargetsStatements(args, { parent: this }),
          mountStatement("MountFileSystemAsRoot", "root", args.fileSystemArn, args.accessPoint),
          {
            Sid: "OpenSessions",
            Effect: "Allow",
            Action: [
              "ssmmessages:CreateControlChannel",
              "ssmmessages:CreateDataChannel",
              "ssmmessages:OpenControlChannel",
              "ssmmessages:OpenDataChannel",
            ],
            Resource: "*",
          },
          { Sid: "FindSessionLog", Effect: "Allow", Action: "logs:DescribeLogGroups", Resource: "*" },
          {
            Sid: "RecordSessions",
            Effect: "Allow",
            Action: ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            Resource: pulumi.interpolate`${this.logGroup.arn}:*`,
          },
        ]),
      },
      { parent: this },
    );
  }

  #allowExecution(args: MaintenanceArgs): aws.iam.RolePolicy {
    return new aws.iam.RolePolicy(
      `${this.#name}-execution`,
      {
        role: args.executionRole.id,
        policy: policyDocument([
          logInToRegistryStatement,
          pullStatement("PullImage", args.imageRepositoryArn),
          writeLogStatement("WriteLog", this.logGroup),
        ]),
      },
      { parent: this },
    );
  }

  #createCluster(): aws.ecs.Cluster {
    return new aws.ecs.Cluster(
      this.#name,
      {
        settings: [{ name: "containerInsights", value: "disabled" }],
        configuration: {
          executeCommandConfiguration: {
            logging: "OVERRIDE",
            logConfiguration: { cloudWatchLogGroupName: this.logGroup.name },
          },
        },
      },
      { parent: this },
    );
  }

  #defineTask(args: MaintenanceArgs): aws.ecs.TaskDefinition {
    return new aws.ecs.TaskDefinition(
      this.#name,
      {
        family: args.family,
        requiresCompatibilities: ["FARGATE"],
        networkMode: "awsvpc",
        runtimePlatform: { operatingSystemFamily: "LINUX", cpuArchitecture: args.cpuArchitecture },
        cpu: "512",
        memory: "1024",
        taskRoleArn: args.taskRole.arn,
        executionRoleArn: args.executionRole.arn,
        containerDefinitions: pulumi.jsonStringify([this.#container(args)]),
      },
      { parent: this },
    );
  }

  #container(args: MaintenanceArgs): aws.ecs.ContainerDefinition {
    const environment = clientEnvironment(args, { parent: this });
    return {
      name: CONTAINER,
      image: args.image,
      essential: true,
      command: ["sleep", String(MAX_TASK_SECONDS)],
      user: `${POSIX_USER.uid}:${POSIX_USER.gid}`,
      // ECS Exec brings an agent that writes to it.
      readonlyRootFilesystem: false,
      linuxParameters: { initProcessEnabled: true },
      environment: containerVariables(environment),
      logConfiguration: awslogs(this.logGroup, environment.AWS_REGION, CONTAINER),
    };
  }

  /** A task that still runs would keep its cluster, its roles' rights and its security group from going. */
  #stopTasksFirst(args: MaintenanceArgs, cluster: aws.ecs.Cluster, policies: readonly aws.iam.RolePolicy[]): void {
    new TaskStopper(
      this.#name,
      { cluster: cluster.arn, region: aws.getRegionOutput({}, { parent: this }).region, profile: args.profile },
      { parent: this, dependsOn: [...args.outlivedBy, ...policies] },
    );
  }
}

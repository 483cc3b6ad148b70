import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { environmentSchema } from "../functions/file-monitor/settings.ts";
import { type Environment, variablesOf } from "./environment.ts";
import type { MonitorStatusParameter } from "./monitor-status.ts";
import type { ZoneSubnet } from "./network.ts";
import { policyDocument, useKeyThrough } from "./policy.ts";
import { createPrivateBucket, type PrivateBucket } from "./private-bucket.ts";

/** Where the function sees the root of its access point. */
const MOUNT_PATH = "/mnt/efs";

/** In what Lambda gives each instance of the function. */
const TREE_FILE = "/tmp/count-tree";

/** After which a tree that is no longer written is deleted: it costs one full count, should it be needed again. */
const TREE_DAYS = 30;

/** What Lambda allows at most. */
const TIMEOUT_SECONDS = 900;

/**
 * How long an event waits for the run in progress: the longest run, Lambda's longest pause between two attempts (five
 * minutes), and the same again. An event waits longer only when every run takes longer than the schedule's interval.
 */
const EVENT_AGE_SECONDS = 2 * (TIMEOUT_SECONDS + 300);

type MonitorEnvironment = Environment<typeof environmentSchema>;

/** How mount targets that are no longer needed are taken away. */
export interface ScaleInArgs {
  /** `observe` only says what it would do. */
  readonly mode: "observe" | "on";
  /** Of the threshold. Example: 70. */
  readonly percent: number;
  /** For how long the count has to be so low. Example: 60. */
  readonly minutes: number;
  /** For how long nothing else must have changed. Example: 24. */
  readonly minimumAgeHours: number;
  /** That always stay. Example: 2. */
  readonly minMountTargets: number;
  /** Those of the stack, and those that it has adopted. */
  readonly keptMountTargetIds: readonly pulumi.Input<string>[];
  /** How long a router may still work through a mount target that its table no longer gives it. */
  readonly drainSeconds: number;
  /** That of the tasks, where an Availability Zone with tasks keeps its mount target. */
  readonly taskSecurityGroupId?: pulumi.Input<string> | undefined;
}

export interface FileMonitorArgs {
  /** The folder of the function's bundle, with `index.cjs` in it. Example: `dist/file-monitor`. */
  readonly bundle: string;
  readonly role: aws.iam.Role;
  /** Example: 512 MiB. */
  readonly memory: number;
  /** An EventBridge expression. Example: `rate(5 minutes)`. */
  readonly scheduleExpression: string;
  /** Where runs that fail are reported, and all alarms. */
  readonly topicArn: pulumi.Input<string>;
  /** Example: `/aws/lambda/efs-mount-autoscaling-file-monitor`. */
  readonly logGroupName: string;
  readonly logRetentionDays: number;

  /** Directories counted at once. Example: 32. */
  readonly countConcurrency: number;
  /** Through a mount of the function, or over NFS. */
  readonly countVia: "mount" | "nfs";
  /** Variables besides those that follow from the rest. Example: `{ FILE_COUNT_THRESHOLD: 100_000 }`. */
  readonly environment: Partial<Omit<MonitorEnvironment, "ROLLOUT">>;

  readonly vpcId: pulumi.Input<string>;
  /** Where mount targets may be made. */
  readonly mountTargetSubnets: readonly Pick<ZoneSubnet, "id" | "arn">[];
  /** Those of them where the function runs. To mount, it needs a mount target in each of their Availability Zones. */
  readonly functionSubnetIds: readonly pulumi.Input<string>[];
  readonly functionSecurityGroupId: pulumi.Input<string>;
  readonly mountTargetSecurityGroupId: pulumi.Input<string>;

  /** Known once the mount table is this file system's. */
  readonly fileSystemId: pulumi.Input<string>;
  readonly fileSystemArn: pulumi.Input<string>;
  /** The name in the mount targets' TLS certificate. */
  readonly fileSystemDnsName: pulumi.Input<string>;
  /** The access point whose root is the directory to count. */
  readonly accessPoint: aws.efs.AccessPoint;
  /** Whether the file system lets clients in by IAM. */
  readonly efsIamAuthorization: boolean;

  readonly parameterName: pulumi.Input<string>;
  readonly parameterArn: pulumi.Input<string>;
  /** The customer-managed key of a SecureString parameter. */
  readonly parameterKeyArn?: string | undefined;

  /** The parameter in which a run says what it saw and did. */
  readonly status: Pick<MonitorStatusParameter, "parameterName" | "parameterArn">;

  /** Whether the file system is replicated, from or to another region. */
  readonly isReplicated: boolean;

  /** How routers get a changed mount table: by a deployment of their service, or by themselves. */
  readonly rollout: "rolling-deployment" | "hot-reload";
  readonly cluster: aws.ecs.Cluster;
  readonly service: aws.ecs.Service;

  /** Default: a mount target stays. */
  readonly scaleIn?: ScaleInArgs | undefined;

  /** Leave the bucket of the count in the account when it leaves the stack. */
  readonly retain: boolean;

  /** What is created before the function, and deleted after it. */
  readonly outlivedBy: readonly pulumi.Resource[];
}

/** The function that counts files, adds mount targets, and keeps table and service up to date; and its schedule. */
export class FileMonitor extends pulumi.ComponentResource {
  readonly function: aws.lambda.Function;
  readonly logGroup: aws.cloudwatch.LogGroup;
  readonly #name: string;
  readonly #trees: PrivateBucket;

  constructor(name: string, args: FileMonitorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:FileMonitor", name, {}, opts);
    this.#name = name;

    this.logGroup = this.#createLogGroup(args);
    this.#trees = this.#createTreeBucket(args);
    const policy = this.#allow(args);
    this.function = this.#createFunction(args, policy);
    this.#reportFailures(args);
    this.#schedule(args);

    this.registerOutputs();
  }

  #createLogGroup({ logGroupName, logRetentionDays }: FileMonitorArgs): aws.cloudwatch.LogGroup {
    return new aws.cloudwatch.LogGroup(
      this.#name,
      { name: logGroupName, retentionInDays: logRetentionDays },
      { parent: this },
    );
  }

  /** Where one count leaves for the next what it has seen, and the forecast what it remembers. */
  #createTreeBucket({ retain }: FileMonitorArgs): PrivateBucket {
    const lifecycleRules = [
      { id: "old-trees", status: "Enabled", filter: { prefix: "" }, expiration: { days: TREE_DAYS } },
    ];
    return createPrivateBucket(`${this.#name}-trees`, { statements: () => [], lifecycleRules, retain }, this);
  }

  #allow(args: FileMonitorArgs): aws.iam.RolePolicy {
    return new aws.iam.RolePolicy(
      this.#name,
      {
        role: args.role.id,
        policy: policyDocument([...this.#ownWork(args), ...this.#serviceCalls(args)]),
      },
      { parent: this, dependsOn: [...args.outlivedBy] },
    );
  }

  /** What the function's code calls. */
  #ownWork(args: FileMonitorArgs): aws.iam.PolicyStatement[] {
    return [
      {
        Sid: "AddMountTargets",
        Effect: "Allow",
        Action: [
          "elasticfilesystem:DescribeFileSystems",
          "elasticfilesystem:DescribeMountTargets",
          "elasticfilesystem:CreateMountTarget",
        ],
        Resource: args.fileSystemArn,
      },
      // EC2 has no resource to name for calls that only describe.
      { Sid: "FindSubnets", Effect: "Allow", Action: "ec2:DescribeSubnets", Resource: "*" },
      {
        Sid: "KeepMountTable",
        Effect: "Allow",
        Action: ["ssm:GetParameter", "ssm:PutParameter"],
        Resource: args.parameterArn,
      },
      {
        Sid: "PublishStatus",
        Effect: "Allow",
        Action: ["ssm:GetParameter", "ssm:PutParameter"],
        Resource: args.status.parameterArn,
      },
      {
        Sid: "KeepCount",
        Effect: "Allow",
        Action: ["s3:GetObject", "s3:PutObject"],
        Resource: pulumi.interpolate`${this.#trees.bucket.arn}/${args.fileSystemId}/*`,
      },
      // Without it, S3 refuses to say that an object is missing.
      { Sid: "SeeWhetherCountIsKept", Effect: "Allow", Action: "s3:ListBucket", Resource: this.#trees.bucket.arn },
      ...(args.isReplicated
        ? [
            {
              Sid: "SeeReplication",
              Effect: "Allow" as const,
              Action: "elasticfilesystem:DescribeReplicationConfigurations",
              Resource: args.fileSystemArn,
            },
          ]
        : []),
      ...(args.rollout === "rolling-deployment" ? [rollStatement(args.service)] : []),
      ...(args.scaleIn === undefined ? [] : this.#scaleIn(args, args.scaleIn)),
      ...(args.parameterKeyArn === undefined
        ? []
        : [
            useKeyThrough(
              "ssm",
              "EncryptMountTable",
              ["kms:Decrypt", "kms:Encrypt"],
              args.parameterKeyArn,
              aws.getRegionOutput({}, { parent: this }).region,
            ),
          ]),
    ];
  }

  /** What the function looks at before it takes a mount target away, and the right to do so. */
  #scaleIn(args: FileMonitorArgs, { mode }: ScaleInArgs): aws.iam.PolicyStatement[] {
    return [
      ...(mode === "on"
        ? [
            {
              Sid: "DeleteMountTargets",
              Effect: "Allow" as const,
              // EFS deletes the network interface in the caller's name, which the function may do for Lambda already.
              Action: "elasticfilesystem:DeleteMountTarget",
              Resource: args.fileSystemArn,
            },
          ]
        : []),
      {
        Sid: "SeeWhoseMountTargets",
        Effect: "Allow",
        Action: "elasticfilesystem:DescribeMountTargetSecurityGroups",
        Resource: args.fileSystemArn,
      },
      // EFS asks for it in the caller's name; EC2 has no resource to name for calls that only describe.
      {
        Sid: "SeeSecurityGroups",
        Effect: "Allow",
        Action: "ec2:DescribeNetworkInterfaceAttribute",
        Resource: "*",
      },
      // Which alarms tell the topic is known only when they are listed.
      {
        Sid: "SeeAlarms",
        Effect: "Allow",
        Action: "cloudwatch:DescribeAlarms",
        Resource: this.#arnOf("cloudwatch")("alarm:*"),
      },
      ...(args.rollout === "hot-reload"
        ? [
            {
              Sid: "SeeDeployments",
              Effect: "Allow" as const,
              Action: "ecs:DescribeServices",
              Resource: args.service.arn,
            },
          ]
        : []),
    ];
  }

  /** What AWS services do in the function's name: Lambda runs it in the VPC, EFS makes a mount target's interface. */
  #serviceCalls(args: FileMonitorArgs): aws.iam.PolicyStatement[] {
    const arn = this.#arnOf("ec2");
    const networkInterfaces = arn("network-interface/*");
    const subnets = args.mountTargetSubnets.map((subnet) => subnet.arn);
    const groups = [args.functionSecurityGroupId, args.mountTargetSecurityGroupId].map((id) =>
      arn(pulumi.interpolate`security-group/${id}`),
    );
    return [
      {
        Sid: "WriteLog",
        Effect: "Allow",
        Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
        Resource: pulumi.interpolate`${this.logGroup.arn}:*`,
      },
      {
        Sid: "MountFileSystem",
        Effect: "Allow",
        Action: "elasticfilesystem:ClientMount",
        Resource: args.fileSystemArn,
        Condition: { ArnEquals: { "elasticfilesystem:AccessPointArn": args.accessPoint.arn } },
      },
      {
        Sid: "CreateNetworkInterfaces",
        Effect: "Allow",
        Action: "ec2:CreateNetworkInterface",
        Resource: [networkInterfaces, ...subnets, ...groups],
      },
      {
        Sid: "ReleaseNetworkInterfaces",
        Effect: "Allow",
        Action: ["ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"],
        // Lambda refuses a role that may not delete an interface it does not name: `*/*` is how its developer guide
        // ("required IAM permissions") has it. Of EC2's resources, only network interfaces know these actions.
        Resource: [networkInterfaces, arn("*/*")],
      },
      { Sid: "SeeNetworkInterfaces", Effect: "Allow", Action: "ec2:DescribeNetworkInterfaces", Resource: "*" },
      { Sid: "ReportFailures", Effect: "Allow", Action: "sns:Publish", Resource: args.topicArn },
    ];
  }

  /** ARNs of a service's resources in the stack's account and region. */
  #arnOf(service: "cloudwatch" | "ec2"): (resource: pulumi.Input<string>) => pulumi.Output<string> {
    const { partition } = aws.getPartitionOutput({}, { parent: this });
    const { region } = aws.getRegionOutput({}, { parent: this });
    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    return (resource) => pulumi.interpolate`arn:${partition}:${service}:${region}:${accountId}:${resource}`;
  }

  #createFunction(args: FileMonitorArgs, policy: aws.iam.RolePolicy): aws.lambda.Function {
    const environment: MonitorEnvironment = {
      // The access point's root is the directory to count.
      TARGET_DIRECTORY: "/",
      EFS_MOUNT_PATH: MOUNT_PATH,
      COUNT_CONCURRENCY: args.countConcurrency,
      COUNT_TREE_FILE: TREE_FILE,
      COUNT_TREE_BUCKET: this.#trees.bucket.bucket,
      ...nfsEnvironment(args),
      EFS_FILE_SYSTEM_ID: args.fileSystemId,
      EFS_SECURITY_GROUP_ID: args.mountTargetSecurityGroupId,
      VPC_ID: args.vpcId,
      SUBNET_IDS: pulumi.all(args.mountTargetSubnets.map(({ id }) => id)).apply((ids) => ids.join(",")),
      SSM_PARAMETER_NAME: args.parameterName,
      SSM_KMS_KEY_ID: args.parameterKeyArn,
      STATUS_PARAMETER_NAME: args.status.parameterName,
      ...(args.isReplicated ? { REPLICATION: "on" as const } : {}),
      ...(args.rollout === "hot-reload"
        ? { ROLLOUT: args.rollout }
        : { ROLLOUT: args.rollout, ECS_CLUSTER_NAME: args.cluster.name, ECS_SERVICE_NAME: args.service.name }),
      ...(args.scaleIn === undefined ? {} : scaleInEnvironment(args, args.scaleIn)),
      ...args.environment,
    };
    return new aws.lambda.Function(
      this.#name,
      {
        description: "Counts files, adds mount targets, keeps the mount table and the routers up to date",
        runtime: "nodejs24.x",
        architectures: ["arm64"],
        handler: "index.handler",
        code: new pulumi.asset.FileArchive(args.bundle),
        role: args.role.arn,
        memorySize: args.memory,
        timeout: TIMEOUT_SECONDS,
        reservedConcurrentExecutions: 1,
        environment: {
          variables: {
            ...variablesOf(environment),
            // Node reads no more directories at once than it has threads.
            UV_THREADPOOL_SIZE: String(args.countConcurrency),
            NODE_OPTIONS: "--enable-source-maps",
          },
        },
        vpcConfig: { subnetIds: [...args.functionSubnetIds], securityGroupIds: [args.functionSecurityGroupId] },
        ...(args.countVia === "mount"
          ? { fileSystemConfig: { arn: args.accessPoint.arn, localMountPath: MOUNT_PATH } }
          : {}),
        loggingConfig: { logFormat: "JSON", logGroup: this.logGroup.name },
      },
      // Lambda refuses to mount before the mount targets are available, and to enter the VPC without the role's policy.
      { parent: this, dependsOn: [...args.outlivedBy, policy] },
    );
  }

  /** No retries: the next run does what this one did not. */
  #reportFailures({ topicArn }: FileMonitorArgs): void {
    new aws.lambda.FunctionEventInvokeConfig(
      this.#name,
      {
        functionName: this.function.name,
        maximumRetryAttempts: 0,
        maximumEventAgeInSeconds: EVENT_AGE_SECONDS,
        destinationConfig: { onFailure: { destination: topicArn } },
      },
      { parent: this },
    );
  }

  #schedule({ scheduleExpression, fileSystemId, outlivedBy }: FileMonitorArgs): void {
    const rule = new aws.cloudwatch.EventRule(
      this.#name,
      { description: "Runs the file monitor", scheduleExpression },
      { parent: this, dependsOn: [...outlivedBy] },
    );
    const permission = new aws.lambda.Permission(
      this.#name,
      {
        function: this.function.name,
        action: "lambda:InvokeFunction",
        principal: "events.amazonaws.com",
        sourceArn: rule.arn,
      },
      { parent: this },
    );
    new aws.cloudwatch.EventTarget(
      this.#name,
      {
        rule: rule.name,
        arn: this.function.arn,
        // Another file system's table must not be there while the schedule still runs the function for the old one,
        // which would write the old table again. AWS cannot change this id: Pulumi takes the target away before it
        // takes the old table away, and puts it back after the function is changed.
        targetId: fileSystemId,
        retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 300 },
      },
      { parent: this, dependsOn: [permission] },
    );
  }
}

function nfsEnvironment(args: FileMonitorArgs): Partial<MonitorEnvironment> {
  if (args.countVia === "mount") return {};
  return {
    COUNT_VIA: "nfs",
    NFS_TLS: "on",
    NFS_TLS_SERVER_NAME: args.fileSystemDnsName,
    EFS_ACCESS_POINT_ID: args.accessPoint.id,
    EFS_IAM_AUTHORIZATION: args.efsIamAuthorization ? "on" : "off",
  };
}

function scaleInEnvironment(args: FileMonitorArgs, scaleIn: ScaleInArgs): Partial<Omit<MonitorEnvironment, "ROLLOUT">> {
  const listed = (ids: readonly pulumi.Input<string>[]) => pulumi.all([...ids]).apply((all) => all.join(","));
  return {
    SCALE_IN: scaleIn.mode,
    SCALE_IN_PERCENT: scaleIn.percent,
    SCALE_IN_MINUTES: scaleIn.minutes,
    SCALE_IN_MINIMUM_AGE_HOURS: scaleIn.minimumAgeHours,
    INITIAL_MOUNT_TARGETS: scaleIn.minMountTargets,
    KEPT_MOUNT_TARGET_IDS: listed(scaleIn.keptMountTargetIds),
    // Where the function mounts, Lambda needs a mount target in each of their Availability Zones.
    MOUNTED_SUBNET_IDS: args.countVia === "mount" ? listed(args.functionSubnetIds) : undefined,
    DRAIN_SECONDS: scaleIn.drainSeconds,
    ALARM_TOPIC_ARN: args.topicArn,
    TASK_SECURITY_GROUP_ID: scaleIn.taskSecurityGroupId,
    ECS_CLUSTER_NAME: args.cluster.name,
    ECS_SERVICE_NAME: args.service.name,
  };
}

function rollStatement(service: aws.ecs.Service): aws.iam.PolicyStatement {
  return {
    Sid: "RollService",
    Effect: "Allow",
    Action: ["ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:UpdateService"],
    Resource: service.arn,
  };
}

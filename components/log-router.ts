import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { awslogs } from "./awslogs.ts";
import { ContainerImage } from "./container-image.ts";
import { containerVariables } from "./environment.ts";
import { LogArchive } from "./log-archive.ts";
import type { LogSidecar } from "./log-sidecar.ts";
import { pullStatement, writeLogStatement } from "./policy.ts";
import { memoryLimit } from "./router-container.ts";

export interface LogRouterArgs {
  /** The folder of the image: its Dockerfile and what that copies. Example: `fluent-bit`. */
  readonly context: string;
  readonly cpuArchitecture: "ARM64" | "X86_64";
  /** Ends the fixed names. Example: `-prod`. */
  readonly nameSuffix: string;
  /** MiB that the router and the sidecar have together. Example: 1024. */
  readonly taskMemory: number;
  /** The role of the tasks: the only one that may write to the archive. */
  readonly taskRole: aws.iam.Role;
  /** The SNS topic of the alarms. */
  readonly topicArn: pulumi.Input<string>;
  /** Days that the log groups keep their lines. Example: 30. */
  readonly logRetentionDays: number;
  /** How much is collected for an object of the archive: 8 MB of lines, or 100 MB. */
  readonly logObjectSize: keyof typeof MEMORY_RESERVATION;
  /** Days that the archive keeps all lines, more than 90. Example: 365. */
  readonly logArchiveDays: number;
  /** Leave the archive in the account when it leaves the stack; else it is deleted. */
  readonly retain: boolean;
}

/** MiB that the sidecar needs, by the size of its objects. */
const MEMORY_RESERVATION = { small: 50, large: 384 };

/** KiB that the container runtime keeps of a line at most: longer ones are split after 16 KiB, and it adds some fields. */
const MAX_LINE = 17;

/** Its name in the task. */
const CONTAINER = "log-router";
const BUFFER_VOLUME = "log-buffer";
const MINUTE = 60;

/**
 * The route of the routers' logs: a Fluent Bit sidecar that ECS feeds (FireLens), which sends errors to CloudWatch Logs
 * and all lines to an archive in S3.
 */
export class LogRouter extends pulumi.ComponentResource {
  readonly sidecar: LogSidecar;
  readonly errorLogGroup: aws.cloudwatch.LogGroup;
  /** Fluent Bit's own lines. */
  readonly ownLogGroup: aws.cloudwatch.LogGroup;
  readonly archive: LogArchive;
  readonly #name: string;

  constructor(name: string, args: LogRouterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:LogRouter", name, {}, opts);
    this.#name = name;

    this.errorLogGroup = this.#createLogGroup("errors", `/ecs/backend/errors${args.nameSuffix}`, args);
    this.ownLogGroup = this.#createLogGroup("firelens", `/ecs/firelens${args.nameSuffix}`, args);
    this.archive = new LogArchive(
      `${name}-logs`,
      {
        nameSuffix: args.nameSuffix,
        writerArn: args.taskRole.arn,
        days: args.logArchiveDays,
        retain: args.retain,
      },
      { parent: this },
    );
    this.sidecar = this.#createSidecar(this.#buildImage(args), args);
    this.#alarmOnErrors(args);
    this.#alarmOnOwnErrors(args);

    this.registerOutputs();
  }

  #createLogGroup(name: string, logGroupName: string, { logRetentionDays }: LogRouterArgs): aws.cloudwatch.LogGroup {
    return new aws.cloudwatch.LogGroup(
      `${this.#name}-${name}`,
      { name: logGroupName, retentionInDays: logRetentionDays },
      { parent: this },
    );
  }

  #buildImage({ context, cpuArchitecture, nameSuffix }: LogRouterArgs): ContainerImage {
    return new ContainerImage(
      `${this.#name}-fluent-bit-custom`,
      {
        context,
        dockerfile: join(context, "Dockerfile"),
        platform: cpuArchitecture === "ARM64" ? "linux/arm64" : "linux/amd64",
        repositoryName: `fluent-bit-custom${nameSuffix}`,
        tag: `${hashOf(context)}-${cpuArchitecture.toLowerCase()}`,
      },
      { parent: this },
    );
  }

  #createSidecar(image: ContainerImage, args: LogRouterArgs): LogSidecar {
    return {
      container: this.#container(image, args),
      // ECS makes an output of every other option, and no output of this one (amazon-ecs-agent,
      // collectFirelensLogOptions and addOutputSection): fluent-bit.conf has all outputs. With no option at all, Fargate
      // has refused to start containers.
      logConfiguration: {
        logDriver: "awsfirelens",
        options: { "log-driver-buffer-limit": String(bufferedLines(args)) },
      },
      errorLogGroup: this.errorLogGroup,
      volumes: [BUFFER_VOLUME],
      taskStatements: [
        {
          Sid: "ArchiveLogs",
          Effect: "Allow",
          Action: "s3:PutObject",
          Resource: pulumi.interpolate`${this.archive.bucketArn}/${this.archive.prefix}*`,
        },
        {
          Sid: "WriteErrorLog",
          Effect: "Allow",
          Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
          Resource: pulumi.interpolate`${this.errorLogGroup.arn}:*`,
        },
      ],
      executionStatements: [
        pullStatement("PullLogRouterImage", image.repositoryArn),
        writeLogStatement("WriteLogRouterLog", this.ownLogGroup),
      ],
    };
  }

  #container(image: ContainerImage, { logObjectSize }: LogRouterArgs): aws.ecs.ContainerDefinition {
    const region = aws.getRegionOutput({}, { parent: this }).region;
    const environment = {
      AWS_REGION: region,
      LOG_BUCKET_NAME: this.archive.bucketName,
      ERROR_LOG_GROUP_NAME: this.errorLogGroup.name,
      LOG_OBJECT_SIZE: logObjectSize,
    };
    return {
      name: CONTAINER,
      image: image.ref,
      essential: true,
      memoryReservation: MEMORY_RESERVATION[logObjectSize],
      // The socket that ECS mounts for the container runtime belongs to root.
      user: "0",
      readonlyRootFilesystem: true,
      environment: containerVariables(environment),
      mountPoints: [{ sourceVolume: BUFFER_VOLUME, containerPath: "/log-router/buffer" }],
      firelensConfiguration: {
        type: "fluentbit",
        options: {
          "enable-ecs-log-metadata": "true",
          "config-file-type": "file",
          "config-file-value": "/log-router/fluent-bit.conf",
        },
      },
      healthCheck: {
        command: ["CMD", "curl", "--fail", "--silent", "--show-error", "http://localhost:2020/api/v1/health"],
        // The first check comes after this time, and the router starts after the first check that passes.
        interval: 10,
        timeout: 3,
        retries: 3,
        startPeriod: 30,
      },
      // The maximum on Fargate: on SIGTERM, the sidecar sends what it has collected to S3.
      stopTimeout: 120,
      logConfiguration: awslogs(this.ownLogGroup, region, "firelens"),
    };
  }

  #alarmOnErrors({ topicArn }: LogRouterArgs): void {
    this.#alarm("router-errors", topicArn, {
      alarmDescription: "The routers logged an ERROR or worse. See the error log group.",
      namespace: "AWS/Logs",
      metricName: "IncomingLogEvents",
      dimensions: { LogGroupName: this.errorLogGroup.name },
      threshold: 0,
    });
  }

  /** A failed attempt to send, which Fluent Bit retries, makes up to three such lines. */
  #alarmOnOwnErrors({ topicArn, nameSuffix }: LogRouterArgs): void {
    const { metricTransformation } = new aws.cloudwatch.LogMetricFilter(
      `${this.#name}-errors`,
      {
        logGroupName: this.ownLogGroup.name,
        pattern: '"[error]"',
        metricTransformation: {
          namespace: "efs-mount-autoscaling",
          name: `LogRouterErrors${nameSuffix}`,
          value: "1",
        },
      },
      { parent: this },
    );
    this.#alarm("errors", topicArn, {
      alarmDescription: "The log router keeps failing to deliver. See its log group, and the permissions of the tasks.",
      namespace: metricTransformation.namespace,
      metricName: metricTransformation.name,
      threshold: 10,
    });
  }

  #alarm(
    name: string,
    topicArn: pulumi.Input<string>,
    watch: Pick<
      aws.cloudwatch.MetricAlarmArgs,
      "alarmDescription" | "namespace" | "metricName" | "dimensions" | "threshold"
    >,
  ): void {
    new aws.cloudwatch.MetricAlarm(
      `${this.#name}-${name}`,
      {
        ...watch,
        statistic: "Sum",
        period: 5 * MINUTE,
        evaluationPeriods: 1,
        comparisonOperator: "GreaterThanThreshold",
        treatMissingData: "notBreaching",
        alarmActions: [topicArn],
        okActions: [topicArn],
      },
      { parent: this },
    );
  }
}

/**
 * Lines that the container runtime keeps while Fluent Bit reads none; it drops what comes then. They are in the memory
 * of the task, and no container's: however long they are, they fit into what the router and the sidecar leave.
 *
 * Source: Amazon ECS developer guide, "Configuring Amazon ECS logs for high throughput".
 */
function bufferedLines({ taskMemory, logObjectSize }: Pick<LogRouterArgs, "taskMemory" | "logObjectSize">): number {
  const left = taskMemory - memoryLimit(taskMemory) - MEMORY_RESERVATION[logObjectSize];
  return Math.floor((left * 1024) / MAX_LINE);
}

/** A hash of the files of a folder. */
function hashOf(folder: string): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(folder).sort()) hash.update(`${file}\0`).update(readFileSync(join(folder, file)));
  return hash.digest("hex").slice(0, 20);
}

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { monitorMetric } from "./metrics.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;

export interface AlarmsArgs {
  /** The SNS topic that everything goes to. */
  readonly topicArn: pulumi.Input<string>;
  readonly fileSystemId: pulumi.Input<string>;
  readonly monitor: aws.lambda.Function;
  readonly cluster: aws.ecs.Cluster;
  readonly service: aws.ecs.Service;
}

/** What an alarm watches, and when it goes off. */
type Watch = Pick<
  aws.cloudwatch.MetricAlarmArgs,
  | "alarmDescription"
  | "metricQueries"
  | "namespace"
  | "metricName"
  | "dimensions"
  | "statistic"
  | "period"
  | "evaluationPeriods"
  | "comparisonOperator"
  | "threshold"
>;

/** The alarms, and the events of ECS that no metric shows. */
export class Alarms extends pulumi.ComponentResource {
  readonly #name: string;

  constructor(name: string, args: AlarmsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:Alarms", name, {}, opts);
    this.#name = name;

    this.#alarm("monitor-error-rate", args, this.#monitorErrorRate(args));
    this.#alarm("io-limit", args, this.#ioLimit(args));
    this.#alarm("mount-target-creation-failed", args, this.#creationFailed(args));
    this.#alarm("no-room-to-grow", args, this.#noRoomToGrow(args));
    this.#tell("tasks-failed", args, this.#tasksFailed(args));
    this.#tell("deployment-failed", args, this.#deploymentFailed(args));

    this.registerOutputs();
  }

  /** Runs that died, and runs that answered 500. */
  #monitorErrorRate({ monitor, fileSystemId }: AlarmsArgs): Watch {
    const lambda = (metricName: string) => ({
      namespace: "AWS/Lambda",
      metricName,
      dimensions: { FunctionName: monitor.name },
      stat: "Sum",
      period: HOUR,
    });
    return {
      alarmDescription: "More than 10 % of the file monitor's runs of the last hour failed. See its log.",
      metricQueries: [
        { id: "died", metric: lambda("Errors") },
        { id: "runs", metric: lambda("Invocations") },
        { id: "failed", metric: { ...monitorMetric("RunFailed", fileSystemId), stat: "Sum", period: HOUR } },
        {
          id: "rate",
          label: "Failed runs in percent",
          expression: "100 * (FILL(died, 0) + FILL(failed, 0)) / runs",
          returnData: true,
        },
      ],
      comparisonOperator: "GreaterThanThreshold",
      threshold: 10,
      evaluationPeriods: 1,
    };
  }

  #ioLimit({ fileSystemId }: AlarmsArgs): Watch {
    return {
      alarmDescription:
        "The file system is above 80 % of what the General Purpose performance mode can do. Consider Max I/O.",
      namespace: "AWS/EFS",
      metricName: "PercentIOLimit",
      dimensions: { FileSystemId: fileSystemId },
      statistic: "Average",
      period: 5 * MINUTE,
      evaluationPeriods: 3,
      comparisonOperator: "GreaterThanThreshold",
      threshold: 80,
    };
  }

  #creationFailed({ fileSystemId }: AlarmsArgs): Watch {
    return {
      alarmDescription: "A mount target was wanted but could not be created. See the file monitor's log, and the VPC.",
      ...monitorMetric("MountTargetCreationFailed", fileSystemId),
      statistic: "Maximum",
      period: 5 * MINUTE,
      evaluationPeriods: 1,
      comparisonOperator: "GreaterThanThreshold",
      threshold: 0,
    };
  }

  #noRoomToGrow({ fileSystemId }: AlarmsArgs): Watch {
    const metric = (name: string) => ({ ...monitorMetric(name, fileSystemId), stat: "Maximum", period: 5 * MINUTE });
    return {
      alarmDescription: "The file count is above 80 % of the threshold, and no mount target can be added any more.",
      metricQueries: [
        { id: "percent", metric: metric("FileCountPercentOfThreshold") },
        { id: "left", metric: metric("AvailabilityZonesLeft") },
        {
          id: "stuck",
          label: "Above 80 % with no Availability Zone left",
          expression: "IF(percent > 80 AND left < 1, 1, 0)",
          returnData: true,
        },
      ],
      comparisonOperator: "GreaterThanThreshold",
      threshold: 0,
      evaluationPeriods: 1,
    };
  }

  #alarm(name: string, { topicArn }: AlarmsArgs, watch: Watch): void {
    new aws.cloudwatch.MetricAlarm(
      `${this.#name}-${name}`,
      { ...watch, treatMissingData: "notBreaching", alarmActions: [topicArn], okActions: [topicArn] },
      { parent: this },
    );
  }

  /** Tasks that could not start, or ended by themselves. */
  #tasksFailed({ cluster, service }: AlarmsArgs) {
    return {
      description: "A router task could not start, or ended by itself",
      pattern: {
        source: ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        detail: {
          clusterArn: [cluster.arn],
          group: [pulumi.interpolate`service:${service.name}`],
          lastStatus: ["STOPPED"],
          stopCode: ["TaskFailedToStart", "EssentialContainerExited"],
        },
      },
      paths: { task: "$.detail.taskArn", reason: "$.detail.stoppedReason" },
      message: "Router task <task> stopped: <reason>",
    };
  }

  #deploymentFailed({ service }: AlarmsArgs) {
    return {
      description: "A deployment of the routers failed",
      pattern: {
        source: ["aws.ecs"],
        "detail-type": ["ECS Deployment State Change"],
        resources: [service.arn],
        detail: { eventName: ["SERVICE_DEPLOYMENT_FAILED"] },
      },
      paths: { deployment: "$.detail.deploymentId", reason: "$.detail.reason" },
      message: "Router deployment <deployment> failed: <reason>",
    };
  }

  #tell(
    name: string,
    { topicArn }: AlarmsArgs,
    event: { description: string; pattern: pulumi.Input<object>; paths: Record<string, string>; message: string },
  ): void {
    const resourceName = `${this.#name}-${name}`;
    const rule = new aws.cloudwatch.EventRule(
      resourceName,
      { description: event.description, eventPattern: pulumi.jsonStringify(event.pattern) },
      { parent: this },
    );
    new aws.cloudwatch.EventTarget(
      resourceName,
      {
        rule: rule.name,
        arn: topicArn,
        inputTransformer: { inputPaths: event.paths, inputTemplate: JSON.stringify(event.message) },
      },
      { parent: this },
    );
  }
}

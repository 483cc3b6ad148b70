import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Backup } from "./backup.ts";
import { lagMetric, monitorMetric } from "./metrics.ts";
import { longestPauseMinutes } from "./schedule-expression.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What an alarm may look back over at most (PutMetricAlarm, CloudWatch API reference). */
const MAX_WINDOW = 7 * DAY;

/** Half an hour of bursting at 100 MiB/s. */
const LOW_BURST_CREDITS = 1800 * 100 * 2 ** 20;

export interface AlarmsArgs {
  /** The SNS topic that everything goes to. */
  readonly topicArn: pulumi.Input<string>;
  readonly fileSystemId: pulumi.Input<string>;
  readonly monitor: aws.lambda.Function;
  /** The monitor's. Example: `rate(5 minutes)`. */
  readonly scheduleExpression: string;
  readonly cluster: aws.ecs.Cluster;
  readonly service: aws.ecs.Service;
  readonly loadBalancer: aws.lb.LoadBalancer;
  readonly targetGroup: aws.lb.TargetGroup;
  /** Whether the file system's throughput may depend on burst credits. */
  readonly bursting: boolean;
  /** GiB of metered throughput a day that are expected at most; 0 for any number. */
  readonly meteredGibPerDay: number;
  /** The replica, and how old it may be. Default: there is one region. */
  readonly replication?: Replication | undefined;
  /** The file system's backup. Default: there is none. */
  readonly backup?: Backup | undefined;
  /** Whether restoring a backup is tested. */
  readonly restoreIsTested: boolean;
}

/** A file system that is replicated. */
export interface Replication {
  /** Those of the file systems. */
  readonly ids: pulumi.Output<{ readonly source: string; readonly destination: string }>;
  /** Minutes without a complete sync that are too many. */
  readonly lagMinutes: number;
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
> & {
  /** What it means that there is nothing to watch. Default: `notBreaching`. */
  readonly treatMissingData?: "breaching";
};

/** An event of AWS that someone is told of. */
interface Notice {
  readonly description: string;
  readonly pattern: pulumi.Input<object>;
  /** Where in the event the words of the message are. */
  readonly paths: Readonly<Record<string, string>>;
  readonly message: string;
}

/** The alarms, and the events of ECS that no metric shows. */
export class Alarms extends pulumi.ComponentResource {
  readonly #name: string;

  constructor(name: string, args: AlarmsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:Alarms", name, {}, opts);
    this.#name = name;

    this.#alarm("monitor-error-rate", args, this.#monitorErrorRate(args));
    this.#alarm("monitor-idle", args, this.#monitorIdle(args));
    this.#alarm("io-limit", args, this.#ioLimit(args));
    if (args.bursting) this.#alarm("burst-credits-low", args, this.#burstCreditsLow(args));
    if (args.meteredGibPerDay > 0) this.#alarm("metered-above-budget", args, this.#meteredAboveBudget(args));
    this.#alarm("mount-target-creation-failed", args, this.#creationFailed(args));
    this.#alarm("counts-wrong", args, this.#countsWrong(args));
    this.#alarm("no-room-to-grow", args, this.#noRoomToGrow(args));
    this.#alarm("tasks-below-desired", args, this.#tasksBelowDesired(args));
    this.#alarm("tasks-unhealthy", args, this.#tasksUnhealthy(args));
    this.#alarm("load-balancer-errors", args, this.#loadBalancerErrors(args));
    this.#tell("tasks-failed", args, this.#tasksFailed(args));
    this.#tell("tasks-replaced", args, this.#tasksReplaced(args));
    this.#tell("deployment-failed", args, this.#deploymentFailed(args));
    if (args.replication !== undefined) this.#alarm("replica-lag", args, this.#replicaLag(args.replication));
    if (args.backup !== undefined) {
      const { vaultName, vaultArn, copyVaultName, roleArn } = args.backup;
      this.#tell("backup-failed", args, this.#backupFailed(vaultName));
      if (copyVaultName !== undefined) this.#tell("backup-copy-failed", args, this.#backupCopyFailed(vaultArn));
      if (args.restoreIsTested) this.#tell("restore-failed", args, this.#restoreFailed(roleArn));
    }

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

  /** Four runs that did not come; after 20 minutes at the earliest. */
  #monitorIdle({ monitor, scheduleExpression }: AlarmsArgs): Watch {
    const window = Math.min(Math.max(4 * longestPauseMinutes(scheduleExpression), 20) * MINUTE, MAX_WINDOW);
    const period = Math.min(window, DAY);
    return {
      alarmDescription:
        "The file monitor has not run for four times its interval. See its schedule and its permissions.",
      namespace: "AWS/Lambda",
      metricName: "Invocations",
      dimensions: { FunctionName: monitor.name },
      statistic: "Sum",
      period,
      evaluationPeriods: Math.ceil(window / period),
      comparisonOperator: "LessThanThreshold",
      threshold: 1,
      treatMissingData: "breaching",
    };
  }

  #ioLimit({ fileSystemId }: AlarmsArgs): Watch {
    return {
      alarmDescription: "The file system is above 80 % of what the General Purpose performance mode can do.",
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

  #burstCreditsLow({ fileSystemId }: AlarmsArgs): Watch {
    return {
      alarmDescription:
        "The file system's burst credits last for less than half an hour at 100 MiB/s. Consider elastic throughput.",
      namespace: "AWS/EFS",
      metricName: "BurstCreditBalance",
      dimensions: { FileSystemId: fileSystemId },
      statistic: "Minimum",
      period: 5 * MINUTE,
      evaluationPeriods: 1,
      comparisonOperator: "LessThanThreshold",
      threshold: LOW_BURST_CREDITS,
    };
  }

  #meteredAboveBudget({ fileSystemId, meteredGibPerDay }: AlarmsArgs): Watch {
    return {
      alarmDescription: `The file system's metered throughput is above ${meteredGibPerDay} GiB a day.`,
      namespace: "AWS/EFS",
      metricName: "MeteredIOBytes",
      dimensions: { FileSystemId: fileSystemId },
      statistic: "Sum",
      period: DAY,
      evaluationPeriods: 1,
      comparisonOperator: "GreaterThanThreshold",
      threshold: meteredGibPerDay * 2 ** 30,
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

  /** Only full counts say, which run once in `fullCountHours`. */
  #countsWrong({ fileSystemId }: AlarmsArgs): Watch {
    return {
      alarmDescription:
        "A full count found other files than the counts before it had: an error of the program. See the file monitor's log.",
      ...monitorMetric("WrongDirectories", fileSystemId),
      statistic: "Maximum",
      period: 5 * MINUTE,
      evaluationPeriods: 1,
      comparisonOperator: "GreaterThanThreshold",
      threshold: 0,
    };
  }

  /** EFS counts the seconds since the last sync that was complete. */
  #replicaLag({ ids, lagMinutes }: Replication): Watch {
    return {
      alarmDescription: `The replica in the other region has not been complete for more than ${lagMinutes} minutes. See docs/disaster-recovery.md.`,
      ...lagMetric(ids),
      statistic: "Maximum",
      period: 5 * MINUTE,
      evaluationPeriods: 1,
      comparisonOperator: "GreaterThanThreshold",
      threshold: lagMinutes * MINUTE,
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

  #tasksBelowDesired({ cluster, service }: AlarmsArgs): Watch {
    const tasks = (metricName: string) => ({
      namespace: "ECS/ContainerInsights",
      metricName,
      dimensions: { ClusterName: cluster.name, ServiceName: service.name },
      stat: "Average",
      period: 5 * MINUTE,
    });
    return {
      alarmDescription: "For 15 minutes, fewer router tasks have run than are desired. See the service's events.",
      metricQueries: [
        { id: "desired", metric: tasks("DesiredTaskCount") },
        { id: "running", metric: tasks("RunningTaskCount") },
        { id: "missing", label: "Missing tasks", expression: "desired - running", returnData: true },
      ],
      comparisonOperator: "GreaterThanThreshold",
      threshold: 0,
      evaluationPeriods: 3,
    };
  }

  #tasksUnhealthy({ loadBalancer, targetGroup }: AlarmsArgs): Watch {
    return {
      alarmDescription: "For 15 minutes, a router has not answered the load balancer's health checks. See its log.",
      namespace: "AWS/ApplicationELB",
      metricName: "UnHealthyHostCount",
      dimensions: { LoadBalancer: loadBalancer.arnSuffix, TargetGroup: targetGroup.arnSuffix },
      statistic: "Minimum",
      period: 5 * MINUTE,
      evaluationPeriods: 3,
      comparisonOperator: "GreaterThanThreshold",
      threshold: 0,
    };
  }

  /** What the load balancer answers itself, since no router did. */
  #loadBalancerErrors({ loadBalancer }: AlarmsArgs): Watch {
    return {
      alarmDescription: "The load balancer itself answered more than 10 requests with 5xx in 5 minutes. See the tasks.",
      namespace: "AWS/ApplicationELB",
      metricName: "HTTPCode_ELB_5XX_Count",
      dimensions: { LoadBalancer: loadBalancer.arnSuffix },
      statistic: "Sum",
      period: 5 * MINUTE,
      evaluationPeriods: 1,
      comparisonOperator: "GreaterThanThreshold",
      threshold: 10,
    };
  }

  #alarm(name: string, { topicArn }: AlarmsArgs, watch: Watch): void {
    new aws.cloudwatch.MetricAlarm(
      `${this.#name}-${name}`,
      { treatMissingData: "notBreaching", ...watch, alarmActions: [topicArn], okActions: [topicArn] },
      { parent: this },
    );
  }

  /** Tasks that could not start, or ended by themselves. */
  #tasksFailed(args: AlarmsArgs): Notice {
    return this.#tasksStopped(args, "A router task could not start, or ended by itself", {
      stopCode: ["TaskFailedToStart", "EssentialContainerExited"],
    });
  }

  /** Tasks that ECS stopped for what health checks said. */
  #tasksReplaced(args: AlarmsArgs): Notice {
    return this.#tasksStopped(args, "A router task failed its health checks, and ECS replaced it", {
      // ECS developer guide, "Amazon ECS stopped tasks error messages".
      stoppedReason: [{ prefix: "Task failed ELB health checks" }, { prefix: "Task failed container health checks" }],
    });
  }

  #tasksStopped({ cluster, service }: AlarmsArgs, description: string, how: object): Notice {
    return {
      description,
      pattern: {
        source: ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        detail: {
          clusterArn: [cluster.arn],
          group: [pulumi.interpolate`service:${service.name}`],
          lastStatus: ["STOPPED"],
          ...how,
        },
      },
      paths: { task: "$.detail.taskArn", reason: "$.detail.stoppedReason" },
      message: "Router task <task> stopped: <reason>",
    };
  }

  #deploymentFailed({ service }: AlarmsArgs): Notice {
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

  /** A backup that failed, was stopped, or did not begin in its window. */
  #backupFailed(vaultName: pulumi.Input<string>): Notice {
    return {
      description: "A backup of the file system failed",
      pattern: {
        source: ["aws.backup"],
        "detail-type": ["Backup Job State Change"],
        detail: { backupVaultName: [vaultName], state: ["FAILED", "ABORTED", "EXPIRED"] },
      },
      paths: { job: "$.detail.backupJobId", state: "$.detail.state" },
      message: "Backup job <job> is <state>",
    };
  }

  /** A copy of a backup in another region that failed. */
  #backupCopyFailed(vaultArn: pulumi.Input<string>): Notice {
    return {
      description: "A copy of a backup to another region failed",
      pattern: {
        source: ["aws.backup"],
        "detail-type": ["Copy Job State Change"],
        detail: { sourceBackupVaultArn: [vaultArn], state: ["FAILED"] },
      },
      paths: { job: "$.detail.copyJobId", state: "$.detail.state" },
      message: "Copy job <job> is <state>",
    };
  }

  /** A restore that failed or was stopped: a test, or an operator's. */
  #restoreFailed(roleArn: pulumi.Input<string>): Notice {
    return {
      description: "A restore of the file system failed",
      pattern: {
        source: ["aws.backup"],
        "detail-type": ["Restore Job State Change"],
        detail: { iamRoleArn: [roleArn], status: ["FAILED", "ABORTED"] },
      },
      paths: { job: "$.detail.restoreJobId", status: "$.detail.status" },
      message: "Restore job <job> is <status>",
    };
  }

  #tell(name: string, { topicArn }: AlarmsArgs, event: Notice): void {
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

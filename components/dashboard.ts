import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { monitorMetric } from "./metrics.ts";

/** CloudWatch's grid is 24 columns wide. */
const COLUMNS = 24;
const HEIGHT = 6;

export interface DashboardArgs {
  /** Its name in the account and region. Example: `efs-mount-autoscaling-dev`. */
  readonly dashboardName: string;
  readonly fileSystemId: pulumi.Input<string>;
  readonly cluster: aws.ecs.Cluster;
  readonly service: aws.ecs.Service;
  readonly loadBalancer: aws.lb.LoadBalancer;
  readonly targetGroup: aws.lb.TargetGroup;
  /** Where errors are looked for. */
  readonly logGroupNames: readonly pulumi.Input<string>[];
}

/** One line of a graph: a metric with its dimensions, or an expression over others. */
type Line = readonly pulumi.Input<string | Readonly<Record<string, unknown>>>[];

interface Graph {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Default: `Average`. */
  readonly stat?: string;
  readonly unit?: string;
  /** The label of the right axis, which begins at 0, for lines with `yAxis: "right"`. */
  readonly rightAxis?: string;
}

/** One page that shows, from top to bottom: scaling, counting, throughput, requests, tasks, errors. */
export class Dashboard extends pulumi.ComponentResource {
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: DashboardArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:Dashboard", name, {}, opts);

    const region = aws.getRegionOutput({}, { parent: this }).region;
    const rows = [
      this.#scaling(args),
      this.#counting(args),
      this.#fileSystem(args),
      this.#requests(args),
      this.#tasks(args),
    ];
    const widgets = [
      ...rows.flatMap((graphs, row) =>
        graphs.map((graph, index) => graphWidget(graph, row, index, graphs.length, region)),
      ),
      errorsWidget(args.logGroupNames, rows.length, region),
    ];
    const dashboard = new aws.cloudwatch.Dashboard(
      name,
      {
        dashboardName: args.dashboardName,
        dashboardBody: pulumi.jsonStringify({ widgets }),
      },
      { parent: this },
    );
    this.url = pulumi.interpolate`https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#dashboards/dashboard/${dashboard.dashboardName}`;

    this.registerOutputs();
  }

  #scaling({ fileSystemId }: DashboardArgs): Graph[] {
    const line = monitorLines(fileSystemId);
    return [
      {
        title: "Files against the threshold",
        stat: "Maximum",
        rightAxis: "Mount targets",
        lines: [
          line("FileCount", { id: "files", label: "Files" }),
          line("FileCountPercentOfThreshold", { id: "percent", visible: false }),
          [{ expression: "100 * files / percent", label: "Threshold", color: "#d62728" }],
          line("EffectiveThreshold", { label: "By the forecast", color: "#ff9896" }),
          line("ForecastFileCount", { label: "Files expected at most", color: "#aec7e8" }),
          line("MountTargets", { label: "Mount targets", yAxis: "right", color: "#7f7f7f" }),
          line("RetiringMountTargets", { label: "Retiring", yAxis: "right", color: "#c7c7c7" }),
        ],
      },
      {
        title: "Mount targets",
        stat: "Maximum",
        lines: [
          line("MountTargets", { label: "Available" }),
          line("AvailabilityZonesLeft", { label: "Could be added" }),
          line("RetiringMountTargets", { label: "Retiring" }),
          line("MountTargetCreated", { label: "Created", stat: "Sum" }),
          line("MountTargetCreationFailed", { label: "Not created", stat: "Sum" }),
          line("MountTargetDeleted", { label: "Deleted", stat: "Sum" }),
          line("MountTargetDeletionFailed", { label: "Not deleted", stat: "Sum" }),
        ],
      },
      {
        title: "What is decided",
        stat: "Maximum",
        lines: [
          line("ThresholdExceeded", { label: "The threshold is passed" }),
          line("ForecastFalseAlarms", { label: "False alarms of the forecast, in a row" }),
          line("ScaleInWanted", { label: "A mount target could go" }),
        ],
      },
      {
        title: "File monitor",
        stat: "Sum",
        lines: [
          line("RunFailed", { label: "Failed runs" }),
          line("TableUpdated", { label: "Tables written" }),
          line("DeploymentStarted", { label: "Deployments started" }),
        ],
      },
    ];
  }

  #counting({ fileSystemId }: DashboardArgs): Graph[] {
    const line = monitorLines(fileSystemId);
    return [
      {
        title: "Count (ms)",
        stat: "Maximum",
        lines: [line("CountDuration", { label: "Duration" }), line("CountAge", { label: "Age" })],
      },
      {
        title: "Directories read",
        stat: "Maximum",
        lines: [line("DirectoriesRead", { label: "New or changed; in a full count, all" })],
      },
      {
        title: "Files in the largest directory",
        stat: "Maximum",
        lines: [line("LargestDirectory", { label: "Directly in it" })],
      },
      {
        title: "Counts that are not right",
        stat: "Maximum",
        lines: [
          line("CountIncomplete", { label: "Time ran out" }),
          line("SkippedEntries", { label: "Could not be read" }),
          line("WrongDirectories", { label: "Kept wrongly: an error of the program" }),
        ],
      },
    ];
  }

  #fileSystem({ fileSystemId }: DashboardArgs): Graph[] {
    const line = (metricName: string, options: Record<string, unknown> = {}) =>
      metricLine({ namespace: "AWS/EFS", metricName, dimensions: { FileSystemId: fileSystemId } }, options);
    return [
      {
        title: "Throughput (bytes/s)",
        stat: "Sum",
        lines: [
          line("DataReadIOBytes", { id: "read", visible: false }),
          line("DataWriteIOBytes", { id: "write", visible: false }),
          [{ expression: "read / PERIOD(read)", label: "Read" }],
          [{ expression: "write / PERIOD(write)", label: "Written" }],
        ],
      },
      {
        title: "Metered (bytes/s)",
        stat: "Sum",
        lines: [
          line("MeteredIOBytes", { id: "metered", visible: false }),
          line("MetadataReadIOBytes", { id: "metadataRead", visible: false }),
          line("MetadataWriteIOBytes", { id: "metadataWrite", visible: false }),
          [{ expression: "metered / PERIOD(metered)", label: "All, reads by a third" }],
          [{ expression: "metadataRead / PERIOD(metadataRead)", label: "Metadata read" }],
          [{ expression: "metadataWrite / PERIOD(metadataWrite)", label: "Metadata written" }],
        ],
      },
      { title: "Client connections", stat: "Sum", lines: [line("ClientConnections", { label: "Connections" })] },
      { title: "I/O limit (%)", stat: "Maximum", lines: [line("PercentIOLimit", { label: "Of General Purpose" })] },
    ];
  }

  #requests({ loadBalancer, targetGroup }: DashboardArgs): Graph[] {
    const line = (metricName: string, options: Record<string, unknown> = {}) =>
      metricLine(
        {
          namespace: "AWS/ApplicationELB",
          metricName,
          dimensions: { LoadBalancer: loadBalancer.arnSuffix, TargetGroup: targetGroup.arnSuffix },
        },
        options,
      );
    return [
      {
        title: "Requests",
        stat: "Sum",
        lines: [line("RequestCount", { label: "All" }), line("RequestCountPerTarget", { label: "Each task" })],
      },
      {
        title: "Latency (s)",
        lines: ["p50", "p90", "p99"].map((stat) => line("TargetResponseTime", { stat, label: stat })),
      },
      {
        title: "Failed requests",
        stat: "Sum",
        lines: [
          line("HTTPCode_Target_5XX_Count", { label: "5xx" }),
          line("HTTPCode_Target_4XX_Count", { label: "4xx" }),
        ],
      },
    ];
  }

  #tasks({ cluster, service, loadBalancer, targetGroup }: DashboardArgs): Graph[] {
    const dimensions = { ClusterName: cluster.name, ServiceName: service.name };
    const insight = (metricName: string, label: string) =>
      metricLine({ namespace: "ECS/ContainerInsights", metricName, dimensions }, { label });
    const usage = (metricName: string, label: string) =>
      metricLine({ namespace: "AWS/ECS", metricName, dimensions }, { label });
    const hosts = (metricName: string, label: string) =>
      metricLine(
        {
          namespace: "AWS/ApplicationELB",
          metricName,
          dimensions: { LoadBalancer: loadBalancer.arnSuffix, TargetGroup: targetGroup.arnSuffix },
        },
        { label },
      );
    return [
      {
        title: "Tasks",
        lines: [
          insight("DesiredTaskCount", "Desired"),
          insight("RunningTaskCount", "Running"),
          insight("PendingTaskCount", "Pending"),
        ],
      },
      {
        title: "CPU and memory (%)",
        lines: [usage("CPUUtilization", "CPU"), usage("MemoryUtilization", "Memory")],
      },
      {
        title: "Healthy tasks",
        lines: [hosts("HealthyHostCount", "Healthy"), hosts("UnHealthyHostCount", "Unhealthy")],
      },
    ];
  }
}

interface Metric {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: Readonly<Record<string, pulumi.Input<string>>>;
}

/** Makes the lines of the monitor's metrics. */
function monitorLines(fileSystemId: pulumi.Input<string>) {
  return (metric: string, options: Record<string, unknown> = {}) =>
    metricLine(monitorMetric(metric, fileSystemId), options);
}

function metricLine({ namespace, metricName, dimensions }: Metric, options: Record<string, unknown>): Line {
  return [namespace, metricName, ...Object.entries(dimensions).flat(), options];
}

function graphWidget(graph: Graph, row: number, index: number, inRow: number, region: pulumi.Output<string>) {
  const width = COLUMNS / inRow;
  return {
    type: "metric",
    x: index * width,
    y: row * HEIGHT,
    width,
    height: HEIGHT,
    properties: {
      title: graph.title,
      view: "timeSeries",
      region,
      period: 300,
      stat: graph.stat ?? "Average",
      metrics: graph.lines,
      ...(graph.rightAxis === undefined ? {} : { yAxis: { right: { label: graph.rightAxis, min: 0 } } }),
    },
  };
}

function errorsWidget(logGroupNames: DashboardArgs["logGroupNames"], row: number, region: pulumi.Output<string>) {
  const sources = pulumi.all([...logGroupNames]).apply((names) => names.map((name) => `SOURCE '${name}' | `).join(""));
  return {
    type: "log",
    x: 0,
    y: row * HEIGHT,
    width: COLUMNS,
    height: HEIGHT,
    properties: {
      title: "Errors",
      region,
      view: "table",
      query: pulumi.interpolate`${sources}fields @timestamp, level, @message, @log | filter level in ["ERROR", "FATAL"] | sort @timestamp desc | limit 50`,
    },
  };
}

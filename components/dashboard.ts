import { type MeteredKind, meteredBytes, type Prices, pricesOf } from "@efs-mount-autoscaling/metering";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Replication } from "./alarms.ts";
import { lagMetric, monitorMetric } from "./metrics.ts";

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
  /** That of the S3 API. Default: there is none. */
  readonly s3TargetGroup?: aws.lb.TargetGroup | undefined;
  /** The replica. Default: there is one region. */
  readonly replication?: Replication | undefined;
  /** Where errors are looked for. */
  readonly logGroupNames: readonly pulumi.Input<string>[];
}

/** One line of a graph: a metric with its dimensions, or an expression over others. */
type Line = readonly pulumi.Input<string | Readonly<Record<string, unknown>>>[];

interface Graph {
  readonly title: pulumi.Input<string>;
  readonly lines: readonly Line[];
  /** Default: `Average`. */
  readonly stat?: string;
  readonly unit?: string;
  /** The label of the right axis, which begins at 0, for lines with `yAxis: "right"`. */
  readonly rightAxis?: string;
}

/** One page that shows, from top to bottom: scaling, counting, throughput, its cost, requests, tasks, errors. */
export class Dashboard extends pulumi.ComponentResource {
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: DashboardArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:Dashboard", name, {}, opts);

    const region = aws.getRegionOutput({}, { parent: this }).region;
    const rows = [
      this.#scaling(args),
      this.#counting(args),
      this.#fileSystem(args),
      this.#costs(args, region.apply(pricesOf)),
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

  /** In dollars, or in metered GB where the prices of the region are not known. */
  #costs({ fileSystemId }: DashboardArgs, prices: pulumi.Output<Prices | undefined>): Graph[] {
    const unit = prices.apply((known) => (known === undefined ? "GB a day" : "USD a day"));
    const aDay = (metered: (price: Prices) => string) =>
      prices.apply((known) => `86400 / PERIOD(${ANY_METERED}) / 1000000000 * (${metered(known ?? UNPRICED)})`);
    const operations = OPERATIONS.flatMap(({ id, metricName }) => {
      const metric = { namespace: "AWS/EFS", metricName, dimensions: { FileSystemId: fileSystemId } };
      return [
        metricLine(metric, { id, stat: "Sum", visible: false }),
        metricLine(metric, { id: `${id}Count`, stat: "SampleCount", visible: false }),
      ];
    });
    const all = (bound: Bound) =>
      aDay((price) => OPERATIONS.map((each) => `${price[each.price]} * ${metered(each, bound)}`).join(" + "));
    const ofCount = (metricName: string, label: string) => {
      const id = metricName.replace(/^C/, "c");
      return [
        metricLine(monitorMetric(metricName, fileSystemId), { id, stat: "Sum", visible: false }),
        [{ expression: aDay(({ read }) => `${read} * FILL(${id}, 0)`), label }],
      ];
    };
    return [
      {
        title: pulumi.interpolate`Throughput, if it is elastic (${unit})`,
        lines: [
          ...operations,
          [{ expression: all("lower"), label: "At least" }],
          [{ expression: all("upper"), label: "At most" }],
        ],
      },
      {
        title: pulumi.interpolate`Of it, the monitor's counts (${unit})`,
        lines: [
          metricLine(
            { namespace: "AWS/EFS", metricName: "MetadataReadIOBytes", dimensions: { FileSystemId: fileSystemId } },
            { id: ANY_METERED, stat: "Sum", visible: false },
          ),
          ...ofCount("CountMeteredBytesLower", "At least"),
          ...ofCount("CountMeteredBytesUpper", "At most"),
        ],
      },
    ];
  }

  #replica({ ids, lagMinutes }: Replication, fileSystemId: pulumi.Input<string>): Graph {
    return {
      title: "Replica: since it was complete (s)",
      stat: "Maximum",
      lines: [
        metricLine(lagMetric(ids), { label: "By EFS", id: "lag" }),
        metricLine(monitorMetric("ReplicaLag", fileSystemId), { id: "ownLag", visible: false }),
        [{ expression: "ownLag / 1000", label: "As the monitor sees it" }],
        [{ expression: `TIME_SERIES(${lagMinutes * 60})`, label: "Alarm", color: "#d62728" }],
      ],
    };
  }

  #requests({ loadBalancer, targetGroup, s3TargetGroup, replication, fileSystemId }: DashboardArgs): Graph[] {
    const lineOf = (group: aws.lb.TargetGroup, metricName: string, options: Record<string, unknown>) =>
      metricLine(
        {
          namespace: "AWS/ApplicationELB",
          metricName,
          dimensions: { LoadBalancer: loadBalancer.arnSuffix, TargetGroup: group.arnSuffix },
        },
        options,
      );
    const line = (metricName: string, options: Record<string, unknown>) => lineOf(targetGroup, metricName, options);
    const s3Line = (metricName: string, options: Record<string, unknown>) =>
      s3TargetGroup === undefined ? [] : [lineOf(s3TargetGroup, metricName, options)];
    return [
      {
        title: "Requests",
        stat: "Sum",
        lines: [
          line("RequestCount", { label: "All" }),
          line("RequestCountPerTarget", { label: "Each task" }),
          ...s3Line("RequestCount", { label: "S3: all" }),
          ...s3Line("RequestCountPerTarget", { label: "S3: each task" }),
        ],
      },
      {
        title: "Latency (s)",
        lines: [
          ...["p50", "p90", "p99"].map((stat) => line("TargetResponseTime", { stat, label: stat })),
          ...s3Line("TargetResponseTime", { stat: "p99", label: "S3: p99" }),
        ],
      },
      {
        title: "Failed requests",
        stat: "Sum",
        lines: [
          line("HTTPCode_Target_5XX_Count", { label: "5xx" }),
          line("HTTPCode_Target_4XX_Count", { label: "4xx" }),
          ...s3Line("HTTPCode_Target_5XX_Count", { label: "S3: 5xx" }),
          ...s3Line("HTTPCode_Target_4XX_Count", { label: "S3: 4xx" }),
        ],
      },
      ...(replication === undefined ? [] : [this.#replica(replication, fileSystemId)]),
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

type Bound = "lower" | "upper";

interface Operation {
  /** In expressions. */
  readonly id: string;
  readonly metricName: string;
  readonly kind: MeteredKind;
  readonly price: "read" | "write";
}

/** Their sum is bytes, and their number that of operations (EFS user guide, "CloudWatch metrics for Amazon EFS"). */
const OPERATIONS: readonly Operation[] = [
  { id: "dataRead", metricName: "DataReadIOBytes", kind: "data-read", price: "read" },
  { id: "dataWrite", metricName: "DataWriteIOBytes", kind: "data-write", price: "write" },
  { id: "metadataRead", metricName: "MetadataReadIOBytes", kind: "metadata-read", price: "read" },
  { id: "metadataWrite", metricName: "MetadataWriteIOBytes", kind: "metadata-write", price: "write" },
];

/** A metric that tells the period. */
const ANY_METERED = "metadataRead";

const UNPRICED: Prices = { read: 1, write: 1, acrossZones: 1 };

/**
 * Bytes that are metered of operations of a kind, of which only the number and the sum of their bytes are known. Each is
 * metered as its bytes or the minimum, whichever is more: so all of them as no less than either sum, and no more than both.
 */
function metered({ id, kind }: Operation, bound: Bound): string {
  const bytes = `FILL(${id}, 0)`;
  const minima = `${meteredBytes(kind, 0)} * FILL(${id}Count, 0)`;
  return bound === "upper" ? `(${bytes} + ${minima})` : `IF(${bytes} > ${minima}, ${bytes}, ${minima})`;
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

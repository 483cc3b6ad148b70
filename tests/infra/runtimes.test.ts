/** What the stack and its two runtimes must agree on. */
import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { readSettings as readRouterSettings } from "../../fargate-app/src/settings.ts";
import { METRICS_NAMESPACE, publishMetrics } from "../../functions/file-monitor/metrics.ts";
import { readSettings as readMonitorSettings } from "../../functions/file-monitor/settings.ts";
import { CONFIGURATIONS, type ConfigurationName } from "./configurations.ts";
import { type Registered, registerStack } from "./stack.ts";

let resources: readonly Registered[];

const hotReload = (name: ConfigurationName) => name === "an existing VPC and file system";

/** How a function that counts over NFS connects. */
const TLS = {
  serverName: expect.stringMatching(/^fs-[0-9a-f]+\.efs\.ap-northeast-1\.amazonaws\.com$/),
  accessPointId: expect.stringMatching(/^fsap-/),
  iamRegion: "ap-northeast-1",
};

/** Where routers send which of their traces. */
function tracingOf(name: ConfigurationName): object | undefined {
  const service = {
    serviceName: expect.stringMatching(/^efs-mount-autoscaling-/),
    sampler: "parentbased_traceidratio",
  };
  if (name === "everything") return { ...service, url: "http://collector.internal:4318/v1/traces", ratio: 0.005 };
  if (hotReload(name)) return { ...service, url: "https://traces.example.com/otlp/v1/traces", ratio: 0.05 };
  return undefined;
}

const inputsOf = (type: string, name: string) =>
  resources.find((resource) => resource.type.endsWith(`:${type}`) && resource.name === name)?.inputs ?? {};

describe.each(Object.keys(CONFIGURATIONS) as ConfigurationName[])("with %s", (name) => {
  beforeAll(async () => {
    ({ resources } = await registerStack(CONFIGURATIONS[name]));
  });

  test("the monitor accepts its environment", () => {
    const { environment } = inputsOf("Function", "file-monitor") as {
      environment: { variables: Record<string, string> };
    };
    // Lambda sets the region itself.
    const settings = readMonitorSettings({ ...environment.variables, AWS_REGION: "ap-northeast-1" });
    expect(settings).toMatchObject({
      targetDirectory: "/",
      countVia: name === "everything" ? { kind: "nfs", tls: TLS } : { kind: "mount", countedPath: "/mnt/efs/" },
      fullCountInterval: (name === "everything" ? 12 : 24) * 3_600_000,
      treeFile: "/tmp/count-tree",
      treeBucket: expect.stringMatching(/./),
      fileCountThreshold: 100_000,
      thresholdMode: name === "everything" ? "forecast" : "fixed",
      forecastHorizon: (name === "everything" ? 30 : 60) * 60_000,
      countConcurrency: 32,
      rollout: { kind: hotReload(name) ? "hot-reload" : "rolling-deployment" },
      maxMountTargets: name === "everything" ? 3 : undefined,
    });
    expect(settings.subnetIds).toHaveLength(3);
  });

  test("the monitor knows which mount targets it must never take away", () => {
    const { environment } = inputsOf("Function", "file-monitor") as {
      environment: { variables: Record<string, string> };
    };
    const { scaleIn } = readMonitorSettings({ ...environment.variables, AWS_REGION: "ap-northeast-1" });
    if (!("scaleIn" in CONFIGURATIONS[name])) return expect(scaleIn).toBeUndefined();
    const isEverything = name === "everything";
    expect(scaleIn).toMatchObject({
      isObserved: !isEverything,
      share: isEverything ? 0.6 : 0.7,
      window: (isEverything ? 90 : 60) * 60_000,
      rest: (isEverything ? 48 : 24) * 3_600_000,
      minMountTargets: 2,
      isHotReload: hotReload(name),
      // Tasks that are replaced have 600 seconds, 40 to stop, and a minute; others three polls, five minutes, and a minute.
      drainTime: (isEverything ? 600 + 40 + 60 : 3 * 10 + 300 + 60) * 1000,
      alarmTopicArn: expect.stringMatching(/^arn:aws:sns:/),
    });
    expect(scaleIn?.keptMountTargetIds).toHaveLength(2);
    expect(scaleIn?.mountedSubnetIds).toHaveLength(isEverything ? 0 : 2);
    expect(typeof scaleIn?.taskSecurityGroupId).toBe(isEverything ? "string" : "undefined");
  });

  test("the router accepts its environment", () => {
    const [router] = JSON.parse(String(inputsOf("TaskDefinition", "router").containerDefinitions));
    const environment = Object.fromEntries(
      router.environment.map((variable: { name: string; value: string }) => [variable.name, variable.value]),
    );
    const fileSystemId = inputsOf("AccessPoint", "file-storage-directory").fileSystemId;
    expect(readRouterSettings(environment)).toMatchObject({
      port: 8000,
      rootDirectory: "/",
      routingStrategy: name === "everything" ? "zone-aware" : "rendezvous",
      shutdownTimeout: 30_000,
      mountTableRefreshInterval: hotReload(name) ? 10_000 : 0,
      regionParameterName: "role" in CONFIGURATIONS[name] ? expect.stringMatching(/\/region$/) : undefined,
      roleLease: name === "the standby of two regions" ? 60_000 : 120_000,
      nfsTls: {
        serverName: `${fileSystemId}.efs.ap-northeast-1.amazonaws.com`,
        fileSystemId,
        accessPointId: expect.stringMatching(/^fsap-/),
        iamRegion: name === "an existing VPC and file system" ? undefined : "ap-northeast-1",
      },
      tracing: tracingOf(name),
    });
  });

  test("the nfs command accepts the environment of the maintenance task", () => {
    const { containerDefinitions } = inputsOf("TaskDefinition", "maintenance");
    if (containerDefinitions === undefined) return;
    const [container] = JSON.parse(String(containerDefinitions));
    const environment = Object.fromEntries(
      container.environment.map((variable: { name: string; value: string }) => [variable.name, variable.value]),
    );
    expect(readRouterSettings(environment)).toMatchObject({
      rootDirectory: "/",
      nfsTls: { accessPointId: expect.stringMatching(/^fsap-/), iamRegion: "ap-northeast-1" },
    });
  });

  test("the monitor may roll the service only where that is its work", () => {
    const policies = resources
      .filter(({ type, name }) => type.endsWith(":RolePolicy") && name === "file-monitor")
      .map(({ inputs }) => String(inputs.policy));
    expect(policies).toHaveLength(1);
    expect(policies.join().includes("ecs:UpdateService")).toBe(!hotReload(name));
  });

  test("alarms and dashboard ask only for metrics that the monitor writes", () => {
    const written = metricsWritten();
    const asked = resources
      .filter(({ type }) => /:(MetricAlarm|Dashboard)$/.test(type))
      .flatMap(({ inputs }) => monitorMetricsIn(inputs));
    expect(new Set(asked).size).toBeGreaterThan(5);
    for (const metric of asked) expect(written).toContain(metric);
  });

  test("the dashboard has a line for every metric that the monitor writes", () => {
    const dashboards = resources.filter(({ type }) => type.endsWith(":Dashboard"));
    for (const { inputs } of dashboards)
      expect(new Set(monitorMetricsIn(inputs))).toEqual(new Set(metricsWritten("peer" in CONFIGURATIONS[name])));
  });
});

test("what the stack builds and bundles is there", () => {
  for (const file of ["build.ts", "fargate-app/Dockerfile", "functions/file-monitor/handler.ts"]) {
    expect(existsSync(file), file).toBe(true);
  }
});

/** The metrics of a run that saw everything, with the dimensions that CloudWatch keeps them under. */
function metricsWritten(isReplicated = true): string[] {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    publishMetrics("fs-66bd9fdde20e9dfbd", {
      statusCode: 200,
      message: "No action needed",
      fileCount: 1,
      threshold: 1,
      thresholdPassed: false,
      effectiveThreshold: 1,
      thresholdReason: "The threshold is 1: it is fixed",
      forecast: { fileCount: 1, horizon: 1, threshold: 1, thresholdPassed: false },
      forecastFalseAlarms: 0,
      countComplete: true,
      countDuration: 1,
      countAge: 0,
      fullCount: true,
      directoriesRead: 1,
      wrongDirectories: { count: 0, examples: [] },
      countMeteredBytes: { lower: 1, upper: 2 },
      largestDirectory: { path: "/", files: 1 },
      skipped: { count: 0, examples: [] },
      mountTargets: [],
      availabilityZonesLeft: 1,
      created: null,
      creationFailed: false,
      scaleIn: { action: "none", reason: "there are many files" },
      retiring: null,
      deleted: null,
      deletionFailed: true,
      replicaLag: isReplicated ? 1 : undefined,
      tableUpdated: false,
      deployed: false,
    });
    const [line] = write.mock.calls[0] ?? [];
    const { CloudWatchMetrics } = JSON.parse(String(line))._aws;
    return CloudWatchMetrics.flatMap(
      ({
        Namespace,
        Dimensions,
        Metrics,
      }: {
        Namespace: string;
        Dimensions: string[][];
        Metrics: { Name: string }[];
      }) => Metrics.map(({ Name }) => [Namespace, Name, ...[...(Dimensions[0] ?? [])].sort()].join(" ")),
    );
  } finally {
    write.mockRestore();
  }
}

/** The monitor's metrics in an alarm or a dashboard, in the same form. */
function monitorMetricsIn(inputs: unknown): string[] {
  const found: string[] = [];
  const look = (value: unknown): void => {
    if (typeof value === "string" && value.startsWith('{"widgets"')) look(JSON.parse(value));
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value) && value[0] === METRICS_NAMESPACE) {
      const dimensions = value.slice(2, -1).filter((_part, index) => index % 2 === 0);
      found.push([value[0], value[1], ...dimensions.sort()].join(" "));
    }
    if (
      "namespace" in value &&
      "metricName" in value &&
      "dimensions" in value &&
      value.namespace === METRICS_NAMESPACE
    ) {
      found.push([value.namespace, value.metricName, ...Object.keys(value.dimensions ?? {}).sort()].join(" "));
    }
    for (const part of Object.values(value)) look(part);
  };
  look(inputs);
  return found;
}

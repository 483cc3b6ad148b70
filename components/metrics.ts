import type * as pulumi from "@pulumi/pulumi";
import { METRICS_NAMESPACE, SERVICE_NAME } from "../functions/file-monitor/metrics.ts";

/** A metric that the file monitor writes; `functions/file-monitor/metrics.ts` lists them. */
export function monitorMetric(metricName: string, fileSystemId: pulumi.Input<string>) {
  return {
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensions: { service: SERVICE_NAME, FileSystemId: fileSystemId },
  };
}

/** Seconds since the last complete sync of a replica (EFS user guide, CloudWatch metrics). */
export function lagMetric(ids: pulumi.Output<{ readonly source: string; readonly destination: string }>) {
  return {
    namespace: "AWS/EFS",
    metricName: "TimeSinceLastSync",
    dimensions: {
      FileSystemId: ids.apply(({ source }) => source),
      DestinationFileSystemId: ids.apply(({ destination }) => destination),
    },
  };
}

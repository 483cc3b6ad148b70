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

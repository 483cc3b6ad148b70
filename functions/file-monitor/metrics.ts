/**
 * The monitor's metrics, in CloudWatch's embedded metric format: log lines that CloudWatch turns into metrics.
 *
 * Namespace `EfsMountAutoscaling`. Dimensions, always these two together:
 * `service` = `file-monitor` and `FileSystemId` = the id of the file system.
 *
 * | metric | unit | value, one data point a run |
 * | --- | --- | --- |
 * | RunFailed | Count | 1 when the result was 500, else 0; its average is the error rate |
 * | FileCount | Count | files, as last counted |
 * | FileCountPercentOfThreshold | Percent | 100 × FileCount / threshold |
 * | ThresholdExceeded | Count | 1 when FileCount > threshold, else 0 |
 * | EffectiveThreshold | Count | files above which a mount target is added; with thresholdMode observe, would be added |
 * | ForecastFileCount | Count | files at the forecast's horizon, at most, with a probability of 90 %; only where there is a forecast |
 * | ForecastFalseAlarms | Count | mount targets in a row that a forecast has added and the count has not needed within a day |
 * | CountDuration | Milliseconds | time the count took; only of runs that counted |
 * | CountAge | Milliseconds | time since the count began; 0 when the run counted |
 * | CountMeteredBytesLower | Bytes | what EFS meters of the count with elastic throughput, at least; only of runs that counted |
 * | CountMeteredBytesUpper | Bytes | the same, at most |
 * | CountIncomplete | Count | 1 when the time for counting ran out, else 0 |
 * | DirectoriesRead | Count | directories that were read, because they were new or had changed; only of runs that counted |
 * | WrongDirectories | Count | directories that were kept wrongly: an error of the program; only of full counts |
 * | LargestDirectory | Count | files directly in the directory that holds most |
 * | SkippedEntries | Count | directories and entries that could not be read |
 * | MountTargets | Count | mount targets in state available |
 * | AvailabilityZonesLeft | Count | mount targets that could still be added |
 * | MountTargetCreated | Count | 1 when a mount target became available in the run, else 0 |
 * | MountTargetCreationFailed | Count | 1 when one was wanted but could not be added, else 0 |
 * | ScaleInWanted | Count | 1 when a mount target is retired or deleted, or with scaleIn observe would be, else 0; only with scaleIn |
 * | RetiringMountTargets | Count | mount targets that the table marks as retiring; only with scaleIn |
 * | MountTargetDeleted | Count | 1 when a retired mount target was deleted in the run, 0 when that failed |
 * | MountTargetDeletionFailed | Count | 1 when a retired mount target could not be deleted, else 0 |
 * | ReplicaLag | Milliseconds | time since the replica was complete; only where the file system is replicated |
 * | TableUpdated | Count | 1 when the mount table was written, else 0 |
 * | DeploymentStarted | Count | 1 when the service was deployed, else 0 |
 *
 * A run that fails sends what it knew by then: after a failed count, RunFailed and ReplicaLag alone.
 */
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { MonitorResult } from "./result.ts";

export const METRICS_NAMESPACE = "EfsMountAutoscaling";
export const SERVICE_NAME = "file-monitor";

/** Writes the metrics of one run to standard output. */
export function publishMetrics(fileSystemId: string, result: MonitorResult): void {
  const metrics = new Metrics({
    namespace: METRICS_NAMESPACE,
    serviceName: SERVICE_NAME,
    defaultDimensions: { FileSystemId: fileSystemId },
  });
  for (const [name, unit, value] of measure(result)) {
    if (value !== undefined) metrics.addMetric(name, unit, Number(value));
  }
  metrics.publishStoredMetrics();
}

type Measurement = readonly [
  name: string,
  unit: (typeof MetricUnit)[keyof typeof MetricUnit],
  value: number | boolean | undefined,
];

function measure(result: MonitorResult): Measurement[] {
  const { fileCount, threshold, created, mountTargets, countComplete, countAge, scaleIn, retiring, deleted } = result;
  const { Bytes, Count, Milliseconds, Percent } = MetricUnit;
  return [
    ["RunFailed", Count, result.statusCode === 500],
    ["FileCount", Count, fileCount],
    ["FileCountPercentOfThreshold", Percent, percentage(fileCount, threshold)],
    ["ThresholdExceeded", Count, result.thresholdPassed],
    ["EffectiveThreshold", Count, result.forecast?.threshold ?? result.effectiveThreshold],
    ["ForecastFileCount", Count, result.forecast?.fileCount],
    ["ForecastFalseAlarms", Count, result.forecastFalseAlarms],
    ["CountDuration", Milliseconds, countAge === 0 ? result.countDuration : undefined],
    ["CountAge", Milliseconds, countAge],
    ["CountMeteredBytesLower", Bytes, countAge === 0 ? result.countMeteredBytes?.lower : undefined],
    ["CountMeteredBytesUpper", Bytes, countAge === 0 ? result.countMeteredBytes?.upper : undefined],
    ["CountIncomplete", Count, countComplete === undefined ? undefined : !countComplete],
    ["DirectoriesRead", Count, countAge === 0 ? result.directoriesRead : undefined],
    ["WrongDirectories", Count, countAge === 0 && result.fullCount ? result.wrongDirectories?.count : undefined],
    ["LargestDirectory", Count, result.largestDirectory?.files],
    ["SkippedEntries", Count, result.skipped?.count],
    ["MountTargets", Count, mountTargets?.filter(({ state }) => state === "available").length],
    ["AvailabilityZonesLeft", Count, result.availabilityZonesLeft],
    ["MountTargetCreated", Count, created === undefined ? undefined : created !== null],
    ["MountTargetCreationFailed", Count, result.creationFailed],
    ["ScaleInWanted", Count, scaleIn && scaleIn.action !== "none"],
    ["RetiringMountTargets", Count, retiring === undefined ? undefined : retiring !== null],
    ["MountTargetDeleted", Count, deleted === undefined ? undefined : deleted !== null],
    ["MountTargetDeletionFailed", Count, result.deletionFailed],
    ["ReplicaLag", Milliseconds, result.replicaLag],
    ["TableUpdated", Count, result.tableUpdated],
    ["DeploymentStarted", Count, result.deployed],
  ];
}

function percentage(fileCount: number | undefined, threshold: number | undefined): number | undefined {
  if (fileCount === undefined || threshold === undefined) return undefined;
  return (100 * fileCount) / Math.max(threshold, 1);
}

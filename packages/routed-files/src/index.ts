/** Files over many mount targets of one file system. */

export { collect } from "./collect.ts";
export type { WriteCondition } from "./file-write.ts";
export { HOT_SPOT_CAPACITY, HOT_SPOT_WINDOW, HotSpots } from "./hot-spots/hot-spots.ts";
export { hotSpotAnswer, mergeHotSpotAnswers, totalOf } from "./hot-spots/merge.ts";
export type { Log } from "./log.ts";
export {
  type BatchItem,
  type BatchResult,
  NotAFileError,
  runBatch,
  TooLargeForBatchError,
} from "./many/batch.ts";
export { deleteTree } from "./many/delete-tree.ts";
export { inOrder } from "./many/in-order.ts";
export { TooManyFailuresError } from "./many/too-many-failures.ts";
export { whileRunning } from "./many/while-running.ts";
export type { OwnFile, OwnFiles } from "./own-files.ts";
export { type ReadRange, RoutedFiles, type RoutedFilesOptions, type Sharing } from "./routed-files.ts";
export { Balancer, type Measured } from "./routing/balancer.ts";
export { LoadMeter } from "./routing/load-meter.ts";
export {
  type DirectoryPath,
  directoryPath,
  entryPath,
  type FilePath,
  filePath,
  MAX_NAME_BYTES,
  MAX_PATH_BYTES,
  ownFilePath,
  PathError,
  ROOT,
} from "./routing/path.ts";
export {
  DEFAULT_LOAD_FACTOR,
  isByLoad,
  ROUTING_STRATEGIES,
  type RoutingStrategy,
  rankingOf,
} from "./routing/strategies.ts";
export { MountTableRefresh } from "./table/mount-table-refresh.ts";
export {
  fileSystemOf,
  fileSystemSource,
  fixedSource,
  loadMountTable,
  type MountTableSource,
  mountTableSources,
  parameterSource,
  type RankedMountTable,
} from "./table/mount-table-sources.ts";
export { OPERATION_CHANNEL, type OperationMessage } from "./targets/diagnostics.ts";
export { mayBeNoFile, UnavailableError } from "./targets/failures.ts";
export { addCounts, countsSince, type LatencyCounts, percentile } from "./targets/latency-counts.ts";
export { type Latency, OPERATIONS, type OperationObserver } from "./targets/statistics.ts";
export type { Connect, Target } from "./targets/target.ts";
export { TARGET_STATES, type TargetState } from "./targets/target-state.ts";
export { type ThisTask, thisTask } from "./this-task.ts";

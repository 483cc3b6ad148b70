/** The lifecycle of the router: settings, mount table, mount targets, server, and an orderly end. */
import { hostname } from "node:os";
import { mountTargetTls } from "@efs-mount-autoscaling/efs-tls";
import { Meter } from "@efs-mount-autoscaling/metering";
import {
  type Connect,
  HotSpots,
  loadMountTable,
  MountTableRefresh,
  type MountTableSource,
  RoutedFiles,
  type ThisTask,
  thisTask,
} from "@efs-mount-autoscaling/routed-files";
import { MemoryBudget, messageOf } from "nfs-client";
import type { Logger } from "pino";
import { ApiTokens, type TokenSource } from "./authentication/api-tokens.ts";
import type { SecretSource } from "./authentication/followed-source.ts";
import type { ServiceTasksOptions } from "./ecs/service-tasks.ts";
import { taskIdOf } from "./ecs/task-id.ts";
import { ChangeFeed } from "./feed/change-feed.ts";
import { MonitorFindings, type MonitorFindingsOptions } from "./feed/monitor-findings.ts";
import type { DocsAssets } from "./http/routes/docs/routes.ts";
import type { PageAssets } from "./http/routes/pages/assets.ts";
import { closeServer, createServer } from "./http/server.ts";
import { Metrics } from "./metrics.ts";
import { OrphanSweep } from "./orphan-sweep.ts";
import { Region } from "./region/region.ts";
import type { RegionSources } from "./region/sources.ts";
import { type AccessKey, AccessKeys } from "./s3/access-keys.ts";
import type { S3Api, startS3Api } from "./s3/start.ts";
import { MONITOR_POLL_INTERVAL, readSettings, type Settings } from "./settings.ts";
import { Changes } from "./status/changes.ts";
import { KeptChanges } from "./status/kept-changes.ts";
import { monitorStatusSource } from "./status/monitor-source.ts";
import { type ServiceTasks, ServiceWatch, type ServiceWatchOptions } from "./status/service-watch.ts";
import { TaskReport } from "./status/task-report.ts";
import { taskStatusOf } from "./status/task-status.ts";
import type { startTracing, Tracing } from "./tracing/tracing.ts";
import { answersOf } from "./workers/answers.ts";
import type { WorkerGroup } from "./workers/group.ts";
import { shareOf } from "./workers/share.ts";

/** What the service needs of the world. */
export interface World {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly connect: Connect;
  /** Where the API's tokens are. */
  readonly tokenSource: (secretId: string) => TokenSource;
  /** Where the access keys of the S3 API are. */
  readonly accessKeySource: (secretId: string, areUsersAllowed: boolean) => SecretSource<readonly AccessKey[]>;
  /** Where the mount table can be, best first. */
  readonly mountTableSources: (settings: Settings) => readonly MountTableSource[];
  /** Where the role of the region is, in an SSM parameter of this name. */
  readonly regionSources: (parameterName: string, settings: Settings) => RegionSources;
  readonly loadDocsAssets: () => Promise<DocsAssets>;
  readonly loadPageAssets: () => Promise<PageAssets>;
  /** The other tasks of the service, for the status page. */
  readonly serviceTasks: (options: ServiceTasksOptions) => Promise<ServiceTasks>;
  /** Resolves with the reason when the service is to stop. */
  readonly stop: Promise<string>;
  /** Calls the listener whenever the service is to read the mount table again. */
  readonly onReload: (listener: () => void) => void;
  /** The workers that the service is one of. */
  readonly group: WorkerGroup;
}

/** Milliseconds that the last spans have to be exported, also where requests took all of the shutdown timeout. */
const MIN_EXPORT_TIME = 1_000;

/** The exit code of the process. */
export type ExitCode = 0 | 1;

/** Runs until it is told to stop (0), or cannot start (1, and a FATAL line says why). */
export async function run(world: World): Promise<ExitCode> {
  const { log } = world;
  let service: Service;
  try {
    service = await start(world);
  } catch (error) {
    log.fatal({ err: error }, `The router cannot start: ${messageOf(error)}`);
    return 1;
  }
  try {
    const stopped = await Promise.race([world.stop, service.connected]);
    log.info(`Stopping: ${stopped ?? (await world.stop)}`);
  } catch (error) {
    log.fatal({ err: error }, `The router cannot start: ${messageOf(error)}`);
    await service.stop();
    return 1;
  }
  await service.stop();
  log.info("Stopped");
  return 0;
}

interface Service {
  /** Resolves when a mount target was connected to for the first time; fails when there was none in time. */
  readonly connected: Promise<void>;
  readonly stop: () => Promise<void>;
}

async function start(world: World): Promise<Service> {
  const settings = shareOf(readSettings(world.environment), world.group.size);
  world.log.level = settings.logLevel;
  const starting = startSecrets(world, settings);
  try {
    return await startService(world, settings, starting);
  } catch (error) {
    void starting.then(
      (secrets) => secrets.stop(),
      () => {},
    );
    throw error;
  }
}

async function startService(world: World, settings: Settings, starting: Promise<Secrets>): Promise<Service> {
  const { log, connect, mountTableSources, loadDocsAssets, loadPageAssets, onReload, group } = world;
  const sources = mountTableSources(settings);
  const { regionParameterName, roleLease: lease, readAfterTimeout } = settings;
  const ownRegion =
    regionParameterName === undefined
      ? undefined
      : new Region({ sources: world.regionSources(regionParameterName, settings), lease, readAfterTimeout, log });
  const [current, tls, task, secrets] = await Promise.all([
    loadMountTable(sources, log),
    settings.nfsTls && mountTargetTls(settings.nfsTls),
    thisTask(settings.taskMetadataUri, log),
    starting,
    ownRegion?.poll(),
  ]);
  const metrics = new Metrics();
  const id = task.arn === undefined ? hostname() : taskIdOf(task.arn);
  const changes = new Changes();
  const { startTimeout } = settings;
  const files = await RoutedFiles.open(current.table, {
    connect: (options) => connect({ ...options, tls, connections: settings.nfsConnections }),
    nfsPort: settings.nfsPort,
    connectTimeout: settings.nfsConnectTimeout,
    operationTimeout: settings.nfsOperationTimeout,
    detectionTimeout: settings.nfsDetectionTimeout,
    rootDirectory: settings.rootDirectory,
    routing: { strategy: settings.routingStrategy, loadFactor: settings.loadFactor, ownZone: task.zone },
    hotSpots: new HotSpots({ share: settings.hotSpotShare, log }),
    drainTimeout: settings.mountTargetDrainTimeout,
    memory: new MemoryBudget(settings.transferMemory),
    onOperation: metrics.observeOperation,
    onStateChange: (target, state, reason) => changes.note(target, state, reason),
    log,
  });
  const mayWrite = () => ownRegion === undefined || "until" in ownRegion.verdict;
  const keptChanges = new KeptChanges({ files: files.ownFiles("status"), taskId: id, changes, mayWrite, log });
  const { changeFeedRetention: retention } = settings;
  const feed =
    retention === undefined
      ? undefined
      : new ChangeFeed({ files: files.ownFiles("changes"), retention, mayWrite, log });
  if (feed !== undefined) files.recordChanges(feed.recorder);
  const meter = new Meter();
  metrics.watch(files);
  metrics.watchCosts(files, meter);
  const report = new TaskReport({ id, files, meter, region: settings.region, ownRegion, changes });
  group.answerWith(answersOf({ files, metrics, meter, report }));
  const watch = watchService(world, settings, task, { ownId: id, readChanges: () => keptChanges.read() });
  if (ownRegion !== undefined) metrics.watchRegion(ownRegion);

  let stopping = false;
  let s3: S3Api | undefined;
  let tracing: Tracing | undefined;
  try {
    ownRegion?.watch();
    // Mount targets are not reachable for up to minutes after they were created. Meanwhile the router listens, and says
    // that it lives, and is not ready.
    const connected = files.connected(startTimeout);
    if (!files.ready) {
      if (startTimeout === 0) await connected;
      log.warn(`No mount target can be reached: trying for ${startTimeout / 1000} s`);
    }
    // Whoever runs the service handles that it fails.
    connected.then(group.noteConnected, () => {});
    const { accessLog, httpLimits: limits, host, port, region } = settings;
    const isStopping = () => stopping;
    const statusPage = { watch, extension: settings.statusPageExtension };
    const { tokens, accessKeys } = secrets;
    tracing = await traceService(settings, { id, task, region, log });
    const { traceRequests } = tracing ?? {};
    const wholeBodies = { allowance: new MemoryBudget(limits.appendMemory), shared: files.memory };
    /** Of both APIs. */
    const shared = { files, metrics, group, region, ownRegion, log, accessLog, limits, wholeBodies, traceRequests };
    const app = createServer({ ...shared, feed, tokens, isStopping, loadDocsAssets, loadPageAssets, statusPage });
    // That all listen is what counts: the primary says so.
    const listenTextResolver = (address: string) =>
      `${group.size === 1 ? "Server listening" : "Worker listening"} at ${address}`;
    // The health check of a load balancer asks the file API, and stands for both.
    s3 = await startS3(settings, shared, accessKeys);
    group.noteListening(await app.listen({ host, port, listenTextResolver }));
    const refresh = new MountTableRefresh({
      sources,
      current,
      interval: settings.mountTableRefreshInterval,
      use: (table) => files.useTable(table),
      log,
    });
    const findings = feed && followMonitor(settings, { recorder: feed.recorder, mayWrite, log });
    onReload(() => {
      refresh.now();
      void ownRegion?.poll();
    });
    const orphanSweep = new OrphanSweep({
      interval: settings.orphanSweepInterval,
      olderThan: settings.orphanAge,
      files,
      also: s3?.sweep,
      mayWrite,
      log,
    });
    ownRegion?.onLoss(() => orphanSweep.interrupt());
    const stop = async () => {
      const deadline = performance.now() + settings.shutdownTimeout;
      stopping = true;
      refresh.stop();
      ownRegion?.stop();
      orphanSweep.stop();
      findings?.stop();
      feed?.stop();
      secrets.stop();
      const closing = [closeServer(app, settings.shutdownTimeout), s3?.close(settings.shutdownTimeout)];
      const cutOff = (await Promise.all(closing)).reduce<number>((sum, count = 0) => sum + count, 0);
      if (cutOff > 0)
        log.warn(`${cutOff} requests were still in flight after SHUTDOWN_TIMEOUT_SECONDS, and were cut off`);
      watch.stop();
      report.stop();
      await keptChanges.stop();
      await files.close();
      meter.stop();
      await tracing?.close(Math.max(MIN_EXPORT_TIME, deadline - performance.now()));
    };
    return { connected, stop };
  } catch (error) {
    watch.stop();
    report.stop();
    ownRegion?.stop();
    feed?.stop();
    await s3?.close(0);
    await files.close();
    meter.stop();
    await tracing?.close(0);
    throw error;
  }
}

function watchService(
  { serviceTasks, group }: World,
  settings: Settings,
  task: ThisTask,
  options: Pick<ServiceWatchOptions, "ownId" | "readChanges">,
): ServiceWatch {
  const { fileSystemId, port, monitorStatusParameter } = settings;
  const { cluster, family } = task;
  return new ServiceWatch({
    ...options,
    fileSystemId,
    own: taskStatusOf(group),
    loadTasks:
      cluster !== undefined && family !== undefined ? () => serviceTasks({ cluster, family, port }) : undefined,
    readMonitor: monitorStatusParameter === undefined ? undefined : monitorStatusSource(monitorStatusParameter),
  });
}

function followMonitor(
  { monitorStatusParameter }: Settings,
  options: Pick<MonitorFindingsOptions, "recorder" | "mayWrite" | "log">,
): MonitorFindings | undefined {
  if (monitorStatusParameter === undefined) return undefined;
  const readMonitor = monitorStatusSource(monitorStatusParameter);
  return new MonitorFindings({ ...options, readMonitor, interval: MONITOR_POLL_INTERVAL });
}

/** Who may use the APIs. */
interface Secrets {
  readonly tokens: ApiTokens | undefined;
  readonly accessKeys: AccessKeys | undefined;
  readonly stop: () => void;
}

async function startSecrets(world: World, settings: Settings): Promise<Secrets> {
  const starting = [startTokens(world, settings), startAccessKeys(world, settings)] as const;
  const stop = () => {
    for (const each of starting) {
      void each.then(
        (started) => started?.stop(),
        () => {},
      );
    }
  };
  try {
    const [tokens, accessKeys] = await Promise.all(starting);
    return { tokens, accessKeys, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

/** The keys of the S3 API, where it is on. */
async function startAccessKeys(
  world: World,
  { s3, apiTokenRefreshInterval }: Settings,
): Promise<AccessKeys | undefined> {
  if (s3 === undefined) return undefined;
  const source = world.accessKeySource(s3.accessKeysSecretId, s3.areUsersAllowed);
  return AccessKeys.start(source, { refreshInterval: apiTokenRefreshInterval, log: world.log });
}

/** Loads the S3 API where it is on: few routers have it. */
async function startS3(
  { s3, host, orphanAge: recordAge }: Settings,
  shared: Omit<Parameters<typeof startS3Api>[0], "settings" | "host" | "recordAge" | "accessKeys">,
  accessKeys: AccessKeys | undefined,
): Promise<S3Api | undefined> {
  if (s3 === undefined || accessKeys === undefined) return undefined;
  const { startS3Api } = await import("./s3/start.ts");
  return startS3Api({ ...shared, settings: s3, host, recordAge, accessKeys });
}

/** Loads what traces where it is on: few routers are traced. */
async function traceService(
  { tracing: settings }: Settings,
  process: Omit<Parameters<typeof startTracing>[0], "settings">,
): Promise<Tracing | undefined> {
  if (settings === undefined) return undefined;
  const { startTracing } = await import("./tracing/tracing.ts");
  return startTracing({ ...process, settings });
}

async function startTokens(world: World, settings: Settings): Promise<ApiTokens | undefined> {
  const { apiTokenSecretId: secretId, apiTokenRefreshInterval: refreshInterval } = settings;
  if (secretId !== undefined) return ApiTokens.start(world.tokenSource(secretId), { refreshInterval, log: world.log });
  const level = /^(127\.|::1$|localhost$)/.test(settings.host) ? "info" : "warn";
  world.log[level]("The API is open to everyone who reaches it: API_TOKEN_SECRET_ID is not set");
  return undefined;
}

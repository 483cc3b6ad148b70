/**
 * The whole system on this machine: what the Pulumi program declares on AWS, started as servers and processes.
 *
 * Only AWS is replaced. The router and the monitor are the bundles that ship; `AWS_ENDPOINT_URL` leads them to it.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RegionRole } from "@efs-mount-autoscaling/mount-table";
import { ACCOUNT_ID, CLUSTER_NAME, createAccount, type Location, SERVICE_NAME, TOKYO } from "./account.ts";
import { type Clock, timeOn } from "./clock.ts";
import { CONSOLE_PREFIX, CONSOLE_SCRIPT, Console } from "./console/console.ts";
import { describeTaskMetadata, findService } from "./control-plane/ecs.ts";
import { primaryDeployment } from "./control-plane/ecs-deployments.ts";
import type { Environment } from "./control-plane/operation.ts";
import { readSavedAccount, type SavedAccount, saveAccount } from "./control-plane/saved-account.ts";
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from "./control-plane/server.ts";
import type { AwsState, Subnet } from "./control-plane/state.ts";
import { waitForState } from "./control-plane/wait.ts";
import { startEcsRunner } from "./ecs/runner.ts";
import { startTaskMetadata } from "./ecs/task-metadata.ts";
import type { HealthCheck } from "./ecs/task-run.ts";
import {
  API_TOKEN_SECRET_ID,
  monitorEnvironment,
  REGION_PARAMETER_NAME,
  ROUTER_SETTINGS,
  type Rollout,
  routerEnvironment,
  S3_ACCESS_KEYS_SECRET_ID,
  STATUS_PARAMETER_NAME,
  TARGET_DIRECTORY,
  TREE_BUCKET,
  variablesOf,
} from "./environments.ts";
import { startSchedule } from "./eventbridge/schedule.ts";
import {
  addApiToken,
  addMonitorStatus,
  addMountTargets,
  addS3AccessKeys,
  addService,
  putMountTable,
  putRole,
  type S3AccessKey,
} from "./initial-deployment.ts";
import { createLambdaFunction, type LambdaFunction } from "./lambda/function.ts";
import type { Invocation } from "./lambda/messages.ts";
import { startLoadBalancer } from "./load-balancer/load-balancer.ts";
import type { LogSink } from "./logs/log-line.ts";
import { type Cleanups, startWith } from "./machine/cleanups.ts";
import { findCommonPort } from "./machine/loopback.ts";
import { makeTemporaryDirectory } from "./machine/temporary-directory.ts";
import { type LastRun, summarizeMonitorRun } from "./monitor-run.ts";
import { startMountTargetServers } from "./mount-targets/servers.ts";
import { proposeTo, type ReplicationOptions, startReplication } from "./replication/replication.ts";
import type { ObjectStore } from "./s3/object-store.ts";
import { startLocalS3 } from "./s3/server.ts";

/** Paths of the bundles. */
interface Bundles {
  readonly router: string;
  readonly monitor: string;
}

export interface S3Options {
  /** 0 lets the operating system choose. */
  readonly port: number;
  readonly accessKey: S3AccessKey;
  /** A bucket to begin with. */
  readonly bucket: string;
}

/** One of two regions. */
export interface RegionOptions {
  readonly location: Location;
  /** What outlives an outage: the files, and what AWS keeps of the account. A region starts again from what it finds. */
  readonly directory: string;
  readonly ports: RegionPorts;
  /** The role of a region that starts for the first time. */
  readonly role: RegionRole;
  /** The ports of other regions for their replications, by name. */
  readonly peers: Readonly<Record<string, number>>;
  readonly replication: Pick<ReplicationOptions, "syncInterval" | "deletionDelay">;
  /** What the routers' environment has besides. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The same after every start, since others know them. */
export interface RegionPorts {
  readonly nfs: number;
  readonly controlPlane: number;
  readonly loadBalancer: number;
  readonly replication: number;
}

export interface StackOptions {
  /** Tasks of the router's service. */
  readonly tasks: number;
  /** Mount targets to begin with, of the three that the Availability Zones allow. */
  readonly mountTargets: number;
  readonly fileCountThreshold: number;
  /** Further variables of the monitor's environment. */
  readonly monitorSettings?: Readonly<Record<string, string>>;
  /** The clock of the monitor and of AWS; the time when absent. */
  readonly clock?: Clock;
  /** How routers get a changed mount table; by new tasks when absent. */
  readonly rollout?: Rollout;
  /** Seconds after which routers read the mount table again, with hot-reload. Default: 0.5. */
  readonly mountTableRefreshSeconds?: number;
  /** Milliseconds from one run of the monitor to the next. */
  readonly monitorInterval: number;
  /** Milliseconds that a new mount target is `creating`. */
  readonly mountTargetCreationDelay: number;
  /** Milliseconds that a mount target is `deleting`. Default: 0. */
  readonly mountTargetDeletionDelay?: number;
  /** The bandwidth of each mount target; unlimited when absent. */
  readonly bytesPerSecond?: number;
  /** The latency of each NFS request, in milliseconds; none when absent. */
  readonly operationDelayMs?: number;
  /** Whether `/events` follows what changes. Default: false, which is faster. */
  readonly changeFeed?: boolean;
  /** The token that clients must have; the API is open when absent. */
  readonly apiToken?: string;
  /** The S3 API, and the access key that its clients must have; off when absent. */
  readonly s3?: S3Options;
  /** The port of the load balancer; 0 lets the operating system choose. */
  readonly port?: number;
  /** Receives what tasks, monitor and NFS servers print. */
  readonly log: LogSink;
  /** Whether the monitor runs from the start, or only from {@link Stack.startMonitor} on. Default: true. */
  readonly startsMonitor?: boolean;
  /** Sees how each run of the monitor ended. */
  readonly onMonitorRun: (invocation: Invocation) => void;
  /** Makes it one of two regions; the only one when absent. */
  readonly region?: RegionOptions;
  /** What the tasks and the monitor run; the bundles that `npm run build` makes when absent. */
  readonly bundles?: Bundles;
  /** Sees every call to AWS, and may break it. */
  readonly onCall?: ControlPlaneOptions["onCall"];
  /** Ends the start at any point; what was started by then is stopped. */
  readonly signal: AbortSignal;
}

export interface Stack {
  /** The file API. */
  readonly url: string;
  /** The S3 API; undefined where it is off. */
  readonly s3Url: string | undefined;
  readonly controlPlane: ControlPlane;
  /** Of all mount targets. */
  readonly nfsPort: number;
  /** Where the file system is on this machine. */
  readonly fileSystemPath: string;
  /** S3, where the monitor keeps what it remembers. */
  readonly objects: ObjectStore;
  /** The URLs of the tasks that take requests. */
  taskUrls(): string[];
  /** Lets the monitor run, from now on. */
  startMonitor(): void;
  /** Stops everything and removes every file, once however often it is called. */
  close(): Promise<void>;
}

const BUNDLES: Bundles = { router: bundle("router/main.cjs"), monitor: bundle("file-monitor/index.cjs") };

const HEALTH_CHECK: HealthCheck = {
  path: "/readyz",
  interval: 250,
  timeout: 2_000,
  unhealthyThreshold: 4,
  startPeriod: 30_000,
};
const START_TIMEOUT = 60_000;
const MONITOR_TIMEOUT = 120_000;
/** Seconds between SIGTERM and SIGKILL: the longest that Fargate allows is 120. */
const STOP_TIMEOUT = 10;

/**
 * Starts the system, and waits until its service is steady.
 *
 * @throws {LoopbackAddressError} when the mount targets' addresses are not this machine's.
 */
export function startStack(options: StackOptions): Promise<Stack> {
  return startWith((cleanups) => start(options, cleanups));
}

async function start(options: StackOptions, cleanups: Cleanups): Promise<Stack> {
  const {
    log,
    signal,
    clock,
    apiToken,
    bundles = BUNDLES,
    rollout = "rolling-deployment",
    mountTableRefreshSeconds = 0.5,
    startsMonitor = true,
  } = options;
  requireBundles(bundles);
  const { region } = options;
  const location = region?.location ?? TOKYO;
  const nfsPort = region?.ports.nfs ?? (await findCommonPort(location.subnets.flatMap((subnet) => subnet.addresses)));

  signal.throwIfAborted();
  const directory = region?.directory ?? (await temporaryDirectory(cleanups));
  const fileSystemPath = directoriesOf(directory, location.fileSystemId).root;
  const { s3: s3Api } = options;
  await mkdir(join(fileSystemPath, TARGET_DIRECTORY, s3Api?.bucket ?? ""), { recursive: true });

  const mountTargetServers = startMountTargetServers(
    {
      directory: fileSystemPath,
      port: nfsPort,
      bytesPerSecond: options.bytesPerSecond,
      operationDelayMs: options.operationDelayMs,
    },
    log,
  );
  cleanups.add(() => mountTargetServers.close());
  const savedPath = join(directory, "account.json");
  const saved = region === undefined ? undefined : readSavedAccount(savedPath);
  const initialSubnets = location.subnets.slice(0, options.mountTargets);
  for (const address of saved === undefined ? addressesOf(initialSubnets) : addressesInUse(saved)) {
    await mountTargetServers.start(address);
  }

  signal.throwIfAborted();
  const onError = (error: unknown) => log({ source: "control-plane", stream: "stderr", text: String(error) });
  const peers = Object.fromEntries(
    Object.entries(region?.peers ?? {}).map(([name, port]) => [name, `http://127.0.0.1:${port}`]),
  );
  const controlPlane = await startControlPlane({
    state: { ...createAccount(new Date(), location), ...saved },
    port: region?.ports.controlPlane ?? 0,
    ...(clock && { clock: () => new Date(timeOn(clock)) }),
    mountTargetCreationDelay: options.mountTargetCreationDelay,
    mountTargetDeletionDelay: options.mountTargetDeletionDelay ?? 0,
    onMountTargetAvailable: ({ ipAddress }) => mountTargetServers.start(ipAddress),
    onMountTargetDeleted: ({ ipAddress }) => mountTargetServers.stop(ipAddress),
    proposeReplication: (proposal) => proposeTo(peers, proposal),
    onError,
    onCall: options.onCall,
  });
  cleanups.add(() => controlPlane.close());
  if (region !== undefined) {
    saveAccount(controlPlane, savedPath);
    const replication = await startReplication({
      ...region.replication,
      controlPlane,
      port: region.ports.replication,
      regions: peers,
      directoriesOf: (fileSystemId) => directoriesOf(directory, fileSystemId),
      setReadOnly: async (fileSystemId, readOnly) => {
        if (fileSystemId === location.fileSystemId) await mountTargetServers.changeDialect({ readOnly });
      },
      onError,
    });
    cleanups.add(() => replication.close());
  }
  controlPlane.update((state, environment) => {
    const withDeployment =
      saved === undefined ? deploy(state, { initialSubnets, role: region?.role }, environment) : state;
    const withToken = apiToken === undefined ? withDeployment : addApiToken(withDeployment, apiToken, environment);
    const withKeys = s3Api === undefined ? withToken : addS3AccessKeys(withToken, [s3Api.accessKey], environment);
    const definition = {
      family: "router",
      revision: 1,
      containerName: "router",
      command: [process.execPath, "--enable-source-maps", bundles.router],
      environment: {
        ...routerEnvironment(
          controlPlane.url,
          nfsPort,
          rollout === "hot-reload" ? mountTableRefreshSeconds : 0,
          location,
        ),
        ...(apiToken === undefined ? {} : { API_TOKEN_SECRET_ID }),
        ...variablesOf(process.env, ROUTER_SETTINGS),
        CHANGE_FEED: options.changeFeed ? "on" : "off",
        ...(s3Api === undefined ? {} : { S3_API: "on", S3_ACCESS_KEYS_SECRET_ID }),
        STATUS_PARAMETER_NAME,
        STATUS_PAGE_EXTENSION: CONSOLE_SCRIPT,
        ...(region === undefined ? {} : { REGION_PARAMETER_NAME, ...region.environment }),
      },
      stopTimeout: STOP_TIMEOUT,
    };
    return addService(withKeys, definition, options.tasks, environment);
  });

  signal.throwIfAborted();
  let lastRun: LastRun | undefined;
  const noteRun = (invocation: Invocation) => {
    lastRun = summarizeMonitorRun(invocation);
    options.onMonitorRun(invocation);
  };
  const objects = region === undefined ? await temporaryDirectory(cleanups) : join(region.directory, "objects");
  const s3 = await startLocalS3({ directory: objects, buckets: [TREE_BUCKET] });
  cleanups.add(() => s3.close());
  const monitor = createMonitor(options, bundles, location, {
    ...monitorEnvironment(controlPlane.url, fileSystemPath, options.fileCountThreshold, rollout, location),
    AWS_ENDPOINT_URL_S3: s3.url,
    COUNT_TREE_BUCKET: TREE_BUCKET,
    STATUS_PARAMETER_NAME,
    INITIAL_MOUNT_TARGETS: String(options.mountTargets),
    ...options.monitorSettings,
  });
  cleanups.add(() => monitor.close());
  let schedule: ReturnType<typeof startSchedule> | undefined;
  const ownConsole = new Console({
    controlPlane,
    servers: mountTargetServers,
    nextRun: () => schedule?.nextAt(),
    lastRun: () => lastRun,
    runMonitor: async () => noteRun(await monitor.invoke({ source: "console" })),
    requestFile: (path, text) => requestFile(`${loadBalancer.url}/files/${path}`, text, apiToken),
  });
  const metadata = await startTaskMetadata((taskId) => describeTaskMetadata(controlPlane.state(), taskId));
  cleanups.add(() => metadata.close());
  const loadBalancer = await startLoadBalancer({
    port: region?.ports.loadBalancer ?? options.port ?? 0,
    own: { prefix: CONSOLE_PREFIX, respond: ownConsole.respond },
  });
  const s3LoadBalancer = s3Api && (await startLoadBalancer({ port: s3Api.port }));
  const runner = startEcsRunner({
    controlPlane,
    loadBalancer,
    s3LoadBalancer,
    clusterName: CLUSTER_NAME,
    serviceName: SERVICE_NAME,
    healthCheck: HEALTH_CHECK,
    metadataUri: metadata.uri,
    log,
  });
  cleanups.add(() => runner.close());
  cleanups.add(() => Promise.all([loadBalancer.close(), s3LoadBalancer?.close()]));
  await waitUntilSteady(controlPlane, { timeout: START_TIMEOUT, signal });

  const startMonitor = () => {
    schedule = startSchedule({
      target: monitor,
      every: options.monitorInterval,
      ruleName: "efs-mount-autoscaling-file-monitor",
      accountId: ACCOUNT_ID,
      region: location.region,
      onInvocation: noteRun,
    });
    cleanups.add(() => Promise.all([schedule?.close(), monitor.close()]));
  };
  if (startsMonitor) startMonitor();

  return {
    url: loadBalancer.url,
    s3Url: s3LoadBalancer?.url,
    controlPlane,
    nfsPort,
    fileSystemPath,
    objects: s3.store,
    taskUrls: () => taskUrls(controlPlane),
    startMonitor,
    close: () => cleanups.run(),
  };
}

/** The monitor's function. Its events wait for each other, as those of an asynchronous invocation do. */
function createMonitor(
  { clock, log }: StackOptions,
  bundles: Bundles,
  { region }: Location,
  environment: Readonly<Record<string, string>>,
): Pick<LambdaFunction, "invoke" | "close"> {
  const lambda = createLambdaFunction({
    functionName: "efs-mount-autoscaling-file-monitor",
    region,
    accountId: ACCOUNT_ID,
    bundle: bundles.monitor,
    handler: "handler",
    environment,
    timeout: MONITOR_TIMEOUT,
    memorySize: 512,
    clock,
    log,
  });
  let before: Promise<unknown> = Promise.resolve();
  const invoke = (event: unknown) => {
    const invocation = before.then(() => lambda.invoke(event));
    before = invocation.catch(() => {});
    return invocation;
  };
  return { invoke, close: () => lambda.close() };
}

/** Writes a text; without one, reads, whether or not there is something. */
async function requestFile(url: string, text: string | undefined, token: string | undefined): Promise<void> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers, ...(text !== undefined && { method: "PUT", body: text }) });
  await response.arrayBuffer();
  if (!response.ok && response.status !== 404) throw new Error(`${url} responded with status ${response.status}`);
}

/** The directory of a file system's files, and one for what a replication has not carried completely. */
function directoriesOf(directory: string, fileSystemId: string): { root: string; staging: string } {
  return { root: join(directory, fileSystemId), staging: join(directory, `${fileSystemId}.incomplete`) };
}

async function temporaryDirectory(cleanups: Cleanups): Promise<string> {
  const { path, remove } = await makeTemporaryDirectory("efs-mount-autoscaling-");
  cleanups.add(remove);
  return path;
}

function addressesOf(subnets: readonly Subnet[]): string[] {
  return subnets.flatMap(({ addresses }) => addresses.slice(0, 1));
}

function addressesInUse({ mountTargets }: SavedAccount): string[] {
  return mountTargets.flatMap(({ lifeCycleState, ipAddress }) => (lifeCycleState === "available" ? [ipAddress] : []));
}

/** What `pulumi up` leaves behind the first time. */
function deploy(
  state: AwsState,
  { initialSubnets, role }: { readonly initialSubnets: readonly Subnet[]; readonly role: RegionRole | undefined },
  environment: Environment,
): AwsState {
  const withTable = putMountTable(addMountTargets(state, initialSubnets, environment), environment);
  const withStatus = addMonitorStatus(withTable, environment);
  return role === undefined ? withStatus : putRole(withStatus, role, environment);
}

/** Waits until the service's latest deployment is completed, and throws when it has failed. */
export async function waitUntilSteady(
  controlPlane: ControlPlane,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<void> {
  await waitForState(
    controlPlane,
    (state) => {
      const { rolloutState, rolloutStateReason } = primaryDeployment(findService(state, CLUSTER_NAME, SERVICE_NAME));
      if (rolloutState === "FAILED") throw new Error(rolloutStateReason);
      return rolloutState === "COMPLETED";
    },
    { what: "A steady state of the service", timeout, signal },
  );
}

function taskUrls(controlPlane: ControlPlane): string[] {
  return controlPlane
    .state()
    .tasks.flatMap(({ lastStatus, healthStatus, address }) =>
      lastStatus === "RUNNING" && healthStatus === "HEALTHY" && address !== undefined
        ? [`http://${address.host}:${address.port}`]
        : [],
    );
}

function bundle(path: string): string {
  return fileURLToPath(new URL(`../dist/${path}`, import.meta.url));
}

function requireBundles({ router, monitor }: Bundles): void {
  const missing = [router, monitor].filter((path) => !existsSync(path));
  if (missing.length > 0) throw new Error(`Run "npm run build" first: there is no ${missing.join(" and no ")}`);
}

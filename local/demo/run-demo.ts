/** The demo: files are copied in until a mount target is added, and everything is measured before and after. */
import { setTimeout as sleep } from "node:timers/promises";
import { CLUSTER_NAME, SERVICE_NAME, SUBNETS } from "../account.ts";
import { findService } from "../control-plane/ecs.ts";
import { primaryDeployment } from "../control-plane/ecs-deployments.ts";
import type { AwsState } from "../control-plane/state.ts";
import { waitForState } from "../control-plane/wait.ts";
import type { LogSink } from "../logs/log-line.ts";
import { describeMonitorRun } from "../monitor-run.ts";
import { type Stack, startStack, waitUntilSteady } from "../stack.ts";
import { count } from "./figures.ts";
import { createFileClient } from "./file-client.ts";
import type { DemoResult, Measurement } from "./result.ts";
import type { Screen } from "./screen.ts";
import { chooseFiles, describeSelection, type SourceFile, totalBytes } from "./source-files.ts";
import { areConnected, countsBetween, countTargets } from "./target-report.ts";
import { copyIn, newWorkload, readAll, startTraffic, type Workload } from "./workload.ts";

interface DemoOptions {
  /** The directory whose files are copied in. */
  readonly source: string;
  readonly maxFiles: number;
  /** How long each of the two measurements takes at least. */
  readonly measureSeconds: number;
  readonly screen: Screen;
  readonly log: LogSink;
  /** Called before what was started is stopped, with the address of the file API and of its status page. */
  readonly beforeStop?: (result: DemoResult, url: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/** The part of the files after which the count passes the threshold. */
const THRESHOLD_SHARE = 0.9;
const TASKS = 2;
const MOUNT_TARGETS = 2;
/**
 * How many files of average size a mount target lets through in a second: so few that the mount targets, not the cores
 * of this machine, are the limit of what is measured.
 */
const FILES_PER_SECOND = 150;
/** What NFS and TCP put around a file's bytes. */
const OVERHEAD_BYTES = 600;
const MONITOR_INTERVAL = 2_000;
const MOUNT_TARGET_CREATION_DELAY = 3_000;
const COPY_CONCURRENCY = 32;
const READ_CONCURRENCY = 64;
const TRAFFIC_CONCURRENCY = 8;
const SCALE_OUT_TIMEOUT = 60_000;
const CONNECT_TIMEOUT = 10_000;

/** Where to look, set apart from the lines around it. */
export function describeAddresses(url: string): string {
  return `
  In a browser:  ${url}/          what it does, as it changes, with buttons to disturb it
                 ${url}/files/    its files
`;
}

/** Runs the demo, and stops everything it started. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { source, maxFiles, screen, log, signal } = options;
  const selection = await chooseFiles(source, maxFiles);
  const { files } = selection;
  const fileCountThreshold = Math.floor(files.length * THRESHOLD_SHARE);
  const bytesPerSecond = Math.ceil(FILES_PER_SECOND * (totalBytes(files) / files.length + OVERHEAD_BYTES));
  screen.say(describeSelection(source, selection, fileCountThreshold));
  const stack = await startStack({
    tasks: TASKS,
    mountTargets: MOUNT_TARGETS,
    fileCountThreshold,
    monitorInterval: MONITOR_INTERVAL,
    mountTargetCreationDelay: MOUNT_TARGET_CREATION_DELAY,
    bytesPerSecond,
    log,
    onMonitorRun: (invocation) => {
      for (const line of describeMonitorRun(invocation)) screen.say(line);
    },
    signal,
  });
  const limit = `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
  screen.say(`Started ${MOUNT_TARGETS} mount targets, each of which lets ${limit} through, and ${TASKS} tasks`);
  screen.say(describeAddresses(stack.url));
  screen.say("The third mount target comes when the threshold is passed: in 20 seconds to a minute and a half.");
  try {
    const result = await runOn(stack, options, {
      first: files.slice(0, fileCountThreshold),
      rest: files.slice(fileCountThreshold),
    });
    await options.beforeStop?.(result, stack.url);
    return result;
  } finally {
    await stack.close();
  }
}

async function runOn(
  stack: Stack,
  { source, measureSeconds, screen, signal }: DemoOptions,
  { first, rest }: { readonly first: readonly SourceFile[]; readonly rest: readonly SourceFile[] },
): Promise<DemoResult> {
  const client = createFileClient(stack.url);
  const work = newWorkload(client, signal);
  const { tally } = work;
  const copy = (files: readonly SourceFile[], onFile: () => void) =>
    copyIn(work, files, { source, concurrency: COPY_CONCURRENCY, onFile });
  const sayHowFast = ({ targets, readMBps }: Measurement) =>
    screen.say(
      `Read by ${READ_CONCURRENCY} clients at once, through ${targets.length} mount targets: ${readMBps.toFixed(2)} MB/s`,
    );
  try {
    await screen.progress("Copying in", first.length, (onFile) => copy(first, onFile));
    const before = await measure(stack, work, first, measureSeconds);
    sayHowFast(before);

    const initial = primary(stack.controlPlane.state()).id;
    const traffic = startTraffic(work, first, { concurrency: TRAFFIC_CONCURRENCY });
    try {
      const scaleOut = watchScaleOut(stack, initial, screen.say, signal);
      scaleOut.catch(() => {});
      await screen.progress("Passing the threshold, with other traffic", rest.length, (onFile) => copy(rest, onFile));
      await scaleOut;
    } finally {
      await traffic.stop();
    }

    // Before the measurement: it warms the new tasks up, as the copying did with those before them.
    const all = [...first, ...rest];
    await readAll(work, all, { concurrency: READ_CONCURRENCY, seconds: 0 });
    screen.say(`Read all ${count(all.length)} files back, and compared them`);
    const after = await measure(stack, work, first, measureSeconds);
    sayHowFast(after);
    for (const failure of tally.failures) screen.say(`Failed: ${failure}`);
    return {
      before,
      after,
      tasksRolled: countStopped(stack.controlPlane.state(), initial),
      files: all.length,
      requests: tally.requests,
      failedRequests: tally.failed,
      mismatchedFiles: tally.mismatched.size,
    };
  } finally {
    client.close();
  }
}

async function measure(
  stack: Stack,
  work: Workload,
  files: readonly SourceFile[],
  seconds: number,
): Promise<Measurement> {
  const before = await countTargets(stack.taskUrls());
  const readMBps = await readAll(work, files, { concurrency: READ_CONCURRENCY, seconds });
  return { readMBps, targets: countsBetween(before, await countTargets(stack.taskUrls())) };
}

/** Waits until the third mount target is there and every task uses it. */
async function watchScaleOut(
  { controlPlane, taskUrls }: Stack,
  initialDeployment: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  const after = () => `After ${((performance.now() - started) / 1000).toFixed(1)} s`;
  const until = (what: string, isReached: (state: AwsState) => boolean) =>
    waitForState(controlPlane, isReached, { what, timeout: SCALE_OUT_TIMEOUT, signal });
  await until("A third mount target", ({ mountTargets }) => mountTargets.length === SUBNETS.length);
  say(
    `${after()} a mount target is being created in ${controlPlane.state().mountTargets.at(-1)?.availabilityZoneName}`,
  );
  await until("Its availability", ({ mountTargets }) =>
    mountTargets.every(({ lifeCycleState }) => lifeCycleState === "available"),
  );
  say(`${after()} it is available`);
  await until("A deployment", (state) => primary(state).id !== initialDeployment);
  say(`${after()} the mount table is published, and the tasks are being rolled`);
  await waitUntilSteady(controlPlane, { timeout: SCALE_OUT_TIMEOUT, signal });
  say(`${after()} all tasks are replaced`);
  await untilConnected(taskUrls, signal);
}

/** A task is ready with one mount target; what is measured next must have all. */
async function untilConnected(taskUrls: () => readonly string[], signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + CONNECT_TIMEOUT;
  while (!(await areConnected(taskUrls(), SUBNETS.length))) {
    if (Date.now() > deadline) throw new Error("Not every task is connected to every mount target");
    await sleep(100, undefined, { signal });
  }
}

function primary(state: AwsState) {
  return primaryDeployment(findService(state, CLUSTER_NAME, SERVICE_NAME));
}

function countStopped({ tasks }: AwsState, deploymentId: string): number {
  return tasks.filter((task) => task.deploymentId === deploymentId && task.lastStatus === "STOPPED").length;
}

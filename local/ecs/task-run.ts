/** One task as a process of this machine, from its start to its end. */
import { once } from "node:events";
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { ControlPlane } from "../control-plane/server.ts";
import type { Task, TaskDefinition } from "../control-plane/state.ts";
import type { LoadBalancer, Target } from "../load-balancer/load-balancer.ts";
import type { LogSink } from "../logs/log-line.ts";
import { findCommonPort } from "../machine/loopback.ts";
import { startProcess } from "../machine/process.ts";
import { taskHealthy, taskSignalled, taskStarted, taskStopped, taskUnhealthy } from "./tasks.ts";

export interface HealthCheck {
  /** 200 on this path means that the task is ready for requests. */
  readonly path: string;
  /** Milliseconds between two checks. */
  readonly interval: number;
  /** Milliseconds a check may take. */
  readonly timeout: number;
  /** Checks that must fail in a row before a task that was ready is replaced. */
  readonly unhealthyThreshold: number;
  /** Milliseconds a task has to become ready. */
  readonly startPeriod: number;
}

export interface TaskRunOptions {
  readonly controlPlane: Pick<ControlPlane, "update">;
  readonly loadBalancer: Pick<LoadBalancer, "register" | "deregister">;
  /** In front of the tasks' S3 API; they have none when absent. */
  readonly s3LoadBalancer?: Pick<LoadBalancer, "register" | "deregister"> | undefined;
  readonly healthCheck: HealthCheck;
  /** Where a task learns of itself. */
  readonly metadataUri: (taskId: string) => string;
  readonly log: LogSink;
}

/** Where tasks listen, each on ports of its own. Its environment has them, as `HOST`, `PORT` and `S3_PORT`. */
const HOST = "127.0.0.1";

/**
 * Runs a task until its process has ended, by itself or because `stopping` aborts. Reports to the account what
 * becomes of it. It joins the load balancer when it is ready, and leaves it before it gets SIGTERM.
 */
export async function runTask(
  { taskId }: Task,
  definition: TaskDefinition,
  { controlPlane, loadBalancer, s3LoadBalancer, healthCheck, metadataUri, log }: TaskRunOptions,
  stopping: AbortSignal,
): Promise<void> {
  const target: Target = { host: HOST, port: await findCommonPort([HOST]) };
  const s3Target: Target | undefined = s3LoadBalancer && { host: HOST, port: await findCommonPort([HOST]) };
  const child = startProcess(definition.command, {
    env: {
      ...definition.environment,
      HOST,
      PORT: String(target.port),
      ...(s3Target && { S3_PORT: String(s3Target.port) }),
      ECS_CONTAINER_METADATA_URI_V4: metadataUri(taskId),
    },
    onLine: (text, stream) => log({ source: `${definition.containerName}/${taskId.slice(0, 8)}`, stream, text }),
  });
  controlPlane.update((state, environment) => taskStarted(state, taskId, target, environment));

  const over = new AbortController();
  stopping.addEventListener("abort", () => over.abort(), { once: true });
  if (stopping.aborted) over.abort();
  void child.exited.then(() => over.abort());
  await watchHealth(target, healthCheck, over.signal, {
    onReady: () => {
      loadBalancer.register(target);
      if (s3Target !== undefined) s3LoadBalancer?.register(s3Target);
      controlPlane.update((state, environment) => taskHealthy(state, taskId, environment));
    },
    onUnhealthy: () => controlPlane.update((state, environment) => taskUnhealthy(state, taskId, environment)),
  });

  await Promise.all([loadBalancer.deregister(target), s3Target && s3LoadBalancer?.deregister(s3Target)]);
  if (stopping.aborted) controlPlane.update((state) => taskSignalled(state, taskId));
  const exit = await child.stop(definition.stopTimeout * 1000);
  const reason = exit.error?.message ?? "Essential container in task exited";
  controlPlane.update((state, environment) =>
    taskStopped(state, taskId, { exitCode: exit.code ?? undefined, reason }, environment),
  );
}

/** Checks the task's health until `over`, also after it was found unhealthy: it is for others to end it. */
async function watchHealth(
  target: Target,
  healthCheck: HealthCheck,
  over: AbortSignal,
  { onReady, onUnhealthy }: { readonly onReady: () => void; readonly onUnhealthy: () => void },
): Promise<void> {
  const url = `http://${target.host}:${target.port}${healthCheck.path}`;
  const deadline = Date.now() + healthCheck.startPeriod;
  let ready = false;
  let failures = 0;
  while (!over.aborted) {
    const passes = await check(url, AbortSignal.any([over, AbortSignal.timeout(healthCheck.timeout)]));
    if (over.aborted) return;
    failures = passes ? 0 : failures + 1;
    if (passes && !ready) {
      ready = true;
      onReady();
    }
    if (ready ? failures >= healthCheck.unhealthyThreshold : Date.now() > deadline) {
      onUnhealthy();
      if (!over.aborted) await once(over, "abort");
      return;
    }
    await sleep(healthCheck.interval, undefined, { signal: over }).catch(() => {});
  }
}

/** On a connection of its own: one that stays open would keep the task's server from closing. */
function check(url: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal }, (response) => {
      response.resume();
      response.on("close", () => resolve(response.statusCode === 200));
    });
    request.on("error", () => resolve(false));
  });
}

/** The life of a task, as changes of the account's state. */
import { findService, replaceService } from "../control-plane/ecs.ts";
import { primaryDeployment, updateDeployment } from "../control-plane/ecs-deployments.ts";
import type { Environment } from "../control-plane/operation.ts";
import type { AwsState, Service, Task } from "../control-plane/state.ts";

/** DescribeTasks shows stopped tasks for a while; here, this many. */
const MAX_STOPPED_TASKS = 50;

/** The tasks of a service, those that have stopped too. */
export function tasksOf(state: AwsState, service: Service): Task[] {
  return state.tasks.filter(
    (task) => task.clusterName === service.clusterName && task.serviceName === service.serviceName,
  );
}

/** Adds a task of the service's PRIMARY deployment. */
export function addTask(state: AwsState, service: Service, { now, newId }: Environment): AwsState {
  const primary = primaryDeployment(service);
  const task: Task = {
    taskId: newId("", 32),
    clusterName: service.clusterName,
    serviceName: service.serviceName,
    deploymentId: primary.id,
    taskDefinition: primary.taskDefinition,
    lastStatus: "PENDING",
    desiredStatus: "RUNNING",
    healthStatus: "UNKNOWN",
    // Which security groups it has matters to nobody here.
    networkInterface: { availabilityZone: emptiestZone(state), securityGroups: [] },
    createdAt: now,
  };
  return { ...state, tasks: [...state.tasks, task] };
}

/** Tasks are spread over the Availability Zones. */
function emptiestZone({ subnets, tasks }: AwsState): string {
  const live = tasks.filter(({ desiredStatus }) => desiredStatus === "RUNNING");
  const count = (zone: string) =>
    live.filter(({ networkInterface }) => networkInterface?.availabilityZone === zone).length;
  const zones = subnets.map(({ availabilityZone }) => availabilityZone);
  return zones.reduce((best, zone) => (count(zone) < count(best) ? zone : best), zones[0] ?? "");
}

/** Its process runs. */
export function taskStarted(
  state: AwsState,
  taskId: string,
  address: NonNullable<Task["address"]>,
  { now }: Environment,
): AwsState {
  return changeTask(state, taskId, (task) => ({
    ...task,
    address,
    startedAt: now,
    lastStatus: task.lastStatus === "PENDING" ? "RUNNING" : task.lastStatus,
  }));
}

/** Its health check passes. The failures of its deployment before it no longer count. */
export function taskHealthy(state: AwsState, taskId: string, { now }: Environment): AwsState {
  const after = changeTask(state, taskId, (task) => ({ ...task, healthStatus: "HEALTHY" }));
  return changeDeployment(after, taskId, now, () => ({ failedTasks: 0 }));
}

/** Its health check fails: it counts as failed, and the scheduler will stop it. */
export function taskUnhealthy(state: AwsState, taskId: string, { now }: Environment): AwsState {
  const after = changeTask(state, taskId, (task) => ({ ...task, healthStatus: "UNHEALTHY" }));
  return countFailure(after, taskId, now);
}

/** It leaves the load balancer, and will be stopped. */
export function taskStopping(state: AwsState, taskId: string, reason: string, { now }: Environment): AwsState {
  return changeTask(state, taskId, (task) => ({
    ...task,
    desiredStatus: "STOPPED",
    lastStatus: "DEACTIVATING",
    stoppingAt: now,
    stoppedReason: reason,
  }));
}

/** It got its SIGTERM. */
export function taskSignalled(state: AwsState, taskId: string): AwsState {
  return changeTask(state, taskId, (task) => ({ ...task, lastStatus: "STOPPING" }));
}

/** Its process has ended. That counts as a failure when nobody asked for it. */
export function taskStopped(
  state: AwsState,
  taskId: string,
  exit: { readonly exitCode: number | undefined; readonly reason: string },
  { now }: Environment,
): AwsState {
  const before = state.tasks.find((task) => task.taskId === taskId);
  const after = changeTask(state, taskId, (task) => ({
    ...task,
    desiredStatus: "STOPPED",
    lastStatus: "STOPPED",
    stoppedAt: now,
    stoppedReason: task.stoppedReason ?? exit.reason,
    ...(exit.exitCode === undefined ? {} : { exitCode: exit.exitCode }),
  }));
  const counted = before?.desiredStatus === "RUNNING" && before.healthStatus !== "UNHEALTHY";
  return forgetStoppedTasks(counted ? countFailure(after, taskId, now) : after);
}

function countFailure(state: AwsState, taskId: string, now: Date): AwsState {
  return changeDeployment(state, taskId, now, ({ failedTasks }) => ({
    failedTasks: failedTasks + 1,
    lastFailureAt: now,
  }));
}

function changeTask(state: AwsState, taskId: string, change: (task: Task) => Task): AwsState {
  return { ...state, tasks: state.tasks.map((task) => (task.taskId === taskId ? change(task) : task)) };
}

function changeDeployment(
  state: AwsState,
  taskId: string,
  now: Date,
  change: (deployment: Service["deployments"][number]) => Partial<Service["deployments"][number]>,
): AwsState {
  const task = state.tasks.find((one) => one.taskId === taskId);
  if (task === undefined) return state;
  const service = findService(state, task.clusterName, task.serviceName);
  const deployment = service.deployments.find((one) => one.id === task.deploymentId);
  if (deployment === undefined) return state;
  return replaceService(state, updateDeployment(service, deployment.id, now, change(deployment)));
}

function forgetStoppedTasks(state: AwsState): AwsState {
  const stopped = state.tasks.filter((task) => task.lastStatus === "STOPPED");
  const forgotten = new Set(stopped.slice(0, Math.max(0, stopped.length - MAX_STOPPED_TASKS)));
  return { ...state, tasks: state.tasks.filter((task) => !forgotten.has(task)) };
}

/**
 * The scheduler of an ECS service: what to do next, given what is.
 *
 * Sources: ECS developer guide, "Deploy Amazon ECS services by replacing tasks" (minimum and maximum percent) and
 * "How the Amazon ECS deployment circuit breaker detects failures" (threshold, rollback).
 */
import {
  addEvent,
  finishServiceDeployment,
  primaryDeployment,
  startRollback,
  updateDeployment,
} from "../control-plane/ecs-deployments.ts";
import type { Environment } from "../control-plane/operation.ts";
import type { Deployment, Service, Task } from "../control-plane/state.ts";

export interface Plan {
  /** The service as it is now; the same object when nothing about it changed. */
  readonly service: Service;
  /** How many tasks of the PRIMARY deployment to start. */
  readonly start: number;
  /** The tasks to stop, and why. */
  readonly stop: readonly { readonly task: Task; readonly reason: string }[];
  /** When to plan again even if nothing happens until then. */
  readonly again?: Date;
}

/** After a failed task the next one waits: 0.1 s, doubled with every failure, up to this many milliseconds. */
const MAX_BACKOFF = 10_000;

/**
 * Decides the next step of a service.
 *
 * @param tasks all tasks of the service, those that have stopped too.
 */
export function plan(service: Service, tasks: readonly Task[], environment: Environment): Plan {
  const settled = settle(breakCircuit(service, environment), tasks, environment);
  return { service: settled, stop: tasksToStop(settled, tasks), ...tasksToStart(settled, tasks, environment.now) };
}

/** How many tasks in a row must fail before a deployment does: half of the desired count, at least 3, at most 200. */
export function failureThreshold(desiredCount: number): number {
  return Math.min(Math.max(Math.ceil(desiredCount / 2), 3), 200);
}

/** Fails a deployment whose tasks keep failing, and goes back to the last one that worked. */
function breakCircuit(service: Service, environment: Environment): Service {
  const primary = primaryDeployment(service);
  const { enable, rollback } = service.deploymentConfiguration.deploymentCircuitBreaker;
  if (!enable || primary.rolloutState !== "IN_PROGRESS") return service;
  if (primary.failedTasks < failureThreshold(service.desiredCount)) return service;
  let failed = updateDeployment(service, primary.id, environment.now, {
    rolloutState: "FAILED",
    rolloutStateReason: "ECS deployment circuit breaker: tasks failed to start.",
  });
  failed = addEvent(failed, `(deployment ${primary.id}) deployment failed: tasks failed to start.`, environment);
  if (!rollback || primary.isRollback || service.lastCompleted === undefined) {
    return finishServiceDeployment(failed, primary.isRollback ? "ROLLBACK_FAILED" : "STOPPED", environment.now);
  }
  const rolledBack = startRollback(failed, service.lastCompleted.taskDefinition, environment);
  return addEvent(rolledBack, `rolling back to deployment ${primaryDeployment(rolledBack).id}.`, environment);
}

/** Forgets deployments without tasks, and completes the PRIMARY one when only its tasks are left, all healthy. */
function settle(service: Service, tasks: readonly Task[], environment: Environment): Service {
  const isEmpty = ({ id }: Deployment) =>
    !tasks.some((task) => task.deploymentId === id && task.lastStatus !== "STOPPED");
  const remaining = service.deployments.filter((one) => one.status === "PRIMARY" || !isEmpty(one));
  const current = remaining.length === service.deployments.length ? service : { ...service, deployments: remaining };
  const primary = primaryDeployment(current);
  const healthy = tasks.filter((task) => task.deploymentId === primary.id && isHealthy(task));
  if (primary.rolloutState !== "IN_PROGRESS" || remaining.length > 1 || healthy.length !== current.desiredCount) {
    return current;
  }
  let completed: Service = {
    ...updateDeployment(current, primary.id, environment.now, {
      rolloutState: "COMPLETED",
      rolloutStateReason: `ECS deployment ${primary.id} completed.`,
    }),
    lastCompleted: { deploymentId: primary.id, taskDefinition: primary.taskDefinition },
  };
  const status = primary.isRollback ? "ROLLBACK_SUCCESSFUL" : "SUCCESSFUL";
  completed = finishServiceDeployment(completed, status, environment.now);
  completed = addEvent(completed, `(deployment ${primary.id}) deployment completed.`, environment);
  return addEvent(completed, "has reached a steady state.", environment);
}

function tasksToStart(service: Service, tasks: readonly Task[], now: Date): Pick<Plan, "start" | "again"> {
  const primary = primaryDeployment(service);
  const live = tasks.filter((task) => isLive(task) && task.healthStatus !== "UNHEALTHY");
  const upperLimit = Math.floor((service.desiredCount * service.deploymentConfiguration.maximumPercent) / 100);
  const missing = service.desiredCount - live.filter((task) => task.deploymentId === primary.id).length;
  const start = Math.max(0, Math.min(missing, upperLimit - live.length));
  if (start === 0 || primary.rolloutState === "FAILED") return { start: 0 };
  const allowedAt = nextStart(primary);
  return allowedAt <= now ? { start } : { start: 0, again: allowedAt };
}

function nextStart({ failedTasks, lastFailureAt, createdAt }: Deployment): Date {
  if (failedTasks === 0 || lastFailureAt === undefined) return createdAt;
  return new Date(lastFailureAt.getTime() + Math.min(100 * 2 ** (failedTasks - 1), MAX_BACKOFF));
}

/** Unhealthy tasks at once; then those of earlier deployments and those too many, as far as enough stay healthy. */
function tasksToStop(service: Service, tasks: readonly Task[]): Plan["stop"] {
  const primary = primaryDeployment(service);
  const live = tasks.filter(isLive);
  const unhealthy = live.filter((task) => task.healthStatus === "UNHEALTHY");
  const rest = live.filter((task) => task.healthStatus !== "UNHEALTHY");
  // A failed deployment replaces nothing: what served before it goes on.
  const replaced = primary.rolloutState === "FAILED" ? [] : rest.filter((task) => task.deploymentId !== primary.id);
  const candidates = [...replaced, ...tasksTooMany(service, primary, rest)];
  const { minimumHealthyPercent } = service.deploymentConfiguration;
  const lowerLimit = Math.ceil((service.desiredCount * minimumHealthyPercent) / 100);
  const spare = Math.max(0, rest.filter(isHealthy).length - lowerLimit);
  const stoppable = [
    ...candidates.filter((task) => !isHealthy(task)),
    ...candidates.filter((task) => isHealthy(task)).slice(0, spare),
  ];
  return [
    ...unhealthy.map((task) => ({ task, reason: "Task failed health checks" })),
    ...stoppable.map((task) => ({ task, reason: `Scaling activity initiated by (deployment ${primary.id})` })),
  ];
}

/** When the desired count went down: those not healthy yet go first. */
function tasksTooMany(service: Service, primary: Deployment, tasks: readonly Task[]): Task[] {
  const own = tasks.filter((task) => task.deploymentId === primary.id);
  return [...own.filter(isHealthy), ...own.filter((task) => !isHealthy(task))].slice(service.desiredCount);
}

function isLive(task: Task): boolean {
  return task.desiredStatus === "RUNNING" && task.lastStatus !== "STOPPED";
}

function isHealthy(task: Task): boolean {
  return isLive(task) && task.lastStatus === "RUNNING" && task.healthStatus === "HEALTHY";
}

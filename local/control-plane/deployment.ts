/**
 * The deployments of an ECS service: how one begins, and what happens to those before it.
 */
import type { Environment } from "./operation.ts";
import type { Deployment, Service, ServiceEvent } from "./state.ts";

/** What DescribeServices keeps. */
const MAX_EVENTS = 100;

/** Starts a deployment. The one that was PRIMARY becomes ACTIVE, until the last of its tasks has stopped. */
export function startDeployment(
  service: Service,
  taskDefinition: string,
  { now, newId }: Environment,
  rollback = false,
): Service {
  const id = newId("ecs-svc/", 19);
  const deployment: Deployment = {
    id,
    status: "PRIMARY",
    taskDefinition,
    desiredCount: service.desiredCount,
    failedTasks: 0,
    createdAt: now,
    updatedAt: now,
    rolloutState: "IN_PROGRESS",
    rolloutStateReason: rollback
      ? `ECS deployment circuit breaker: rolling back to deploymentId ${id}.`
      : `ECS deployment ${id} in progress.`,
    isRollback: rollback,
  };
  const earlier = service.deployments.map((one): Deployment => ({ ...one, status: "ACTIVE" }));
  return { ...service, taskDefinition, deployments: [deployment, ...earlier] };
}

/** The deployment that is being brought in, or that was brought in last. */
export function primaryDeployment(service: Service): Deployment {
  const primary = service.deployments.find((deployment) => deployment.status === "PRIMARY");
  if (primary === undefined) throw new Error(`Service ${service.serviceName} has no PRIMARY deployment`);
  return primary;
}

/** Changes one deployment of a service. */
export function updateDeployment(service: Service, id: string, now: Date, change: Partial<Deployment>): Service {
  return {
    ...service,
    deployments: service.deployments.map((one) => (one.id === id ? { ...one, ...change, updatedAt: now } : one)),
  };
}

/** Writes a line in the service's event log. */
export function addEvent(service: Service, message: string, { now, newId }: Environment): Service {
  const event: ServiceEvent = {
    id: newId("", 32),
    createdAt: now,
    message: `(service ${service.serviceName}) ${message}`,
  };
  return { ...service, events: [event, ...service.events].slice(0, MAX_EVENTS) };
}

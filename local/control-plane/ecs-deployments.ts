/**
 * The deployments of an ECS service: how one begins, and what happens to those before it.
 */
import type { Environment } from "./operation.ts";
import type { Deployment, Service, ServiceDeployment, ServiceDeploymentStatus, ServiceEvent } from "./state.ts";

/** What DescribeServices keeps. */
const MAX_EVENTS = 100;

/** What ListServiceDeployments keeps here; ECS keeps those of 90 days. */
const MAX_SERVICE_DEPLOYMENTS = 100;

/** Starts a deployment. The one that was PRIMARY becomes ACTIVE, until the last of its tasks has stopped. */
export function startDeployment(service: Service, taskDefinition: string, environment: Environment): Service {
  const superseded = isOngoing(service) ? finishServiceDeployment(service, "STOPPED", environment.now) : service;
  const started = makePrimary(superseded, taskDefinition, environment, false);
  const { id, createdAt } = primaryDeployment(started);
  const serviceDeployment: ServiceDeployment = { id: serviceDeploymentId(id), createdAt, status: "IN_PROGRESS" };
  const serviceDeployments = [serviceDeployment, ...started.serviceDeployments].slice(0, MAX_SERVICE_DEPLOYMENTS);
  return { ...started, serviceDeployments };
}

/**
 * Goes back to the task definition of an earlier deployment. That is a deployment too, younger than the one that
 * failed and with tasks of its own, but the service's history counts it as a part of that one.
 */
export function startRollback(service: Service, taskDefinition: string, environment: Environment): Service {
  return makePrimary(
    changeServiceDeployment(service, { status: "ROLLBACK_IN_PROGRESS" }),
    taskDefinition,
    environment,
    true,
  );
}

/** Writes in the service's history how the deployment ended that was started last. */
export function finishServiceDeployment(service: Service, status: ServiceDeploymentStatus, now: Date): Service {
  return changeServiceDeployment(service, { status, finishedAt: now });
}

function isOngoing({ serviceDeployments: [newest] }: Service): boolean {
  return newest !== undefined && newest.finishedAt === undefined;
}

function changeServiceDeployment(service: Service, change: Partial<ServiceDeployment>): Service {
  const [newest, ...earlier] = service.serviceDeployments;
  return newest === undefined ? service : { ...service, serviceDeployments: [{ ...newest, ...change }, ...earlier] };
}

/** The id that a deployment has in the service's history. */
function serviceDeploymentId(deploymentId: string): string {
  return deploymentId.replace("ecs-svc/", "");
}

function makePrimary(
  service: Service,
  taskDefinition: string,
  { now, newId }: Environment,
  rollback: boolean,
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

/**
 * Amazon ECS: services and tasks, as far as their API goes. `local/ecs` runs the tasks.
 *
 * Rules, errors and names: ECS API reference, DescribeServices, ListServiceDeployments, UpdateService, ListTasks,
 * DescribeTasks.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import { addEvent, startDeployment } from "./ecs-deployments.ts";
import { operationsOf } from "./operation.ts";
import { page } from "./page.ts";
import type { AwsState, Cluster, Deployment, Service, ServiceDeployment, Task, TaskDefinition } from "./state.ts";

const invalid = (message: string) => new AwsError("InvalidParameterException", 400, message);
const { query, command } = operationsOf(invalid);

const clusterInput = z.string().default("default");

const describeServices = query(
  z.object({ cluster: clusterInput, services: z.array(z.string()).min(1).max(10) }),
  (state, { cluster: clusterInput, services }) => {
    const cluster = findCluster(state, clusterInput);
    const found = services.map((name) => ({ name, service: serviceOf(state, cluster, name) }));
    return {
      services: found.flatMap(({ service }) => (service === undefined ? [] : [describeService(state, service)])),
      failures: found.flatMap(({ name, service }) =>
        service === undefined ? [{ arn: arn(state, `service/${cluster.clusterName}/${name}`), reason: "MISSING" }] : [],
      ),
    };
  },
);

const listServiceDeployments = query(
  z.object({
    cluster: clusterInput,
    service: z.string(),
    /** Seconds since 1970. */
    createdAt: z.object({ after: z.number().optional(), before: z.number().optional() }).default({}),
    maxResults: z.int().min(1).max(100).default(20),
    nextToken: z.string().optional(),
  }),
  (state, { cluster: clusterInput, service: name, createdAt, maxResults, nextToken }, { maxPageSize }) => {
    const cluster = findCluster(state, clusterInput);
    const service = serviceOf(state, cluster, name);
    if (service === undefined) throw new AwsError("ServiceNotFoundException", 400, "Service not found.");
    const { after = Number.NEGATIVE_INFINITY, before = Number.POSITIVE_INFINITY } = createdAt;
    const found = service.serviceDeployments.filter((one) => {
      const seconds = one.createdAt.getTime() / 1000;
      return seconds > after && seconds < before;
    });
    try {
      const deployments = page(found, (one) => one.id, Math.min(maxResults, maxPageSize), nextToken);
      return {
        serviceDeployments: deployments.items.map((one) => describeServiceDeployment(state, service, one)),
        nextToken: deployments.nextToken,
      };
    } catch (cause) {
      throw new AwsError("InvalidParameterException", 400, "Invalid token", { cause });
    }
  },
);

const updateService = command(
  z.object({
    cluster: clusterInput,
    service: z.string(),
    desiredCount: z.int().min(0).optional(),
    taskDefinition: z.string().optional(),
    forceNewDeployment: z.boolean().default(false),
    deploymentConfiguration: z
      .object({
        minimumHealthyPercent: z.int().min(0).max(100).optional(),
        maximumPercent: z.int().min(100).max(200).optional(),
        deploymentCircuitBreaker: z.object({ enable: z.boolean(), rollback: z.boolean() }).optional(),
      })
      .optional(),
  }),
  (state, input, environment) => {
    const cluster = findCluster(state, input.cluster);
    const before = serviceOf(state, cluster, input.service);
    if (before === undefined) throw new AwsError("ServiceNotFoundException", 400, "Service not found.");
    if (before.status !== "ACTIVE") throw new AwsError("ServiceNotActiveException", 400, "Service was not ACTIVE.");
    const taskDefinition =
      input.taskDefinition === undefined
        ? before.taskDefinition
        : taskDefinitionArn(state, findTaskDefinition(state, input.taskDefinition));
    const desiredCount = input.desiredCount ?? before.desiredCount;
    const current = before.deploymentConfiguration;
    const wanted = input.deploymentConfiguration;
    let service: Service = {
      ...before,
      desiredCount,
      deployments: before.deployments.map((one) => (one.status === "PRIMARY" ? { ...one, desiredCount } : one)),
      deploymentConfiguration: {
        minimumHealthyPercent: wanted?.minimumHealthyPercent ?? current.minimumHealthyPercent,
        maximumPercent: wanted?.maximumPercent ?? current.maximumPercent,
        deploymentCircuitBreaker: wanted?.deploymentCircuitBreaker ?? current.deploymentCircuitBreaker,
      },
    };
    if (input.forceNewDeployment || taskDefinition !== before.taskDefinition) {
      service = startDeployment(service, taskDefinition, environment);
      service = addEvent(service, `has started deployment ${service.deployments[0]?.id}.`, environment);
    }
    const after = replaceService(state, service);
    return { state: after, output: { service: describeService(after, service) } };
  },
);

const listTasks = query(
  z.object({
    cluster: clusterInput,
    serviceName: z.string().optional(),
    family: z.string().optional(),
    desiredStatus: z.enum(["RUNNING", "PENDING", "STOPPED"]).default("RUNNING"),
    maxResults: z.int().min(1).max(100).default(100),
    nextToken: z.string().optional(),
  }),
  (state, { cluster: clusterInput, serviceName, family, desiredStatus, maxResults, nextToken }, { maxPageSize }) => {
    const cluster = findCluster(state, clusterInput);
    const service = serviceName === undefined ? undefined : serviceOf(state, cluster, serviceName);
    if (serviceName !== undefined && service === undefined) {
      throw new AwsError("ServiceNotFoundException", 400, "Service not found.");
    }
    const found = state.tasks.filter(
      (task) =>
        task.clusterName === cluster.clusterName &&
        (service === undefined || task.serviceName === service.serviceName) &&
        (family === undefined || findTaskDefinition(state, task.taskDefinition).family === family) &&
        task.desiredStatus === desiredStatus,
    );
    try {
      const tasks = page(found, (task) => task.taskId, Math.min(maxResults, maxPageSize), nextToken);
      return { taskArns: tasks.items.map((task) => taskArn(state, task)), nextToken: tasks.nextToken };
    } catch (cause) {
      throw new AwsError("InvalidParameterException", 400, "Invalid token", { cause });
    }
  },
);

const describeTasks = query(
  z.object({ cluster: clusterInput, tasks: z.array(z.string()).min(1).max(100) }),
  (state, { cluster: clusterInput, tasks }) => {
    const cluster = findCluster(state, clusterInput);
    const found = tasks.map((idOrArn) => ({
      idOrArn,
      task: state.tasks.find((task) => task.clusterName === cluster.clusterName && task.taskId === lastPart(idOrArn)),
    }));
    return {
      tasks: found.flatMap(({ task }) => (task === undefined ? [] : [describeTask(state, task)])),
      failures: found.flatMap(({ idOrArn, task }) =>
        task === undefined
          ? [{ arn: arn(state, `task/${cluster.clusterName}/${lastPart(idOrArn)}`), reason: "MISSING" }]
          : [],
      ),
    };
  },
);

/** ECS's operations by their API names. */
export const ecs = {
  DescribeServices: describeServices,
  DescribeTasks: describeTasks,
  ListServiceDeployments: listServiceDeployments,
  ListTasks: listTasks,
  UpdateService: updateService,
};

/** A service of a cluster, both by short name. */
export function findService(state: AwsState, clusterName: string, serviceName: string): Service {
  const service = serviceOf(state, { clusterName }, serviceName);
  if (service === undefined) throw new Error(`There is no service ${serviceName} in cluster ${clusterName}`);
  return service;
}

/** The state with this service in place of the one of the same name. */
export function replaceService(state: AwsState, service: Service): AwsState {
  return {
    ...state,
    services: state.services.map((one) =>
      one.clusterName === service.clusterName && one.serviceName === service.serviceName ? service : one,
    ),
  };
}

/** A task definition by its ARN, by `family:revision`, or by its family, which means the latest revision. */
export function findTaskDefinition(state: AwsState, nameOrArn: string): TaskDefinition {
  const [family, revision] = lastPart(nameOrArn).split(":");
  const found = state.taskDefinitions
    .filter((one) => one.family === family && (revision === undefined || one.revision === Number(revision)))
    .reduce<TaskDefinition | undefined>((a, b) => (a !== undefined && a.revision > b.revision ? a : b), undefined);
  if (found === undefined)
    throw new AwsError("ClientException", 400, `Unable to describe task definition ${nameOrArn}.`);
  return found;
}

export function taskDefinitionArn(state: AwsState, { family, revision }: TaskDefinition): string {
  return arn(state, `task-definition/${family}:${revision}`);
}

/** An id, a name or an ARN that ends in one. */
function lastPart(nameOrArn: string): string {
  return nameOrArn.slice(nameOrArn.lastIndexOf("/") + 1);
}

function arn(state: AwsState, resource: string): string {
  return `arn:aws:ecs:${state.region}:${state.accountId}:${resource}`;
}

function taskArn(state: AwsState, task: Task): string {
  return arn(state, `task/${task.clusterName}/${task.taskId}`);
}

function clusterArn(state: AwsState, clusterName: string): string {
  return arn(state, `cluster/${clusterName}`);
}

function findCluster(state: AwsState, nameOrArn: string): Cluster {
  const found = state.clusters.find((one) => one.clusterName === lastPart(nameOrArn));
  if (found === undefined) throw new AwsError("ClusterNotFoundException", 400, "Cluster not found.");
  return found;
}

function serviceOf(state: AwsState, { clusterName }: Cluster, nameOrArn: string): Service | undefined {
  const name = lastPart(nameOrArn);
  return state.services.find((one) => one.clusterName === clusterName && one.serviceName === name);
}

function countTasks(tasks: readonly Task[]): { runningCount: number; pendingCount: number } {
  const running = tasks.filter((task) => task.lastStatus === "RUNNING");
  const pending = tasks.filter((task) => task.lastStatus === "PENDING");
  return { runningCount: running.length, pendingCount: pending.length };
}

function describeService(state: AwsState, service: Service): object {
  const { clusterName, serviceName } = service;
  const tasks = state.tasks.filter((task) => task.clusterName === clusterName && task.serviceName === serviceName);
  return {
    serviceArn: arn(state, `service/${clusterName}/${serviceName}`),
    serviceName,
    clusterArn: clusterArn(state, clusterName),
    status: service.status,
    desiredCount: service.desiredCount,
    ...countTasks(tasks),
    launchType: "FARGATE",
    platformVersion: "LATEST",
    platformFamily: "Linux",
    taskDefinition: service.taskDefinition,
    deploymentConfiguration: service.deploymentConfiguration,
    deploymentController: { type: "ECS" },
    deployments: service.deployments.map((one) =>
      describeDeployment(
        one,
        tasks.filter((task) => task.deploymentId === one.id),
      ),
    ),
    events: service.events,
    createdAt: service.createdAt,
    schedulingStrategy: "REPLICA",
    loadBalancers: [],
    serviceRegistries: [],
    placementConstraints: [],
    placementStrategy: [],
    enableECSManagedTags: false,
    propagateTags: "NONE",
    enableExecuteCommand: false,
  };
}

function describeDeployment(deployment: Deployment, tasks: readonly Task[]): object {
  const { id, status, taskDefinition, desiredCount, failedTasks, createdAt, updatedAt } = deployment;
  return {
    id,
    status,
    taskDefinition,
    desiredCount,
    failedTasks,
    ...countTasks(tasks),
    createdAt,
    updatedAt,
    rolloutState: deployment.rolloutState,
    rolloutStateReason: deployment.rolloutStateReason,
    launchType: "FARGATE",
    platformVersion: "1.4.0",
    platformFamily: "Linux",
  };
}

function describeServiceDeployment(state: AwsState, { clusterName, serviceName }: Service, one: ServiceDeployment) {
  return {
    serviceDeploymentArn: arn(state, `service-deployment/${clusterName}/${serviceName}/${one.id}`),
    serviceArn: arn(state, `service/${clusterName}/${serviceName}`),
    clusterArn: clusterArn(state, clusterName),
    createdAt: one.createdAt,
    startedAt: one.createdAt,
    finishedAt: one.finishedAt,
    status: one.status,
  };
}

/** What the task metadata endpoint says of a task; undefined where there is none. */
export function describeTaskMetadata(state: AwsState, taskId: string): object | undefined {
  const task = state.tasks.find((one) => one.taskId === taskId);
  if (task === undefined) return undefined;
  const { family, revision } = findTaskDefinition(state, task.taskDefinition);
  return {
    Cluster: clusterArn(state, task.clusterName),
    TaskARN: taskArn(state, task),
    Family: family,
    Revision: String(revision),
    DesiredStatus: task.desiredStatus,
    AvailabilityZone: task.networkInterface?.availabilityZone,
    LaunchType: "FARGATE",
  };
}

function describeTask(state: AwsState, task: Task): object {
  const definition = findTaskDefinition(state, task.taskDefinition);
  const { lastStatus, desiredStatus, healthStatus, createdAt, startedAt, stoppingAt, stoppedAt, stoppedReason } = task;
  return {
    availabilityZone: task.networkInterface?.availabilityZone,
    taskArn: taskArn(state, task),
    clusterArn: clusterArn(state, task.clusterName),
    taskDefinitionArn: task.taskDefinition,
    group: `service:${task.serviceName}`,
    startedBy: task.deploymentId,
    launchType: "FARGATE",
    lastStatus,
    desiredStatus,
    healthStatus,
    createdAt,
    startedAt,
    stoppingAt,
    stoppedAt,
    stoppedReason,
    containers: [
      {
        containerArn: arn(state, `container/${task.clusterName}/${task.taskId}/${definition.containerName}`),
        taskArn: taskArn(state, task),
        name: definition.containerName,
        lastStatus,
        healthStatus,
        exitCode: task.exitCode,
        networkBindings:
          task.address === undefined
            ? []
            : [{ bindIP: task.address.host, hostPort: task.address.port, protocol: "tcp" }],
      },
    ],
  };
}

/**
 * Amazon ECS: the service that runs the routers.
 */
import {
  DescribeServicesCommand,
  ListServiceDeploymentsCommand,
  type ListServiceDeploymentsCommandOutput,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import * as z from "zod";
import { type AwsSession, call } from "./session.ts";

export interface ServiceName {
  readonly clusterName: string;
  readonly serviceName: string;
}

export interface Service {
  /** ACTIVE, DRAINING or INACTIVE. */
  readonly status: string;
  /** The newest deployment, in progress or not; undefined where the service has none. */
  readonly primary: Deployment | undefined;
  /** Earlier ones, which still have tasks. */
  readonly otherDeployments: number;
}

export interface Deployment {
  readonly createdAt: Date;
  /** When it was completed, or changed since. */
  readonly updatedAt: Date;
  /** Whether ECS still replaces tasks. */
  readonly isInProgress: boolean;
  /** Whether the circuit breaker stopped it, so that tasks of an earlier deployment may still run. */
  readonly hasFailed: boolean;
}

/** A deployment as the service's history lists it, with its outcome. */
export interface ServiceDeployment {
  readonly createdAt: Date;
  readonly outcome: "ongoing" | "successful" | "failed";
}

const deploymentSchema = z
  .object({
    status: z.string(),
    createdAt: z.date(),
    updatedAt: z.date().optional(),
    rolloutState: z.string().optional(),
  })
  .transform(({ status, createdAt, updatedAt = createdAt, rolloutState }) => ({
    status,
    createdAt,
    updatedAt,
    isInProgress: rolloutState === "IN_PROGRESS",
    hasFailed: rolloutState === "FAILED",
  }));

const servicesSchema = z
  .object({ services: z.array(z.object({ status: z.string(), deployments: z.array(deploymentSchema).default([]) })) })
  .transform(({ services: [service] }): Service | undefined => {
    if (service === undefined) return undefined;
    const primary = service.deployments.find(({ status }) => status === "PRIMARY");
    const otherDeployments = service.deployments.filter((one) => one !== primary).length;
    return { status: service.status, primary, otherDeployments };
  });

/** The outcome by status. In any other status, a deployment is still in progress. */
const OUTCOMES: Readonly<Record<string, ServiceDeployment["outcome"]>> = {
  SUCCESSFUL: "successful",
  STOPPED: "failed",
  ROLLBACK_SUCCESSFUL: "failed",
  ROLLBACK_FAILED: "failed",
};

const serviceDeploymentSchema = z
  .object({ createdAt: z.date(), status: z.string() })
  .transform(({ createdAt, status }): ServiceDeployment => ({ createdAt, outcome: OUTCOMES[status] ?? "ongoing" }));

/** The service; undefined when there is none of that name. @throws {AwsCallError} */
export function describeService(
  { ecs, signal }: AwsSession,
  { clusterName, serviceName }: ServiceName,
): Promise<Service | undefined> {
  return call("DescribeServices", servicesSchema, () =>
    ecs.send(new DescribeServicesCommand({ cluster: clusterName, services: [serviceName] }), { abortSignal: signal }),
  );
}

/** The deployments that began at a moment or later, all pages. @throws {AwsCallError} */
export async function listServiceDeployments(
  { ecs, signal }: AwsSession,
  { clusterName, serviceName }: ServiceName,
  since: Date,
): Promise<ServiceDeployment[]> {
  const deployments = await call("ListServiceDeployments", z.array(serviceDeploymentSchema), async () => {
    const listed = [];
    let nextToken: string | undefined;
    do {
      const page: ListServiceDeploymentsCommandOutput = await ecs.send(
        new ListServiceDeploymentsCommand({
          cluster: clusterName,
          service: serviceName,
          createdAt: { after: new Date(since.getTime() - 1_000) },
          maxResults: 100,
          nextToken,
        }),
        { abortSignal: signal },
      );
      listed.push(...(page.serviceDeployments ?? []));
      nextToken = page.nextToken;
    } while (nextToken);
    return listed;
  });
  return deployments.filter(({ createdAt }) => createdAt >= since);
}

/**
 * Starts a deployment of the service as it is, which replaces all its tasks.
 *
 * Sent once, never retried: where only the response was lost, a retry would deploy twice. If the call fails, the next
 * run sees whether a deployment is still needed.
 *
 * @throws {AwsCallError}
 */
export async function deployService(
  { ecsOnce, signal }: AwsSession,
  { clusterName, serviceName }: ServiceName,
): Promise<void> {
  await call("UpdateService", z.unknown(), () =>
    ecsOnce.send(new UpdateServiceCommand({ cluster: clusterName, service: serviceName, forceNewDeployment: true }), {
      abortSignal: signal,
    }),
  );
}

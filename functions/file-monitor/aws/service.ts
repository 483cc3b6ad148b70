/**
 * Amazon ECS: the service that runs the routers.
 */
import { DescribeServicesCommand, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import * as z from "zod";
import { type AwsSession, call } from "./session.ts";

export type ServiceName = { readonly clusterName: string; readonly serviceName: string };

export type Service = {
  /** ACTIVE, DRAINING or INACTIVE. */
  readonly status: string;
  /** When the newest deployment began; undefined where the service has none. */
  readonly deployedAt: Date | undefined;
};

const deploymentSchema = z.object({ status: z.string(), createdAt: z.date() });

const servicesSchema = z
  .object({ services: z.array(z.object({ status: z.string(), deployments: z.array(deploymentSchema).default([]) })) })
  .transform(({ services: [service] }): Service | undefined => {
    if (service === undefined) return undefined;
    const primary = service.deployments.find(({ status }) => status === "PRIMARY");
    return { status: service.status, deployedAt: primary?.createdAt };
  });

/** The service; undefined when there is none of that name. @throws {AwsCallError} */
export function describeService(
  { ecs, signal }: AwsSession,
  { clusterName, serviceName }: ServiceName,
): Promise<Service | undefined> {
  return call("DescribeServices", servicesSchema, () =>
    ecs.send(new DescribeServicesCommand({ cluster: clusterName, services: [serviceName] }), { abortSignal: signal }),
  );
}

/**
 * Starts a deployment of the service as it is, which replaces all its tasks.
 *
 * Sent once, never retried: a call whose answer was lost would else deploy twice. A run that did not get its
 * deployment leaves it to the next run, which sees whether it is still needed.
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

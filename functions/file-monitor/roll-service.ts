/**
 * Making sure that the routers' tasks use the mount table that is published.
 */
import { readParameter } from "./aws/parameter.ts";
import { deployService, describeService, type ServiceName } from "./aws/service.ts";
import { isDeploymentNeeded } from "./decide.ts";
import type { Run } from "./run.ts";

/** The service is not there to be deployed. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
}

/**
 * Deploys the service when the table is newer than its newest deployment.
 *
 * A service that is missing is an error even when nothing has to be deployed: a wrong name should show on the first
 * run, not on the first day it matters. The table is right all the same, for whatever tasks start later.
 *
 * @returns whether a deployment was started.
 * @throws {ServiceError} when the service is missing or not active.
 * @throws {AwsCallError}
 */
export async function rollService(run: Run, { clusterName, serviceName }: ServiceName): Promise<boolean> {
  const { aws, settings, log } = run;
  const name = { clusterName, serviceName };
  const [parameter, service] = await Promise.all([
    readParameter(aws, settings.parameterName),
    describeService(aws, name),
  ]);
  if (service?.status !== "ACTIVE") {
    const state = service === undefined ? "does not exist" : `is ${service.status}`;
    throw new ServiceError(`The service ${serviceName} of the cluster ${clusterName} ${state}`);
  }
  if (parameter === undefined || !isDeploymentNeeded(parameter.lastModified, service.deployedAt)) return false;
  await deployService(aws, name);
  log.info("A deployment of the service is started", { ...name, tableWrittenAt: parameter.lastModified });
  return true;
}

/**
 * Makes sure that the routers' tasks use the mount table that is published.
 */
import { readParameter } from "../aws/parameter.ts";
import {
  deployService,
  describeService,
  listServiceDeployments,
  type Service,
  type ServiceDeployment,
  type ServiceName,
} from "../aws/service.ts";
import { AwsCallError } from "../aws/session.ts";
import { decideRollout, mayTasksUseOlderTable } from "../decide/rollout.ts";
import type { Run } from "../run.ts";

/** The service can't be deployed, or its deployments fail. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
}

/** `done`: all tasks use the published table. */
export type Roll = "started" | "in progress" | "done";

/**
 * Deploys the service when tasks may use an older table than the published one. Later runs retry a deployment that
 * failed, a few times.
 *
 * A service that is missing is an error even when nothing has to be deployed: a wrong name should show in the first
 * run, not on the day it matters. The table has been published by then, for tasks that start later.
 *
 * @throws {ServiceError} when the service is missing or not active, or too many deployments for this table failed.
 * @throws {AwsCallError}
 */
export async function rollService(run: Run, { clusterName, serviceName }: ServiceName): Promise<Roll> {
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
  if (parameter === undefined || !mayTasksUseOlderTable(parameter.lastModified, service.primary)) {
    return service.primary?.isInProgress ? "in progress" : "done";
  }

  const tableWrittenAt = parameter.lastModified;
  const { action, failedDeployments } = decideRollout(await deploymentsSince(run, name, service, tableWrittenAt));
  if (action === "wait") return "in progress";
  if (action === "give up") {
    throw new ServiceError(
      `${failedDeployments} deployments of the service ${serviceName} have failed since the mount table was written: its ` +
        `tasks may use an older one. The service's events say why; deploy it once the cause is removed`,
    );
  }
  if (failedDeployments > 0) log.warn("The last deployment failed: retrying", { ...name, failedDeployments });
  await deployService(aws, name);
  log.info("A deployment of the service is started", { ...name, tableWrittenAt });
  return "started";
}

/**
 * Listing deployments needs a permission of its own. Without it a table still gets its first deployment: one too many
 * is better than tasks with an old table. A deployment that failed is not retried then, since nobody could say how often
 * it was.
 */
async function deploymentsSince(
  { aws, log }: Run,
  name: ServiceName,
  service: Service,
  since: Date,
): Promise<ServiceDeployment[]> {
  try {
    return await listServiceDeployments(aws, name, since);
  } catch (error) {
    if (!(error instanceof AwsCallError) || service.primary?.hasFailed) throw error;
    log.warn("Earlier deployments can't be listed: deploying as if there were none", { ...name, error });
    return [];
  }
}

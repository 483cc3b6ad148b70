/**
 * Whether the routers' service has to be deployed, so that its tasks use the published mount table.
 */
import type { Deployment, Service, ServiceDeployment } from "../aws/service.ts";

/**
 * Whether tasks may still use an older table than the one in the parameter.
 *
 * At equal times they do not: a task reads the table seconds after its deployment began, and a table written in the
 * same tick was there by then. If the clocks of SSM and ECS differ by seconds, one deployment too many may be started.
 * It is the last one: it begins minutes after the table was written.
 *
 * A rollback is a deployment like any other, younger than the one that failed, and its tasks read the table when they
 * start. Only where the rollback fails too do tasks with an older table go on.
 *
 * @param primary the newest deployment; without one, no task runs on any table.
 */
export function mayTasksUseOlderTable(
  tableWrittenAt: Date,
  primary: Pick<Deployment, "createdAt" | "hasFailed"> | undefined,
): boolean {
  return primary !== undefined && (tableWrittenAt > primary.createdAt || primary.hasFailed);
}

/** Whether all tasks are those of one deployment, and none is being replaced. */
export function isSteady({ primary, otherDeployments }: Service): boolean {
  return primary !== undefined && !primary.isInProgress && !primary.hasFailed && otherDeployments === 0;
}

/** Deployments that a table gets. Another would fail like these, and every one starts tasks that fail. */
const MAX_DEPLOYMENTS = 3;

export interface RolloutDecision {
  /** `wait`: a deployment is in progress, or has succeeded though the service does not show it yet. */
  readonly action: "deploy" | "wait" | "give up";
  readonly failedDeployments: number;
}

/**
 * What to do about tasks that may use an older table.
 *
 * @param deployments those since the table was written.
 */
export function decideRollout(deployments: readonly ServiceDeployment[]): RolloutDecision {
  const failedDeployments = deployments.filter(({ outcome }) => outcome === "failed").length;
  if (failedDeployments < deployments.length) return { action: "wait", failedDeployments };
  return { action: failedDeployments < MAX_DEPLOYMENTS ? "deploy" : "give up", failedDeployments };
}

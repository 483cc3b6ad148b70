/** What the monitor must never do to an account, whatever fails: checked after every change. */
import { MountTableError, parseMountTable } from "@efs-mount-autoscaling/mount-table";
import type { AwsState, Parameter, ServiceDeployment } from "../../local/control-plane/state.ts";

export interface Change {
  readonly before: AwsState;
  readonly after: AwsState;
  /** The states the account had since the oldest one that an in-flight run has seen, `before` the last of them. */
  readonly seen: readonly AwsState[];
  readonly maxMountTargets: number | undefined;
  /** How many runs are in flight, or were when the first of them began. */
  readonly runs: number;
}

/** What of it a change breaks; empty where all is well. */
export function violationsOf(change: Change): string[] {
  return [...creationViolations(change), ...tableViolations(change), ...deploymentViolations(change)];
}

/** One mount target an Availability Zone, and never one more than the limit. */
function creationViolations({ before, after, maxMountTargets = Number.POSITIVE_INFINITY }: Change): string[] {
  if (after.mountTargets.length <= before.mountTargets.length) return [];
  const zones = new Set(after.mountTargets.map((target) => target.availabilityZoneName));
  return [
    ...(zones.size < after.mountTargets.length ? ["two mount targets in one Availability Zone"] : []),
    ...(before.mountTargets.length >= maxMountTargets
      ? [`mount target ${after.mountTargets.length} of ${maxMountTargets} created`]
      : []),
  ];
}

/** A table lists mount targets, and only such as were available when its writer looked, or since. */
function tableViolations({ before, after, seen }: Change): string[] {
  const written = tableOf(after);
  if (written === undefined || written === tableOf(before)) return [];
  const available = new Set(
    seen.flatMap(({ mountTargets }) =>
      mountTargets.flatMap((target) => (target.lifeCycleState === "available" ? [describe(target)] : [])),
    ),
  );
  try {
    const { mount_targets: listed } = parseMountTable(written.value);
    const unknown = listed
      .map((target) => `${target.mount_target_id} at ${target.ip_address}`)
      .filter((target) => !available.has(target));
    return [
      ...(listed.length === 0 ? ["an empty table written"] : []),
      ...unknown.map((target) => `a table written that lists ${target}, which was not available`),
    ];
  } catch (error) {
    if (!(error instanceof MountTableError)) throw error;
    return [`a broken table written: ${error.message}`];
  }
}

function describe(target: AwsState["mountTargets"][number]): string {
  return `${target.mountTargetId} at ${target.ipAddress}`;
}

/**
 * A deployment needs a table that is younger than every deployment that did not fail; of those that did, three are
 * enough. Runs at the same time may each start one: ECS has no condition that would keep them from it.
 */
function deploymentViolations({ before, after, seen, runs }: Change): string[] {
  const table = seen.map(tableOf).findLast((one) => one !== undefined);
  if (newestDeployment(after)?.id === newestDeployment(before)?.id) return [];
  if (table === undefined) return ["a deployment without a table"];
  const since = deploymentsSince(before, table);
  const good = since.filter((deployment) => !hasFailed(deployment)).length;
  return [
    ...(good >= runs ? [`deployment ${good + 1} of one table, with ${runs} runs in flight`] : []),
    ...(since.length >= 3 + runs - 1 ? [`deployment ${since.length + 1} of a table, after failures`] : []),
  ];
}

/** Whether table, mount targets and service agree: what the runs must reach once nothing fails any more. */
export function disagreementsOf(state: AwsState): string[] {
  const available = state.mountTargets.filter((target) => target.lifeCycleState === "available");
  // Then there is nothing to publish, and the table stays as it is.
  if (available.length === 0) return [];
  const table = tableOf(state);
  if (table === undefined) return ["there is no table"];
  const listed = parseMountTable(table.value).mount_targets.map((target) => target.mount_target_id);
  const expected = available.map((target) => target.mountTargetId).sort();
  const primary = state.services[0]?.deployments.find(({ status }) => status === "PRIMARY");
  const isGivenUp = deploymentsSince(state, table).filter(hasFailed).length >= 3;
  const isStale =
    primary !== undefined && (primary.createdAt < table.lastModifiedDate || primary.rolloutState === "FAILED");
  return [
    ...(listed.sort().join() === expected.join() ? [] : [`the table lists ${listed}, available are ${expected}`]),
    ...(isStale && !isGivenUp ? ["the service was not deployed since the table was written"] : []),
  ];
}

function tableOf({ parameters }: AwsState): Parameter | undefined {
  return parameters[0];
}

function newestDeployment({ services }: AwsState): ServiceDeployment | undefined {
  return services[0]?.serviceDeployments[0];
}

function deploymentsSince({ services }: AwsState, { lastModifiedDate }: Parameter): ServiceDeployment[] {
  return services[0]?.serviceDeployments.filter(({ createdAt }) => createdAt >= lastModifiedDate) ?? [];
}

function hasFailed({ status }: ServiceDeployment): boolean {
  return status === "STOPPED" || status === "ROLLBACK_FAILED" || status === "ROLLBACK_SUCCESSFUL";
}

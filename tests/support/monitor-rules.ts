/** What the monitor must never do to an account, whatever fails: checked after every change. */
import { MountTableError, parseMountTable, type MountTarget as TableTarget } from "@efs-mount-autoscaling/mount-table";
import { SECURITY_GROUP_ID } from "../../local/account.ts";
import type { AwsState, MountTarget, Parameter, ServiceDeployment } from "../../local/control-plane/state.ts";

export interface Change {
  readonly before: AwsState;
  readonly after: AwsState;
  /** The states the account had since the oldest one that an in-flight run has seen, `before` the last of them. */
  readonly seen: readonly AwsState[];
  readonly maxMountTargets: number | undefined;
  /** How many runs are in flight, or were when the first of them began. */
  readonly runs: number;
  /** Every state of the account, `after` the last of them. */
  readonly history: readonly AwsState[];
  /** The ids of the mount targets that were there from the start. */
  readonly first: readonly string[];
}

/** What of it a change breaks; empty where all is well. */
export function violationsOf(change: Change): string[] {
  return [
    ...creationViolations(change),
    ...deletionViolations(change),
    ...tableViolations(change),
    ...deploymentViolations(change),
  ];
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

/**
 * A mount target is deleted only after every router has taken over a table that marks it, which no table has taken back.
 * It is one that the monitor made, and at least as many stay as there were at first.
 */
function deletionViolations({ before, after, history, first }: Change): string[] {
  return deletionsOf(before, after).flatMap((target) => {
    const { mountTargetId: id, securityGroups } = target;
    const marked = history.filter((state) => marksOf(state).includes(id));
    const mark = marked.map((state) => markOf(state, id)).at(-1);
    const sinceMark = marked.filter((state) => markOf(state, id) === mark);
    const left = Math.max(...sinceMark.map((state) => availableIn(state).length - 1));
    return [
      ...(first.includes(id) ? [`${id} deleted, which was there from the start`] : []),
      ...(securityGroups.includes(SECURITY_GROUP_ID) ? [] : [`${id} deleted, which somebody else has made`]),
      ...(isUnmarked(before, id) ? [`${id} deleted while the table gives it to routers`] : []),
      ...(sinceMark.some(hasTakenOver) ? [] : [`${id} deleted while routers may use an older table`]),
      ...(left < Math.max(1, first.length) ? [`${id} deleted, and at most ${left} of ${first.length} stay`] : []),
    ];
  });
}

/** The mount targets whose deletion the change begins. */
export function deletionsOf(before: AwsState, after: AwsState): MountTarget[] {
  const isDeleting = ({ lifeCycleState }: MountTarget) => lifeCycleState === "deleting";
  const known = new Set(before.mountTargets.filter(isDeleting).map(({ mountTargetId }) => mountTargetId));
  return after.mountTargets.filter((target) => isDeleting(target) && !known.has(target.mountTargetId));
}

/** The ids of the mount targets that the table marks as retiring. */
export function marksOf(state: AwsState): string[] {
  return listedIn(state).flatMap(({ mount_target_id: id, retiring_since: since }) => (since === undefined ? [] : id));
}

function markOf(state: AwsState, id: string): string | undefined {
  return listedIn(state).find(({ mount_target_id: one }) => one === id)?.retiring_since;
}

/** Whether the table gives the mount target to routers. */
export function isUnmarked(state: AwsState, id: string): boolean {
  return listedIn(state).some((one) => one.mount_target_id === id && one.retiring_since === undefined);
}

/** Nothing in a table that is missing or broken. */
function listedIn(state: AwsState): readonly TableTarget[] {
  try {
    return parseMountTable(tableOf(state)?.value ?? "").mount_targets;
  } catch (error) {
    if (!(error instanceof MountTableError)) throw error;
    return [];
  }
}

function availableIn({ mountTargets }: AwsState): MountTarget[] {
  return mountTargets.filter(({ lifeCycleState }) => lifeCycleState === "available");
}

/** Whether all tasks are of one deployment that began after the table was written. */
function hasTakenOver(state: AwsState): boolean {
  const table = tableOf(state);
  const [primary, ...others] = state.services[0]?.deployments ?? [];
  if (table === undefined || primary === undefined || others.length > 0) return false;
  return primary.rolloutState === "COMPLETED" && primary.createdAt >= table.lastModifiedDate;
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
    ...marksOf(state).map((id) => `${id} is still marked as retiring`),
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

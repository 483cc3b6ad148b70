/**
 * What is around the mount targets: all that a retirement must not disturb.
 */
import { listAlarmsThatAreOn } from "../aws/alarms.ts";
import { describeSecurityGroups, type MountTargetDescription } from "../aws/file-system.ts";
import { listZonesOf } from "../aws/network-interfaces.ts";
import { describeService } from "../aws/service.ts";
import { candidatesOf, type Surroundings } from "../decide/scale-in.ts";
import type { Run } from "../run.ts";
import type { ScaleInSettings } from "../settings.ts";
import type { Account } from "./account.ts";

/** Asks about the mount targets that might be taken away. @throws {AwsCallError} */
export async function observeSurroundings(
  run: Run,
  account: Account,
  settings: ScaleInSettings,
): Promise<Surroundings> {
  const { aws } = run;
  const { service: name, taskSecurityGroupId, alarmTopicArn } = settings;
  const [securityGroupIds, service, taskZones, alarms] = await Promise.all([
    securityGroupsOf(run, candidatesOf(account, settings)),
    describeService(aws, name),
    taskSecurityGroupId === undefined ? [] : listZonesOf(aws, taskSecurityGroupId),
    alarmTopicArn === undefined ? [] : listAlarmsThatAreOn(aws, alarmTopicArn),
  ]);
  return { securityGroupIds, service, taskZones, alarms };
}

async function securityGroupsOf(
  { aws }: Run,
  mountTargets: readonly MountTargetDescription[],
): Promise<Map<string, readonly string[]>> {
  const entries = mountTargets.map(
    async ({ mountTargetId }) => [mountTargetId, await describeSecurityGroups(aws, mountTargetId)] as const,
  );
  return new Map(await Promise.all(entries));
}

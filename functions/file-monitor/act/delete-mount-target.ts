/**
 * Deletes a mount target, and waits until it is gone.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { deleteMountTarget, listMountTargets, type MountTargetDescription } from "../aws/file-system.ts";
import { type Account, observeAccount } from "../observe/account.ts";
import type { Run } from "../run.ts";
import { timeToSettle } from "./time-to-settle.ts";

/**
 * One that is still being deleted when the time ends needs no more attention: EFS goes on by itself.
 *
 * @returns the account as it is afterwards: without the mount target as an available one, though an older list may still
 *   have it so.
 * @throws {AwsCallError} when EFS refuses, or does not answer.
 */
export async function removeMountTarget(run: Run, { mountTargetId }: MountTargetDescription): Promise<Account> {
  const { aws, settings, log } = run;
  await deleteMountTarget(aws, mountTargetId);
  log.info("Deleting a mount target", { mountTargetId });
  const wait = timeToSettle(run);
  const isListed = async () =>
    (await listMountTargets(aws, settings.fileSystemId)).some((one) => one.mountTargetId === mountTargetId);
  while (wait.remaining() > 0 && (await isListed())) {
    await sleep(Math.min(settings.mountTargetPollInterval, wait.remaining()), undefined, { signal: aws.signal });
  }
  const account = await observeAccount(run);
  const mountTargets = account.mountTargets.map((one) =>
    one.mountTargetId === mountTargetId && one.state !== "deleted" ? { ...one, state: "deleting" } : one,
  );
  return { ...account, mountTargets };
}

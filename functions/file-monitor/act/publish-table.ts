/**
 * Keeps the mount table in SSM Parameter Store in step with the mount targets.
 */
import {
  type MountTable,
  MountTableError,
  parseMountTable,
  serializeMountTable,
} from "@efs-mount-autoscaling/mount-table";
import type { MountTargetDescription } from "../aws/file-system.ts";
import { type Parameter, readParameter, writeParameter } from "../aws/parameter.ts";
import { decideTable, type Marked } from "../decide/mount-table.ts";
import type { Run } from "../run.ts";

/** No mount target is available: with an empty table, the routers could not reach the file system. */
export class NoMountTargetError extends Error {
  override readonly name = "NoMountTargetError";
}

/**
 * Writes the table unless the parameter holds it already. A missing or broken one is replaced.
 *
 * @param marked the mount target that is retiring.
 * @returns whether the table was written.
 * @throws {NoMountTargetError} when no mount target is available; the parameter stays as it is.
 * @throws {AwsCallError}
 */
export async function publishTable(
  run: Run,
  mountTargets: readonly MountTargetDescription[],
  marked?: Marked,
): Promise<boolean> {
  const { aws, settings, log } = run;
  const { parameterName, parameterKeyId } = settings;
  const parameter = await readParameter(aws, parameterName);
  const current = parseTable(run, parameter);
  const table = decideTable(current, mountTargets, marked);
  if (table.mount_targets.length === 0) {
    throw new NoMountTargetError(
      `${settings.fileSystemId} has no available mount target; the mount table is left as it is`,
    );
  }
  const value = serializeMountTable(table);
  if (current !== undefined && serializeMountTable(current) === value) return false;
  const type = parameter?.type ?? "String";
  await writeParameter(aws, { name: parameterName, value, type, keyId: parameterKeyId });
  log.info("The mount table is published", { parameterName, mountTargets: table.mount_targets });
  return true;
}

function parseTable({ settings, log }: Run, parameter: Parameter | undefined): MountTable | undefined {
  const { parameterName } = settings;
  if (parameter === undefined) {
    log.warn("The mount table is missing", { parameterName });
    return undefined;
  }
  try {
    return parseMountTable(parameter.value);
  } catch (error) {
    if (!(error instanceof MountTableError)) throw error;
    log.warn("The mount table is broken", { parameterName, reason: error.message });
    return undefined;
  }
}

import { MountTableError, parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { readParameter } from "../aws/parameter.ts";
import { AwsCallError } from "../aws/session.ts";
import { type PublishedTable, type ScaleInObservation, whyNotNow } from "../decide/scale-in.ts";
import { takeNotice } from "../decide/stability.ts";
import type { CountReport } from "../result.ts";
import type { Run } from "../run.ts";
import type { ScaleInSettings } from "../settings.ts";
import type { Account } from "./account.ts";
import type { KeptStability } from "./kept-stability.ts";
import { observeSurroundings } from "./surroundings.ts";

/** What was counted, and what to measure it by. */
interface Counted extends Pick<CountReport, "fileCount" | "countComplete" | "skipped"> {
  readonly thresholdPassed: boolean;
  /** The threshold that would hold without the mount target that is taken away. */
  readonly thresholdAfterScaleIn: number;
}

/** Looks whether a mount target might be taken away. Undefined where none ever is, or nothing is remembered. */
export async function observeStability(
  run: Run,
  kept: KeptStability,
  account: Account,
  counted: Counted,
): Promise<ScaleInObservation | undefined> {
  const { settings, log } = run;
  const { scaleIn } = settings;
  if (scaleIn === undefined || kept === "unknown") return undefined;
  const now = Date.now();
  const sighting = {
    now,
    hasFewFiles: hasFewFiles(counted, scaleIn),
    isThresholdPassed: counted.thresholdPassed,
    fewFiles: Math.ceil(scaleIn.share * settings.fileCountThreshold),
    mountTargetIds: account.mountTargets.map(({ mountTargetId }) => mountTargetId),
  };
  const stability = takeNotice(kept.stability, sighting, scaleIn.window);
  let observation: ScaleInObservation = { now, stability, table: "unknown" };
  try {
    observation = { ...observation, table: await readTable(run) };
    if (whyNotNow({ ...account, scaleIn: observation }, scaleIn) !== undefined) return observation;
    return { ...observation, surroundings: await observeSurroundings(run, account, scaleIn) };
  } catch (error) {
    if (!(error instanceof AwsCallError)) throw error;
    log.warn("It can't be seen whether a mount target may be taken away", { error });
    return observation;
  }
}

/** A count that may be too low proves nothing. */
function hasFewFiles(counted: Counted, { share }: ScaleInSettings): boolean {
  const { fileCount, countComplete, skipped, thresholdAfterScaleIn } = counted;
  return countComplete && skipped.count === 0 && fileCount < share * thresholdAfterScaleIn;
}

async function readTable({ aws, settings }: Run): Promise<PublishedTable | undefined> {
  const parameter = await readParameter(aws, settings.parameterName);
  if (parameter === undefined) return undefined;
  try {
    const { mount_targets: targets } = parseMountTable(parameter.value);
    const retiringSince = new Map(targets.map((target) => [target.mount_target_id, target.retiring_since]));
    return { writtenAt: parameter.lastModified, retiringSince };
  } catch (error) {
    // What comes next in the run mends it.
    if (error instanceof MountTableError) return undefined;
    throw error;
  }
}

/** How many workers a task has. */
import { thisTask } from "@efs-mount-autoscaling/routed-files";
import type { Logger } from "pino";
import { MAX_WORKERS, readSettings, type Settings } from "../settings.ts";
import type { PrimaryOptions } from "./primary.ts";
import { heapOf } from "./share.ts";

/** What is to be started; undefined where this process alone is the router. */
export async function workerPlan(
  environment: Readonly<Record<string, string | undefined>>,
  log: Logger,
): Promise<Pick<PrimaryOptions, "size" | "heap" | "shutdownTimeout"> | undefined> {
  const settings = settingsOf(environment);
  if (settings === undefined) return undefined;
  const size = settings.workers ?? (await vcpusOf(settings, log));
  return size === 1 ? undefined : { size, heap: heapOf(settings, size), shutdownTimeout: settings.shutdownTimeout };
}

/** Undefined where they are not valid: whoever serves says why. */
function settingsOf(environment: Readonly<Record<string, string | undefined>>): Settings | undefined {
  try {
    return readSettings(environment);
  } catch {
    return undefined;
  }
}

/** One for each whole vCPU of the task, at least one: less than one vCPU is enough for one. */
async function vcpusOf({ taskMetadataUri }: Settings, log: Logger): Promise<number> {
  const { vcpus = 1 } = await thisTask(taskMetadataUri, log);
  return Math.max(1, Math.min(MAX_WORKERS, Math.floor(vcpus)));
}

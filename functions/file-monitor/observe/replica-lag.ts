/**
 * How old the replica of one of two regions is. It decides nothing, and fails no run.
 */
import { readReplicatedUntil } from "../aws/replication.ts";
import type { Run } from "../run.ts";

/** Milliseconds since the replica was complete; undefined where there is none, or it is not known. */
export async function observeReplicaLag({ aws, settings, log }: Run): Promise<number | undefined> {
  if (!settings.isReplicated) return undefined;
  try {
    const until = await readReplicatedUntil(aws, settings.fileSystemId);
    return until === undefined ? undefined : Math.max(0, Date.now() - until);
  } catch (error) {
    log.warn("How old the replica is cannot be read", { error });
    return undefined;
  }
}

/**
 * The Availability Zone that this task runs in, from the task metadata endpoint, version 4.
 *
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
 */
import { messageOf } from "nfs-client";
import type { Logger } from "pino";
import * as z from "zod";

const taskMetadata = z.looseObject({ AvailabilityZone: z.string().min(1) });

const ATTEMPTS = 3;

/** Milliseconds of an attempt. The endpoint is on the same machine. */
const TIMEOUT = 1_000;

/**
 * The zone's name, as in the mount table; undefined outside ECS, and where it cannot be learnt, which is a WARN: a router
 * serves without it just as well.
 *
 * @param metadataUri `ECS_CONTAINER_METADATA_URI_V4`, which ECS sets in every container.
 */
export async function taskZone(
  metadataUri: string | undefined,
  log: Pick<Logger, "warn">,
): Promise<string | undefined> {
  if (metadataUri === undefined) return undefined;
  let failure: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      const response = await fetch(`${metadataUri}/task`, { signal: AbortSignal.timeout(TIMEOUT) });
      if (!response.ok) throw new Error(`The endpoint responded with status ${response.status}`);
      return taskMetadata.parse(await response.json()).AvailabilityZone;
    } catch (error) {
      failure = error;
    }
  }
  log.warn({ err: failure }, `The Availability Zone of this task is not known: ${messageOf(failure)}`);
  return undefined;
}

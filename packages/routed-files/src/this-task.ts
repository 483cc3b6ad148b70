/**
 * What this task is, from the task metadata endpoint, version 4.
 *
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
 */
import { messageOf } from "nfs-client";
import * as z from "zod";
import type { Log } from "./log.ts";
import { timeoutSignal } from "./timeout-signal.ts";

const taskMetadata = z.looseObject({
  AvailabilityZone: z.string().min(1),
  Cluster: z.string().optional(),
  TaskARN: z.string().optional(),
  Family: z.string().optional(),
  Limits: z.looseObject({ CPU: z.number().optional() }).optional(),
});

/** What is not known is absent: all of it outside ECS. */
export interface ThisTask {
  /** The Availability Zone's name, as in the mount table. */
  readonly zone?: string | undefined;
  /** An ARN or a name. */
  readonly cluster?: string | undefined;
  readonly arn?: string | undefined;
  /** Of its task definition. */
  readonly family?: string | undefined;
  /** Of the whole task; fractions are possible. */
  readonly vcpus?: number | undefined;
}

const ATTEMPTS = 3;

/** Milliseconds of an attempt. The endpoint is on the same machine. */
const TIMEOUT = 1_000;

/**
 * That nothing can be learnt is a WARN: a router serves without it just as well.
 *
 * @param metadataUri `ECS_CONTAINER_METADATA_URI_V4`, which ECS sets in every container.
 * @throws the reason of the signal.
 */
export async function thisTask(
  metadataUri: string | undefined,
  log: Pick<Log, "warn">,
  signal?: AbortSignal,
): Promise<ThisTask> {
  if (metadataUri === undefined) return {};
  let failure: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      const response = await fetch(`${metadataUri}/task`, { signal: timeoutSignal(TIMEOUT, signal) });
      if (!response.ok) throw new Error(`The endpoint responded with status ${response.status}`);
      const { AvailabilityZone, Cluster, TaskARN, Family, Limits } = taskMetadata.parse(await response.json());
      return { zone: AvailabilityZone, cluster: Cluster, arn: TaskARN, family: Family, vcpus: Limits?.CPU };
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
  }
  log.warn({ err: failure }, `The Availability Zone of this task is not known: ${messageOf(failure)}`);
  return {};
}

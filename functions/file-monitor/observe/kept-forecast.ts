/**
 * Where the forecast's memory is kept between runs: in the bucket, beside the tree of the last count. Losing it costs a day
 * in which the threshold is the configured one, and nothing else, so no failure here fails a run.
 */
import { type ObjectName, readObject, type StoredObject } from "../aws/objects.ts";
import { AwsCallError } from "../aws/session.ts";
import { decodeMemory, EMPTY_MEMORY, encodeMemory, type ForecastMemory, MemoryError } from "../forecast/memory.ts";
import type { Run } from "../run.ts";
import { type KeptObject, keepObject } from "./kept-object.ts";

type ForecastRun = Pick<Run, "aws" | "settings" | "log">;

/** The memory, as it was when it was last read or written. */
export interface KeptForecast {
  readonly memory: ForecastMemory;
  /** Undefined where it cannot be kept. */
  readonly object: KeptObject | undefined;
}

/** The memory of the last run; an empty one where there is none of any use, with a warning where it is missed. */
export async function loadForecast({ aws, settings, log }: ForecastRun): Promise<KeptForecast> {
  const { treeBucket, fileSystemId, thresholdMode } = settings;
  const isMissed = thresholdMode !== "fixed";
  if (treeBucket === undefined) {
    if (isMissed) log.warn("Without COUNT_TREE_BUCKET nothing is kept to forecast from: the threshold is fixed", {});
    return { memory: EMPTY_MEMORY, object: undefined };
  }
  const name: ObjectName = { bucket: treeBucket, key: `${fileSystemId}/forecast` };
  let stored: StoredObject | undefined;
  try {
    stored = await readObject(aws, name);
    if (stored !== undefined) {
      const memory = decodeMemory(new TextDecoder().decode(stored.bytes));
      return { memory, object: { name, etag: stored.etag } };
    }
    if (isMissed) log.warn("The forecast has no memory yet: for a day the threshold is fixed", { ...name });
  } catch (error) {
    if (error instanceof AwsCallError) {
      log.warn("The forecast's memory can't be read: the threshold is fixed in this run", { ...name, error });
      return { memory: EMPTY_MEMORY, object: undefined };
    }
    if (!(error instanceof MemoryError)) throw error;
    log.warn("The forecast's memory is broken and begins anew: for a day the threshold is fixed", { ...name, error });
  }
  return { memory: EMPTY_MEMORY, object: { name, etag: stored?.etag } };
}

/** @returns what is kept now; undefined where that is not `memory`. */
export async function saveForecast(
  run: ForecastRun,
  { memory: before, object }: KeptForecast,
  memory: ForecastMemory,
): Promise<KeptForecast | undefined> {
  if (object === undefined) return undefined;
  const text = encodeMemory(memory);
  if (object.etag !== undefined && text === encodeMemory(before)) return { memory, object };
  const written = await keepObject(run, object, text, "the forecast's memory");
  return written && { memory, object: written };
}

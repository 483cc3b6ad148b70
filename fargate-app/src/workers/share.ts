/** A worker's share of what the task may take. */
import { MEBIBYTE, type Settings, SettingsError } from "../settings.ts";

/** With less, requests would wait for each other's memory. */
const MIN_TRANSFER_MEMORY = 4 * MEBIBYTE;

/** Of the memory that the task may take, V8's heap has a quarter: file data is not on it. V8 itself takes as much for one process. */
const HEAP_SHARE = 1 / 4;

/**
 * The settings of one of `workers`: what each has of its own adds up to what the task may take.
 *
 * @throws {SettingsError} when a share is too small to work with.
 */
export function shareOf(settings: Settings, workers: number): Settings {
  if (workers === 1) return settings;
  const { transferMemory, httpLimits } = settings;
  const part = (whole: number) => Math.floor(whole / workers);
  if (part(transferMemory) < MIN_TRANSFER_MEMORY) {
    throw new SettingsError(
      `TRANSFER_MEMORY_BYTES is ${transferMemory}, but must be at least ${workers * MIN_TRANSFER_MEMORY} for ${workers} workers (ROUTER_WORKERS)`,
    );
  }
  return {
    ...settings,
    transferMemory: part(transferMemory),
    httpLimits: {
      ...httpLimits,
      appendMemory: part(httpLimits.appendMemory),
      maxMemory: part(httpLimits.maxMemory),
    },
  };
}

/** MiB of a worker's heap; undefined where the memory is not limited, and V8 decides. */
export function heapOf({ httpLimits: { maxMemory } }: Settings, workers: number): number | undefined {
  return maxMemory === 0 ? undefined : Math.floor((maxMemory * HEAP_SHARE) / workers / MEBIBYTE);
}

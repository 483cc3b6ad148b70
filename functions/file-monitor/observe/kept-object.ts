/**
 * What is kept from run to run in an object of the bucket. Runs may overlap, and none overwrites what another has written.
 */
import { type ObjectName, writeObject } from "../aws/objects.ts";
import { AwsCallError } from "../aws/session.ts";
import type { Run } from "../run.ts";

/** An object, as it was when it was last read or written. */
export interface KeptObject {
  readonly name: ObjectName;
  /** Undefined where there is none yet. */
  readonly etag: string | undefined;
}

/**
 * No failure here fails a run.
 *
 * @param what for the log. Example: `scale-in's memory`.
 * @returns the object as it is now; undefined where it could not be written.
 */
export async function keepObject(
  { aws, log }: Pick<Run, "aws" | "log">,
  { name, etag }: KeptObject,
  text: string,
  what: string,
): Promise<KeptObject | undefined> {
  try {
    const written = await writeObject(aws, name, new TextEncoder().encode(text), etag);
    if (written !== undefined) return { name, etag: written };
    log.info(`Another run has written ${what}: this one's is not kept`, { ...name });
  } catch (error) {
    if (!(error instanceof AwsCallError)) throw error;
    log.warn(`${what.charAt(0).toUpperCase()}${what.slice(1)} can't be written`, { ...name, error });
  }
  return undefined;
}

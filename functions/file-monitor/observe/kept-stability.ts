/**
 * Where scale-in's memory is kept between runs: in the bucket, beside the tree of the last count; without a bucket, in this
 * process. It says which mount target is being retired, and the table follows it, so each change is written here first.
 */
import * as z from "zod";
import { type ObjectName, readObject } from "../aws/objects.ts";
import { AwsCallError } from "../aws/session.ts";
import type { Stability } from "../decide/stability.ts";
import type { Run } from "../run.ts";
import { type KeptObject, keepObject } from "./kept-object.ts";

/** The memory, as it was when it was last read or written. */
export type KeptStability =
  | {
      /** Undefined where there is none yet. */
      readonly stability: Stability | undefined;
      readonly place: KeptObject | "process";
    }
  /** It can't be read. */
  | "unknown";

const time = z.int().nonnegative();

const schema = z
  .strictObject({
    version: z.literal(1),
    seenAt: time,
    fewSince: time.nullable(),
    stableSince: time,
    mountTargetIds: z.array(z.string()),
    fewFiles: z.number(),
    retirement: z.strictObject({ mountTargetId: z.string(), since: time, isFinal: z.boolean() }).nullable(),
  })
  .transform(
    ({ version: _, fewSince, retirement, ...rest }): Stability => ({
      ...rest,
      fewSince: fewSince ?? undefined,
      retirement: retirement ?? undefined,
    }),
  );

function encode({ fewSince, retirement, ...rest }: Stability): string {
  return JSON.stringify({
    version: 1,
    ...rest,
    mountTargetIds: [...rest.mountTargetIds],
    fewSince: fewSince ?? null,
    retirement: retirement ?? null,
  } satisfies z.input<typeof schema>);
}

/** No failure here fails a run: what is not known keeps mount targets where they are. */
export async function loadStability({ aws, settings, memory, log }: Run): Promise<KeptStability> {
  const { treeBucket, fileSystemId, scaleIn } = settings;
  if (treeBucket === undefined || scaleIn === undefined) return { stability: memory.stability, place: "process" };
  const name: ObjectName = { bucket: treeBucket, key: `${fileSystemId}/scale-in` };
  try {
    const stored = await readObject(aws, name);
    if (stored === undefined) return { stability: undefined, place: { name, etag: undefined } };
    const stability = decode(new TextDecoder().decode(stored.bytes));
    if (stability === undefined) log.warn("Scale-in's memory is broken and begins anew", { ...name });
    return { stability, place: { name, etag: stored.etag } };
  } catch (error) {
    if (!(error instanceof AwsCallError)) throw error;
    log.warn("Scale-in's memory can't be read: no mount target is retired in this run", { ...name, error });
    return "unknown";
  }
}

function decode(text: string): Stability | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** @returns what is kept now; undefined where that is not `stability`. */
export async function saveStability(
  run: Run,
  kept: KeptStability,
  stability: Stability,
): Promise<KeptStability | undefined> {
  if (kept === "unknown") return undefined;
  const { place } = kept;
  if (place === "process") {
    run.memory.stability = stability;
    return { stability, place };
  }
  const written = await keepObject(run, place, encode(stability), "scale-in's memory");
  return written && { stability, place: written };
}

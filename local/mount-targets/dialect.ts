/** What the servers behind the mount targets refuse, as a message or the environment says it. */
import {
  type Dialect,
  OPTIONAL_ATTRIBUTES,
  PROFILES,
  type Profile,
  REFUSABLE_OPERATIONS,
} from "@efs-mount-autoscaling/nfs-server";
import { z } from "zod";

export const profileSchema = z.custom<Profile>((name) => typeof name === "string" && Object.hasOwn(PROFILES, name), {
  error: `it must be one of ${Object.keys(PROFILES).join(", ")}`,
});

const wholeNumber = z.int().nonnegative().exactOptional();
const yesOrNo = z.boolean().exactOptional();

/** What differs from a profile. */
export const dialectChangesSchema = z.strictObject({
  maximumOperations: wholeNumber,
  maximumSlots: wholeNumber,
  maximumMessageBytes: wholeNumber,
  bytesAtOnce: wholeNumber,
  unsupportedOperations: z.array(z.enum(REFUSABLE_OPERATIONS)).readonly().exactOptional(),
  unsupportedAttributes: z.array(z.enum(OPTIONAL_ATTRIBUTES)).readonly().exactOptional(),
  currentStateid: yesOrNo,
  anonymousRead: yesOrNo,
  clientRecords: z.enum(["file-system", "mount-target", "connection"]).exactOptional(),
  locks: z.enum(["file-system", "mount-target"]).exactOptional(),
  authorization: z.enum(["granted", "revoked", "revoked-until-reconnect"]).exactOptional(),
  readOnly: yesOrNo,
  openFilesPerClient: wholeNumber,
  locksPerClient: wholeNumber,
  locksPerFile: wholeNumber,
  linksPerFile: wholeNumber,
  directoryDepth: wholeNumber,
  utf8Names: yesOrNo,
  longFileHandles: yesOrNo,
  connectionLifetimeMs: wholeNumber,
  connectionBytesPerSecond: wholeNumber,
  partitions: wholeNumber,
  partitionConnections: wholeNumber,
  scaleUpBytesPerSecond: wholeNumber,
} satisfies { [Field in keyof Dialect]: z.ZodType<Dialect[Field]> });

interface DialectSettings {
  readonly profile?: Profile;
  readonly dialect?: Partial<Dialect>;
}

/**
 * `LOCAL_NFS_PROFILE` names a profile; `LOCAL_NFS_DIALECT` is a JSON object of what differs from it.
 *
 * @throws when one of them is not what it must be; the message names it.
 */
export function dialectOfEnvironment(environment: NodeJS.ProcessEnv): DialectSettings {
  const { LOCAL_NFS_PROFILE: profile, LOCAL_NFS_DIALECT: dialect } = environment;
  return {
    ...(profile ? { profile: parse("LOCAL_NFS_PROFILE", profileSchema, profile) } : {}),
    ...(dialect ? { dialect: parse("LOCAL_NFS_DIALECT", jsonOf(dialectChangesSchema), dialect) } : {}),
  };
}

function jsonOf<T>(schema: z.ZodType<T>) {
  return z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({ code: "custom", message: "it must be JSON" });
        return z.NEVER;
      }
    })
    .pipe(schema);
}

function parse<T>(variable: string, schema: z.ZodType<T>, text: string): T {
  const result = schema.safeParse(text);
  if (result.success) return result.data;
  const reasons = result.error.issues.map(({ path, message }) => [...path, message].join(": "));
  throw new Error(`${variable} is ${text}: ${reasons.join("; ")}`);
}

/** The messages between this process and the one with the NFS servers: a command, then whether it worked. */
import { z } from "zod";
import { dialectChangesSchema, profileSchema } from "./dialect.ts";

const id = z.number();
/** The mount target's address. */
const host = z.string();
/** One mount target's address; all of them when absent. */
const hostOrAll = z.string().exactOptional();
const milliseconds = z.number().nonnegative();

export const commandSchema = z.discriminatedUnion("action", [
  z.object({ id, action: z.literal("start"), host }),
  z.object({ id, action: z.literal("stop"), host }),
  z.object({ id, action: z.literal("change dialect"), host: hostOrAll, changes: dialectChangesSchema }),
  z.object({ id, action: z.literal("stall"), host: hostOrAll, milliseconds }),
  z.object({ id, action: z.literal("delay operations"), host: hostOrAll, milliseconds }),
  z.object({ id, action: z.literal("refuse connections"), host: hostOrAll, milliseconds }),
]);

export type Command = z.infer<typeof commandSchema>;

export const replySchema = z.object({ id, error: z.string().optional() });

export type Reply = z.infer<typeof replySchema>;

/** How the servers are, for all mount targets of one file system. */
export const settingsSchema = z.object({
  /** The directory that they all export. */
  directory: z.string(),
  port: z.number(),
  /** The bandwidth of each mount target; unlimited when absent. */
  bytesPerSecond: z.number().optional(),
  /** The latency of each operation; none when absent. */
  operationDelayMs: z.number().optional(),
  /** What they refuse, and where their limits are; `full` when absent. */
  profile: profileSchema.exactOptional(),
  /** What differs from the profile. */
  dialect: dialectChangesSchema.exactOptional(),
});

export type MountTargetSettings = z.infer<typeof settingsSchema>;

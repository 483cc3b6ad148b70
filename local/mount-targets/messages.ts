/** The messages between this process and the one with the NFS servers: a command, then whether it worked. */
import { z } from "zod";

export const commandSchema = z.object({
  id: z.number(),
  action: z.enum(["start", "stop"]),
  /** The mount target's address. */
  host: z.string(),
});

export type Command = z.infer<typeof commandSchema>;

export const replySchema = z.object({ id: z.number(), error: z.string().optional() });

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
});

export type MountTargetSettings = z.infer<typeof settingsSchema>;

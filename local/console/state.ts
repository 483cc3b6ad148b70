/** What the console of a local run shows, as the server says it and the page reads it. Times are milliseconds since 1970. */
import * as z from "zod/mini";

export const consoleStateSchema = z.object({
  time: z.number(),
  /** EventBridge's next event. */
  nextRun: z.optional(z.number()),
  lastRun: z.optional(z.object({ time: z.number(), succeeded: z.boolean(), text: z.string() })),
  /** The mount table's parameter. */
  parameter: z.object({ name: z.string(), version: z.number(), modified: z.number(), targets: z.number() }),
  deployment: z.object({
    id: z.string(),
    state: z.string(),
    started: z.number(),
    running: z.number(),
    desired: z.number(),
  }),
  targets: z.array(
    z.object({
      address: z.string(),
      zone: z.string(),
      /** As EFS says. */
      lifeCycleState: z.string(),
      isKilled: z.boolean(),
      isSlow: z.boolean(),
    }),
  ),
});

export type ConsoleState = z.infer<typeof consoleStateSchema>;

/** What the page's buttons do. A target is named by its address. */
export const actionSchema = z.discriminatedUnion("action", [
  z.object({ action: z.literal("write files") }),
  z.object({ action: z.literal("run monitor") }),
  z.object({ action: z.literal("slow down"), target: z.string() }),
  z.object({ action: z.literal("speed up"), target: z.string() }),
  z.object({ action: z.literal("kill"), target: z.string() }),
  z.object({ action: z.literal("start"), target: z.string() }),
]);

export type Action = z.infer<typeof actionSchema>;

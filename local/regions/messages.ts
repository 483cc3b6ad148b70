/** The messages between a command and the process of a region: what it is to be, and what happens there. */
import { z } from "zod";

const port = z.int().min(1).max(65_535);

export const settingsSchema = z.object({
  /** Which of the two it is. */
  name: z.enum(["tokyo", "osaka"]),
  directory: z.string(),
  ports: z.object({ nfs: port, controlPlane: port, loadBalancer: port, replication: port }),
  /** The role's document, of a region that starts for the first time. */
  role: z.string(),
  peers: z.record(z.string(), port),
  replication: z.object({ syncInterval: z.number(), deletionDelay: z.number() }),
  /** What the routers' environment has besides. */
  environment: z.record(z.string(), z.string()),
  tasks: z.int().min(1),
  mountTargets: z.int().min(1),
  fileCountThreshold: z.int(),
  /** Milliseconds from one run of the monitor to the next. */
  monitorInterval: z.number(),
});

export type RegionSettings = z.infer<typeof settingsSchema>;

export const eventSchema = z.discriminatedUnion("event", [
  z.object({ event: z.literal("ready") }),
  z.object({ event: z.literal("failed"), reason: z.string() }),
  z.object({
    event: z.literal("log"),
    line: z.object({ source: z.string(), stream: z.enum(["stdout", "stderr"]), text: z.string() }),
  }),
]);

export type RegionEvent = z.infer<typeof eventSchema>;

/**
 * What routers say to each other and to the status page. Both sides parse it: in the middle of a rollout they may be of
 * different versions. By zod's small variant, which is bundled for browsers.
 *
 * Times are milliseconds since 1970, durations milliseconds.
 */
import { monitorStatusSchema } from "@efs-mount-autoscaling/mount-table/monitor-status";
import * as z from "zod/mini";

/** How many changes of state are shown. */
export const MAX_CHANGES = 50;

/** How many of the hottest paths and directories are shown. */
export const HOT_SPOT_RANKS = 10;

const hotSpotSchema = z.object({
  path: z.string(),
  perSecond: z.number(),
  /** Of all requests, from 0 to 1. */
  share: z.number(),
});

const hotSpotsSchema = z.object({
  /** Paths above the share that makes them hot. */
  hot: z.array(z.string()),
  paths: z.array(hotSpotSchema),
  directories: z.array(hotSpotSchema),
});

const boundsSchema = z.object({ lower: z.number(), upper: z.number() });

const costsSchema = z.object({
  /** That EFS meters. */
  meteredBytes: boundsSchema,
  /** Of throughput and of traffic between zones; absent where the region's prices are not known. */
  dollars: z.optional(boundsSchema),
  /** At the rate since the start. */
  dollarsAMonth: z.optional(boundsSchema),
  pricesAsOf: z.string(),
});

const changeSchema = z.object({
  time: z.number(),
  target: z.string(),
  state: z.string(),
  reason: z.optional(z.string()),
});

/** What one process of a task saw. */
export const taskChangesSchema = z.object({ taskId: z.string(), changes: z.array(changeSchema) });

/** A change, and how many routers saw it within seconds. */
const sharedChangeSchema = z.extend(changeSchema, { seenBy: z.number() });

/** Of each mount target: requests a second, bytes a second, and the latency that 1 % exceeded. */
const historyPointSchema = z.object({
  time: z.number(),
  targets: z.record(z.string(), z.tuple([z.number(), z.number(), z.number()])),
});

export const historySchema = z.array(historyPointSchema);

/** A mount target as one router sees it. Counts are since the router started. */
const targetOfTaskSchema = z.object({
  id: z.string(),
  address: z.string(),
  zone: z.string(),
  state: z.string(),
  since: z.number(),
  reason: z.optional(z.string()),
  inFlight: z.number(),
  requests: z.number(),
  errors: z.number(),
  bytesRead: z.number(),
  bytesWritten: z.number(),
  latencies: z.record(z.string(), z.number()),
});

const peerSchema = z.object({ region: z.string(), url: z.optional(z.string()) });

/** What one router says of its region, where there are two. Absent is what it does not know. */
const regionOfTaskSchema = z.object({
  role: z.optional(z.string()),
  epoch: z.optional(z.number()),
  region: z.optional(z.string()),
  peer: z.optional(peerSchema),
  /** Whether it takes writes now, and why it takes none. */
  writable: z.boolean(),
  reason: z.optional(z.string()),
  replicaLagSeconds: z.optional(z.number()),
  /** Since it started, by why. */
  refusedWrites: z.record(z.string(), z.number()),
});

/** What all routers say of their region together: the role of the highest epoch that one of them knows. */
const regionSchema = z.extend(z.omit(regionOfTaskSchema, { writable: true, reason: true }), {
  /** How many of the routers take writes, and why the others take none. */
  writableRouters: z.number(),
  routers: z.number(),
  reasons: z.array(z.string()),
});

/** What one router says of itself. */
export const taskStatusSchema = z.object({
  id: z.string(),
  zone: z.optional(z.string()),
  time: z.number(),
  startedAt: z.number(),
  memory: z.number(),
  targets: z.array(targetOfTaskSchema),
  hotSpots: hotSpotsSchema,
  costs: costsSchema,
  changes: z.array(changeSchema),
  ownRegion: z.optional(regionOfTaskSchema),
  /** Where it was asked for. */
  history: z.optional(historySchema),
});

/** A mount target as all routers together see it. Rates and latencies are of the last seconds. */
const targetSchema = z.object({
  id: z.string(),
  address: z.string(),
  zone: z.string(),
  /** The worst that a router sees. */
  state: z.string(),
  since: z.number(),
  reason: z.optional(z.string()),
  /** How many of the routers see it in that state. */
  seenBy: z.number(),
  routers: z.number(),
  share: z.number(),
  requestsPerSecond: z.number(),
  readPerSecond: z.number(),
  writtenPerSecond: z.number(),
  p50: z.optional(z.number()),
  p99: z.optional(z.number()),
  inFlight: z.number(),
  errors: z.number(),
  errorsPerSecond: z.number(),
});

const taskSchema = z.object({
  id: z.string(),
  zone: z.optional(z.string()),
  /** As ECS calls it. */
  status: z.string(),
  /** Whether it belongs to the newest deployment. */
  isCurrent: z.boolean(),
  startedAt: z.optional(z.number()),
  requestsPerSecond: z.optional(z.number()),
  inFlight: z.optional(z.number()),
  memory: z.optional(z.number()),
  /** Whether it is the one that says all this. */
  isSelf: z.boolean(),
  /** Why it does not say how it is. */
  problem: z.optional(z.string()),
});

export const serviceStatusSchema = z.object({
  time: z.number(),
  fileSystemId: z.string(),
  /** Present where all rates are 0 since there is nothing to compare with yet. */
  withoutRates: z.optional(z.literal(true)),
  targets: z.array(targetSchema),
  total: z.object({
    requestsPerSecond: z.number(),
    bytesPerSecond: z.number(),
    p50: z.optional(z.number()),
    p99: z.optional(z.number()),
    errorsPerSecond: z.number(),
    inFlight: z.number(),
  }),
  tasks: z.array(taskSchema),
  /** Why only this router is shown; absent where ECS names the others. */
  aloneBecause: z.optional(z.string()),
  hotSpots: hotSpotsSchema,
  costs: z.optional(costsSchema),
  /** Where there are two. */
  ownRegion: z.optional(regionSchema),
  monitor: z.object({ status: z.optional(monitorStatusSchema), problem: z.optional(z.string()) }),
  /** Newest first. */
  changes: z.array(sharedChangeSchema),
});

/** Where a path goes. */
export const routeSchema = z.object({ path: z.string(), targets: z.array(z.string()) });

/** What the reader of a page may do: whether it needs a token, and has one. */
export const sessionSchema = z.object({
  needsToken: z.boolean(),
  signedIn: z.boolean(),
  /** Why nobody may write through this router now, and where the primary is, if it is elsewhere. */
  readOnly: z.optional(z.object({ reason: z.string(), primary: z.optional(z.string()) })),
});

export type Bounds = z.infer<typeof boundsSchema>;
export type Change = z.infer<typeof changeSchema>;
export type TaskChanges = z.infer<typeof taskChangesSchema>;
export type SharedChange = z.infer<typeof sharedChangeSchema>;
export type Costs = z.infer<typeof costsSchema>;
export type History = z.infer<typeof historySchema>;
export type HistoryPoint = z.infer<typeof historyPointSchema>;
export type HotSpot = z.infer<typeof hotSpotSchema>;
export type HotSpots = z.infer<typeof hotSpotsSchema>;
export type TargetOfTask = z.infer<typeof targetOfTaskSchema>;
export type TaskStatus = z.infer<typeof taskStatusSchema>;
export type TargetStatus = z.infer<typeof targetSchema>;
export type Session = z.infer<typeof sessionSchema>;
export type RegionOfTask = z.infer<typeof regionOfTaskSchema>;
export type RegionStatus = z.infer<typeof regionSchema>;
export type TaskOfService = z.infer<typeof taskSchema>;
export type ServiceStatus = z.infer<typeof serviceStatusSchema>;

/** The routers' counters of their mount targets: `GET /targets` of every task, added up. */
import { z } from "zod";

const responseSchema = z.object({
  targets: z.array(
    z.object({
      id: z.string(),
      availabilityZone: z.string(),
      state: z.string(),
      retiring: z.boolean(),
      requests: z.number(),
      bytesRead: z.number(),
      bytesWritten: z.number(),
    }),
  ),
});

export interface TargetCounts {
  readonly id: string;
  readonly availabilityZone: string;
  readonly requests: number;
  readonly bytes: number;
}

type Targets = z.infer<typeof responseSchema>["targets"];

async function askTasks(taskUrls: readonly string[]): Promise<Targets[]> {
  return Promise.all(
    taskUrls.map(async (url) => {
      const response = await fetch(`${url}/targets`, { signal: AbortSignal.timeout(10_000) });
      return responseSchema.parse(await response.json()).targets;
    }),
  );
}

/** Mount targets as the tasks see them. */
export interface TargetsInUse {
  /** To which every task sends its requests. */
  readonly serving: number;
  /** To which some task sends nothing new, because they are going to be deleted. */
  readonly retiring: number;
}

export async function countInUse(taskUrls: readonly string[]): Promise<TargetsInUse> {
  const reports = await askTasks(taskUrls);
  const count = (of: (target: Targets[number]) => boolean) => reports.map((targets) => targets.filter(of).length);
  return {
    serving: Math.min(...count(({ state, retiring }) => state === "connected" && !retiring)),
    retiring: Math.max(...count(({ retiring }) => retiring)),
  };
}

/** Whether each task is connected to so many mount targets. */
export async function areConnected(taskUrls: readonly string[], mountTargets: number): Promise<boolean> {
  const reports = await askTasks(taskUrls);
  return reports.every((targets) => targets.filter(({ state }) => state === "connected").length === mountTargets);
}

/** Asks each task, and adds up what they counted since they started. In the order of the Availability Zones. */
export async function countTargets(taskUrls: readonly string[]): Promise<TargetCounts[]> {
  const reports = await askTasks(taskUrls);
  const sums = new Map<string, TargetCounts>();
  for (const { id, availabilityZone, requests, bytesRead, bytesWritten } of reports.flat()) {
    const sum = sums.get(id);
    sums.set(id, {
      id,
      availabilityZone,
      requests: requests + (sum?.requests ?? 0),
      bytes: bytesRead + bytesWritten + (sum?.bytes ?? 0),
    });
  }
  return [...sums.values()].sort((a, b) => (a.availabilityZone < b.availabilityZone ? -1 : 1));
}

/** What the same tasks counted between two reports. */
export function countsBetween(before: readonly TargetCounts[], after: readonly TargetCounts[]): TargetCounts[] {
  return after.map((target) => {
    const earlier = before.find(({ id }) => id === target.id);
    return {
      ...target,
      requests: target.requests - (earlier?.requests ?? 0),
      bytes: target.bytes - (earlier?.bytes ?? 0),
    };
  });
}

/** Each target's share of the requests, from 0 to 1. */
export function shares(targets: readonly TargetCounts[]): number[] {
  const total = targets.reduce((sum, { requests }) => sum + requests, 0);
  return targets.map(({ requests }) => (total === 0 ? 0 : requests / total));
}

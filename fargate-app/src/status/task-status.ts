/** What a router says of itself, from what each of its workers says. */
import { addCounts } from "@efs-mount-autoscaling/routed-files";
import type { WorkerGroup } from "../workers/group.ts";
import type { RegionOfTask, TargetOfTask, TaskStatus } from "./document.ts";
import { mergeHistories } from "./history.ts";
import { mergeChanges, mergeCosts, mergeHotSpots, mergeRegions } from "./merge.ts";
import { severityOf } from "./severity.ts";

interface TaskStatusOptions {
  readonly withHistory: boolean;
}

export type ReadTaskStatus = (options: TaskStatusOptions) => Promise<TaskStatus>;

export function taskStatusOf(group: Pick<WorkerGroup, "ask">): ReadTaskStatus {
  return async ({ withHistory }) => {
    const [workers, histories] = await Promise.all([
      group.ask("status"),
      withHistory ? group.ask("history") : undefined,
    ]);
    return { ...mergeWorkers(workers), ...(histories && { history: mergeHistories(histories) }) };
  };
}

function mergeWorkers(workers: readonly TaskStatus[]): TaskStatus {
  const [first] = workers;
  if (first === undefined) throw new Error("No worker answers");
  if (workers.length === 1) return first;
  const targets = new Map<string, TargetOfTask[]>();
  for (const target of workers.flatMap((worker) => worker.targets)) {
    targets.set(target.id, [...(targets.get(target.id) ?? []), target]);
  }
  return {
    id: first.id,
    zone: first.zone,
    time: Math.max(...workers.map(({ time }) => time)),
    startedAt: Math.min(...workers.map(({ startedAt }) => startedAt)),
    memory: workers.reduce((sum, { memory }) => sum + memory, 0),
    targets: [...targets.values()].map((seen) => seen.reduce(mergeTarget)),
    hotSpots: mergeHotSpots(workers.map(({ hotSpots }) => hotSpots)),
    costs: mergeCosts(workers.map(({ costs }) => costs)) ?? first.costs,
    changes: mergeChanges(workers.flatMap(({ changes }) => changes))
      .map(({ seenBy: _, ...change }) => change)
      .reverse(),
    ownRegion: mergeRegion(workers.flatMap(({ ownRegion }) => ownRegion ?? [])),
  };
}

/** The router takes writes where each of its workers does. */
function mergeRegion(all: readonly RegionOfTask[]): RegionOfTask | undefined {
  const merged = mergeRegions(all);
  if (merged === undefined) return undefined;
  const { writableRouters, routers, reasons, ...region } = merged;
  return { ...region, writable: writableRouters === routers, reason: reasons[0] };
}

/** What is counted adds up, and the worse state counts. */
function mergeTarget(a: TargetOfTask, b: TargetOfTask): TargetOfTask {
  const worse = severityOf(b.state) < severityOf(a.state) ? b : a;
  return {
    ...worse,
    inFlight: a.inFlight + b.inFlight,
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    bytesRead: a.bytesRead + b.bytesRead,
    bytesWritten: a.bytesWritten + b.bytesWritten,
    latencies: addCounts([a.latencies, b.latencies]),
  };
}

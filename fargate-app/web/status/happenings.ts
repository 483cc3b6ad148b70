/** What has happened lately: what routers saw of mount targets, and what the file monitor did. */
import type { MonitorEvent } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { MAX_CHANGES, type ServiceStatus, type SharedChange } from "../../src/status/document.ts";

export type Happening =
  | { readonly by: "routers"; readonly time: number; readonly change: SharedChange }
  | { readonly by: "monitor"; readonly time: number; readonly event: MonitorEvent };

/** Newest first. */
export function happeningsOf({ changes, monitor }: Pick<ServiceStatus, "changes" | "monitor">): Happening[] {
  return [
    ...changes.map((change) => ({ by: "routers", time: change.time, change }) as const),
    // Those of one run have one time.
    ...(monitor.status?.events ?? [])
      .toReversed()
      .map((event) => ({ by: "monitor", time: event.time, event }) as const),
  ]
    .sort((one, two) => two.time - one.time)
    .slice(0, MAX_CHANGES);
}

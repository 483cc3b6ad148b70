/**
 * The process of one region: its AWS and its load balancer, and the parent of all its other processes.
 *
 * Started by region.ts, with its settings as argument. All of them are in one group, which can be killed at once. It ends
 * when the process that started it does.
 */
import { once } from "node:events";
import { parseRegionRole } from "@efs-mount-autoscaling/mount-table";
import { OSAKA, TOKYO } from "../account.ts";
import { shareGroup } from "../machine/process.ts";
import { startStack } from "../stack.ts";
import { type RegionEvent, settingsSchema } from "./messages.ts";

const LOCATIONS = { tokyo: TOKYO, osaka: OSAKA };

const { name, directory, ports, role, peers, replication, environment, ...settings } = settingsSchema.parse(
  JSON.parse(process.argv[2] ?? ""),
);
const stopping = new AbortController();
shareGroup();

process.on("disconnect", () => process.exit());
process.on("SIGTERM", () => stopping.abort(new Error("stopped")));

try {
  const stack = await startStack({
    ...settings,
    region: {
      location: LOCATIONS[name],
      directory,
      ports,
      role: parseRegionRole(role),
      peers,
      replication,
      environment,
    },
    rollout: "hot-reload",
    mountTargetCreationDelay: 2_000,
    log: (line) => tell({ event: "log", line }),
    onMonitorRun: () => {},
    signal: stopping.signal,
  });
  tell({ event: "ready" });
  if (!stopping.signal.aborted) await once(stopping.signal, "abort");
  await stack.close();
} catch (error) {
  if (!stopping.signal.aborted)
    tell({ event: "failed", reason: error instanceof Error ? error.message : String(error) });
} finally {
  process.disconnect();
}

function tell(event: RegionEvent): void {
  if (process.connected) process.send?.(event);
}

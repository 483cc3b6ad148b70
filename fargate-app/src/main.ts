/**
 * `node dist/router/main.cjs`: runs the router until SIGTERM or SIGINT; SIGHUP makes it read the mount table again.
 *
 * With more than one worker, this process is their primary, and each of them runs this program as well.
 */
import "./client-key.ts";
import cluster from "node:cluster";
import { EventEmitter } from "node:events";
import { dirname, join } from "node:path";
import { mountTableSources } from "@efs-mount-autoscaling/routed-files";
import { connectNfs } from "nfs-client";
import { secretSource } from "./authentication/secret.ts";
import { loadPageAssets } from "./http/routes/pages/assets.ts";
import { createLog, standardOutput } from "./log.ts";
import { regionSources } from "./region/sources.ts";
import { accessKeySource } from "./s3/access-keys.ts";
import type { ExitCode, World } from "./service.ts";
import { onlyWorker } from "./workers/group.ts";
import { workerPlan } from "./workers/plan.ts";
import { supervise } from "./workers/primary.ts";
import { joinPrimary } from "./workers/worker.ts";

const output = standardOutput();
const log = createLog(output);

process.on("uncaughtException", (error) => {
  log.fatal({ err: error }, `The router failed: ${error.message}`);
  process.exit(1);
});

async function main(): Promise<ExitCode> {
  if (cluster.isWorker) {
    const { number, ...joined } = await joinPrimary();
    return serve({ log: log.child({ worker: number }), ...joined });
  }
  const signals = listenToSignals();
  const plan = await workerPlan(process.env, log);
  if (plan === undefined) return serve({ log, group: onlyWorker(), ...signals });
  return supervise({ ...plan, log, write: (lines) => void output.write(lines), ...signals });
}

async function serve(own: Pick<World, "log" | "group" | "stop" | "onReload">): Promise<ExitCode> {
  // Not loaded by a primary, which lives as long as its workers.
  const { run } = await import("./service.ts");
  return run({
    environment: process.env,
    connect: connectNfs,
    tokenSource: secretSource,
    accessKeySource,
    mountTableSources,
    regionSources,
    // A bundle of their own (build.ts), which is not loaded before someone wants to see them.
    loadDocsAssets: async () => (await import("./http/routes/docs/assets.ts")).loadDocsAssets(),
    // Beside this bundle.
    loadPageAssets: () => loadPageAssets(join(dirname(process.argv[1] ?? ""), "pages")),
    serviceTasks: async (options) => (await import("./ecs/service-tasks.ts")).serviceTasks(options),
    ...own,
  });
}

function listenToSignals(): Pick<World, "stop" | "onReload"> {
  const stop = new Promise<string>((resolve) => {
    // Once: a second signal ends the process at once.
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  const signals = new EventEmitter<{ reload: [] }>();
  // Not only once the service listens: unheard, the signal would end the process.
  process.on("SIGHUP", () => signals.emit("reload"));
  return { stop, onReload: (listener) => void signals.on("reload", listener) };
}

main().then((code) => process.exit(code));

/** `node dist/router/main.cjs`: runs the router until SIGTERM or SIGINT; SIGHUP makes it read the mount table again. */
import { EventEmitter } from "node:events";
import { dirname, join } from "node:path";
import { connectNfs } from "nfs-client";
import { secretSource } from "./authentication/secret.ts";
import { loadPageAssets } from "./http/routes/pages/assets.ts";
import { createLog } from "./log.ts";
import { regionSources } from "./region/sources.ts";
import { mountTableSources } from "./router/mount-table-sources.ts";
import { run } from "./service.ts";

const log = createLog();

process.on("uncaughtException", (error) => {
  log.fatal({ err: error }, `The router failed: ${error.message}`);
  process.exit(1);
});

const stop = new Promise<string>((resolve) => {
  // Once: a second signal ends the process at once.
  process.once("SIGTERM", resolve);
  process.once("SIGINT", resolve);
});

const signals = new EventEmitter<{ reload: [] }>();
// Not only once the service listens: unheard, the signal would end the process.
process.on("SIGHUP", () => signals.emit("reload"));
const onReload = (listener: () => void) => void signals.on("reload", listener);

run({
  environment: process.env,
  log,
  connect: connectNfs,
  tokenSource: secretSource,
  mountTableSources,
  regionSources,
  // A bundle of their own (build.ts), which is not loaded before someone wants to see them.
  loadDocsAssets: async () => (await import("./http/routes/docs/assets.ts")).loadDocsAssets(),
  // Beside this bundle.
  loadPageAssets: () => loadPageAssets(join(dirname(process.argv[1] ?? ""), "pages")),
  serviceTasks: async (options) => (await import("./ecs/service-tasks.ts")).serviceTasks(options),
  stop,
  onReload,
}).then((code) => process.exit(code));

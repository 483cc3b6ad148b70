/** The HTTP server over a router over NFS servers in memory. */
import { Meter } from "@efs-mount-autoscaling/metering";
import type { RoutedFilesOptions } from "@efs-mount-autoscaling/routed-files";
import type { FastifyInstance } from "fastify";
import { MemoryBudget } from "nfs-client";
import { ChangeFeed } from "../../fargate-app/src/feed/change-feed.ts";
import type { HttpLimits } from "../../fargate-app/src/http/limits.ts";
import { createServer, type ServerOptions } from "../../fargate-app/src/http/server.ts";
import { Metrics } from "../../fargate-app/src/metrics.ts";
import { readSettings } from "../../fargate-app/src/settings.ts";
import { Changes } from "../../fargate-app/src/status/changes.ts";
import { ServiceWatch } from "../../fargate-app/src/status/service-watch.ts";
import { TaskReport } from "../../fargate-app/src/status/task-report.ts";
import { taskStatusOf } from "../../fargate-app/src/status/task-status.ts";
import { answersOf } from "../../fargate-app/src/workers/answers.ts";
import { onlyWorker } from "../../fargate-app/src/workers/group.ts";
import { type MemoryNetwork, type MemoryRouter, memoryLog, startMemoryRouter } from "./memory-router.ts";
import { noStatusPage } from "./status-page.ts";

export interface MemoryHttpServer extends MemoryRouter {
  readonly app: FastifyInstance;
  /** `http://127.0.0.1:…` */
  readonly url: string;
  close(): Promise<void>;
}

export async function startMemoryServer(
  network?: MemoryNetwork,
  {
    limits,
    changeFeedRetention,
    ...options
  }: Partial<Omit<ServerOptions, "limits" | "feed"> & RoutedFilesOptions> & {
    limits?: Partial<HttpLimits>;
    /** Absent: there is no change feed. */
    changeFeedRetention?: number;
  } = {},
): Promise<MemoryHttpServer> {
  const metrics = new Metrics();
  const changes = new Changes();
  const started = await startMemoryRouter(network, {
    onOperation: metrics.observeOperation,
    onStateChange: (...change) => changes.note(...change),
    ...options,
  });
  metrics.watch(started.router);
  const meter = new Meter();
  metrics.watchCosts(started.router, meter);
  const { region, ownRegion } = options;
  const id = "task";
  const report = new TaskReport({ id, files: started.router, meter, region, ownRegion, changes });
  const group = onlyWorker();
  group.answerWith(answersOf({ files: started.router, metrics, meter, report }));
  group.noteConnected();
  const watch = new ServiceWatch({
    fileSystemId: "fs-1",
    ownId: id,
    own: taskStatusOf(group),
    loadTasks: undefined,
    readMonitor: undefined,
    readChanges: async () => [],
  });
  const { log, lines } = memoryLog();
  const feed =
    changeFeedRetention === undefined
      ? undefined
      : new ChangeFeed({ files: started.router.ownFiles("changes"), retention: changeFeedRetention, log });
  if (feed !== undefined) started.router.recordChanges(feed.recorder);
  const allLimits = { ...readSettings({ EFS_FILE_SYSTEM_ID: "fs-1" }).httpLimits, ...limits };
  const app = createServer({
    files: started.router,
    metrics,
    group,
    feed,
    log,
    accessLog: false,
    limits: allLimits,
    wholeBodies: { allowance: new MemoryBudget(allLimits.appendMemory), shared: started.router.memory },
    isStopping: () => false,
    loadDocsAssets: async () => ({ css: "css", script: "script" }),
    loadPageAssets: noStatusPage.loadPageAssets,
    statusPage: { watch },
    ...options,
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const close = async () => {
    // Clients of tests keep connections, and open some that they never use.
    app.server.closeAllConnections();
    await app.close();
    feed?.stop();
    watch.stop();
    report.stop();
    await started.router.close();
    meter.stop();
  };
  return { ...started, lines, app, url, close };
}

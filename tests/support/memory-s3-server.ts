/** The S3 API over a router, in this process, and the AWS SDK for it. */
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import type { RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { MemoryBudget } from "nfs-client";
import type { Logger } from "pino";
import { onTestFinished } from "vitest";
import { Metrics } from "../../fargate-app/src/metrics.ts";
import type { AccessKey } from "../../fargate-app/src/s3/access-keys.ts";
import { Objects } from "../../fargate-app/src/s3/objects/objects.ts";
import { Records } from "../../fargate-app/src/s3/objects/records.ts";
import { createS3Server, type S3ServerOptions } from "../../fargate-app/src/s3/server.ts";
import { readSettings } from "../../fargate-app/src/settings.ts";
import { onlyWorker } from "../../fargate-app/src/workers/group.ts";
import { type MemoryRouter, memoryLog, startTestRouter } from "./memory-router.ts";

/** May do everything. */
export const OWNER = {
  accessKeyId: "AKIATESTTESTTESTTEST",
  secretAccessKey: "secret".repeat(7),
  readOnly: false,
} satisfies AccessKey;

interface S3ServerOver {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  readonly objects: Objects;
}

export interface MemoryS3Server extends MemoryRouter, S3ServerOver {
  /** May do everything. */
  readonly client: S3Client;
  clientOf(accessKey: AccessKey): S3Client;
}

/** For one test. */
export async function startS3ServerOver(
  router: RoutedFiles,
  log: Logger,
  accessKeys: readonly AccessKey[] = [OWNER],
  options: Pick<S3ServerOptions, "domain"> = {},
): Promise<S3ServerOver> {
  const objects = new Objects(router, new Records(router, log));
  const limits = readSettings({ EFS_FILE_SYSTEM_ID: "fs-1" }).httpLimits;
  const app = createS3Server({
    files: router,
    objects,
    metrics: new Metrics(),
    group: onlyWorker(),
    accessKeys: { of: (id) => accessKeys.filter(({ accessKeyId }) => accessKeyId === id) },
    region: "ap-northeast-1",
    log,
    accessLog: false,
    limits,
    wholeBodies: { allowance: new MemoryBudget(limits.appendMemory), shared: router.memory },
    ...options,
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  return { url, objects };
}

/** For one test. */
export function s3ClientOf(
  endpoint: string,
  { accessKeyId, secretAccessKey }: Pick<AccessKey, "accessKeyId" | "secretAccessKey">,
  configuration: S3ClientConfig = {},
): S3Client {
  const client = new S3Client({
    endpoint,
    region: "ap-northeast-1",
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    ...configuration,
  });
  onTestFinished(() => client.destroy());
  return client;
}

/** Over a router over NFS servers in memory, for one test, with a bucket `bucket`. */
export async function startMemoryS3Server(
  accessKeys: readonly AccessKey[] = [],
  options?: Parameters<typeof startTestRouter>[1],
): Promise<MemoryS3Server> {
  const started = await startTestRouter(undefined, options);
  started.network.files.makeDirectories("/data/bucket");
  const { log, lines } = memoryLog();
  const server = await startS3ServerOver(started.router, log, [OWNER, ...accessKeys]);
  const clientOf = (accessKey: AccessKey) => s3ClientOf(server.url, accessKey, { maxAttempts: 1 });
  return { ...started, ...server, lines, client: clientOf(OWNER), clientOf };
}

/** The S3 API over a router over NFS servers in memory, and the AWS SDK for it. */
import { S3Client } from "@aws-sdk/client-s3";
import { MemoryBudget } from "nfs-client";
import { onTestFinished } from "vitest";
import { Metrics } from "../../fargate-app/src/metrics.ts";
import type { AccessKey } from "../../fargate-app/src/s3/access-keys.ts";
import { Objects } from "../../fargate-app/src/s3/objects/objects.ts";
import { Records } from "../../fargate-app/src/s3/objects/records.ts";
import { createS3Server } from "../../fargate-app/src/s3/server.ts";
import { readSettings } from "../../fargate-app/src/settings.ts";
import { onlyWorker } from "../../fargate-app/src/workers/group.ts";
import { type MemoryRouter, memoryLog, startTestRouter } from "./memory-router.ts";

export interface MemoryS3Server extends MemoryRouter {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  readonly objects: Objects;
  /** May do everything. */
  readonly client: S3Client;
  clientOf(accessKey: AccessKey): S3Client;
}

export const OWNER: AccessKey = {
  accessKeyId: "AKIATESTTESTTESTTEST",
  secretAccessKey: "secret".repeat(7),
  readOnly: false,
};

/** For one test, with a bucket `bucket`. */
export async function startMemoryS3Server(
  accessKeys: readonly AccessKey[] = [],
  options?: Parameters<typeof startTestRouter>[1],
): Promise<MemoryS3Server> {
  const started = await startTestRouter(undefined, options);
  started.network.files.makeDirectories("/data/bucket");
  const { log, lines } = memoryLog();
  const objects = new Objects(started.router, new Records(started.router, log));
  const all = [OWNER, ...accessKeys];
  const limits = readSettings({ EFS_FILE_SYSTEM_ID: "fs-1" }).httpLimits;
  const app = createS3Server({
    files: started.router,
    objects,
    metrics: new Metrics(),
    group: onlyWorker(),
    accessKeys: { of: (id) => all.filter(({ accessKeyId }) => accessKeyId === id) },
    region: "ap-northeast-1",
    log,
    accessLog: false,
    limits,
    wholeBodies: { allowance: new MemoryBudget(limits.appendMemory), shared: started.router.memory },
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  const clientOf = ({ accessKeyId, secretAccessKey }: AccessKey) => {
    const client = new S3Client({
      endpoint: url,
      region: "ap-northeast-1",
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
    });
    onTestFinished(() => client.destroy());
    return client;
  };
  return { ...started, lines, url, objects, client: clientOf(OWNER), clientOf };
}
